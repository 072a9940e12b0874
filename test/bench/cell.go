package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/ringfence/ringfence/test/site"
)

// load is what a proxy is put under.
type load struct {
	script  string        // of the caller
	numbers string        // its injection file
	reason  string        // what Ringfence's decisions must give for every call
	hold    time.Duration // from a call's INVITE to its end; 0 when it is refused
}

// The loads. A call that is let out needs somebody who answers.
var (
	fullCalls     = load{"caller.xml", "allowed.csv", "allowed", 250 * time.Millisecond}
	listedNumbers = load{"caller-blocked.xml", "listed.csv", "dnc", 0}
	ownedNumbers  = load{"caller-blocked.xml", "owned.csv", "owned", 0}
)

// cell is one measurement: a proxy under one load at one rate for some seconds.
type cell struct {
	rate, calls int
	failed      int     // calls that did not end as they should
	repeated    int     // SIP messages that either end sent again
	astray      int     // calls that Ringfence did not decide for the reason it should: by its outage table, say
	reached     float64 // calls a second
	cpu, redis  float64 // µs of CPU a call
	pss         float64 // bytes, afterwards
	idle, steal float64 // share of the machine's CPU time
}

// flawless says whether the proxy carried the load: nothing repeated, hardly a call failed, the rate kept.
func (c cell) flawless() bool {
	bad := float64(c.failed + c.astray)
	return c.repeated == 0 && bad < 0.001*float64(c.calls) && c.reached >= 0.96*float64(c.rate)
}

// SIPp's options under load: its own 64 KiB of socket buffer hold less than 10 ms of 1,000 calls a second, and it looks
// at its timers every millisecond, so that calls begin one by one.
var underLoad = []string{"-buff_size", "4000000", "-timer_resol", "1", "-recv_timeout", "8000", "-l", "60000"}

// How long is waited before what a proxy used is read: it may write records in batches; and what SIPp takes to start.
const (
	settleFor   = 300 * time.Millisecond
	sippStartup = 50 * time.Millisecond
)

// measure puts p under l at rate calls a second for secs seconds.
func (s *stand) measure(ctx context.Context, p *proxy, l load, rate int, secs float64) (c cell, err error) {
	c.rate, c.calls = rate, int(math.Round(float64(rate)*secs))
	ends, err := s.dialIn(p, l, rate, c.calls, secs)
	if err != nil {
		return c, err
	}
	defer ends.kill()
	decided, err := p.decided(ctx, l.reason)
	if err != nil {
		return c, err
	}
	before, err := s.usageOf(p)
	if err != nil {
		return c, err
	}
	began := time.Now()
	if err := ends.caller.Start(); err != nil {
		return c, err
	}
	failed := ends.caller.Wait(ctx) // calls that failed are counted below
	took := time.Since(began)
	if ctx.Err() != nil {
		return c, context.Cause(ctx)
	}
	time.Sleep(settleFor)
	after, err := s.usageOf(p)
	if err != nil {
		return c, err
	}
	if err := ends.count(ctx, &c, failed); err != nil {
		return c, err
	}
	c.pss = after.pss
	c.reached = float64(c.calls) / (took - l.hold - sippStartup).Seconds()
	return c, errors.Join(c.charge(before, after, took), c.compare(ctx, p, l, decided))
}

// usage is what the processes have used at one moment.
type usage struct {
	proxy, redis, own time.Duration
	machine           machineTime
	pss               float64
}

func (s *stand) usageOf(p *proxy) (u usage, err error) {
	pids, err := tree(p.process.Pid())
	if err != nil {
		return u, err
	}
	fail := func(err error) (usage, error) {
		return u, fmt.Errorf("%s or its Redis: %w\n%s", p.name, err, p.process.Output())
	}
	if u.proxy, err = cpuTime(pids); err != nil {
		return fail(err)
	}
	if u.redis, err = cpuTime([]int{s.redis.Pid()}); err != nil {
		return fail(err)
	}
	if u.own, err = ownTime(); err != nil {
		return fail(err)
	}
	if u.machine, err = readMachineTime(); err != nil {
		return fail(err)
	}
	u.pss, err = proportional(pids)
	return u, err
}

// charge divides what was used among the calls. Idle is what none of those who take part used of all cores; it is read
// last, when both SIPps have ended and count as well.
func (c *cell) charge(before, after usage, took time.Duration) error {
	own, err := ownTime()
	if err != nil {
		return err
	}
	proxy, redis := after.proxy-before.proxy, after.redis-before.redis
	c.cpu, c.redis = micros(proxy)/float64(c.calls), micros(redis)/float64(c.calls)
	busy := proxy + redis + own - before.own
	c.idle = 1 - busy.Seconds()/(took.Seconds()*float64(runtime.NumCPU()))
	c.steal = after.machine.stolenSince(before.machine)
	return nil
}

// compare counts calls that Ringfence let out or refused for another reason than it should.
func (c *cell) compare(ctx context.Context, p *proxy, l load, before int) error {
	after, err := p.decided(ctx, l.reason)
	if p.http.IsValid() {
		c.astray = max(0, c.calls-(after-before))
	}
	return err
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// ends are the SIPps of a cell.
type ends struct{ caller, callee *site.Phone }

// dialIn prepares both ends; the callee is up when it returns. Each cell has its own, so that messages which an
// overloaded one repeats for half a minute spoil no other.
func (s *stand) dialIn(p *proxy, l load, rate, calls int, secs float64) (*ends, error) {
	s.cells++
	limit := time.Duration(secs*float64(time.Second)) + 20*time.Second
	e := &ends{caller: &site.Phone{
		Name: fmt.Sprintf("caller%d", s.cells), Script: s.file(l.script), Protocol: site.UDP, At: s.caller, Remote: p.at,
		Rep: "-", Number: "-", Calls: calls, Rate: rate, Limit: limit, Dir: s.dir, Extra: append([]string{"-inf", s.file(l.numbers)}, underLoad...),
	}}
	if l.hold == 0 || s.callee != nil {
		return e, nil
	}
	e.callee = &site.Phone{
		Name: fmt.Sprintf("callee%d", s.cells), Script: s.file("callee.xml"), Protocol: site.UDP, At: s.trunk,
		Limit: limit + 10*time.Second, Dir: s.dir, Extra: underLoad, // told to end: by a count, a stray message would cost a call
	}
	return e, e.callee.Start()
}

// kill ends what has not ended by itself.
func (e *ends) kill() {
	e.caller.Kill()
	if e.callee != nil {
		e.callee.Kill()
	}
}

// count takes over what the ends counted. failed is how the caller ended: without statistics that is the error.
func (e *ends) count(ctx context.Context, c *cell, failed error) error {
	said, err := e.caller.Statistics()
	if err != nil {
		return errors.Join(failed, err)
	}
	c.failed, c.repeated = c.calls-said.Successful, said.Retransmissions
	if e.callee == nil {
		return nil
	}
	patience, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_ = e.callee.Finish(patience) // one that still waits has missed a call, which the caller has counted
	if said, err = e.callee.Statistics(); err != nil {
		return err
	}
	c.repeated += said.Retransmissions
	return nil
}
