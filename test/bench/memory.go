package main

import (
	"context"
	"fmt"
	"time"

	"github.com/ringfence/ringfence/test/site"
)

// memory measures what a call that is up takes, and what a proxy has grown to after a while under load.
func (s *stand) memory(ctx context.Context) ([]table, error) {
	perCall, err := s.memoryPerCall(ctx)
	if err != nil {
		return nil, err
	}
	steady, err := s.steady(ctx)
	return []table{perCall, steady}, err
}

// Calls that are held: some before the first reading, so that the proxy has warmed up, and those that count.
const (
	holdFirst = 1000
	holdMore  = 5000
	holdRate  = 1000 // begun a second
)

// lingerFor is how long transactions of a call that is up may stay: 64×T1, and a moment.
const lingerFor = 35 * time.Second

func (s *stand) memoryPerCall(ctx context.Context) (t table, err error) {
	t = table{
		title: "Memory per call up",
		head:  []string{"", fmt.Sprintf("PSS at %d up, MB", holdFirst), fmt.Sprintf("at %d more, MB", holdMore), "kB a call, at once", "kB a call, later"},
	}
	rest := lingerFor
	if s.effort.quick {
		rest = 5 * time.Second
	}
	t.notes = []string{fmt.Sprintf("Later: %v after the last one was answered. Kamailio keeps nothing of a call that is up, but what setting it up took stays its own.", rest)}
	for _, name := range []string{ours, equalWork} {
		p, err := s.one(ctx, name)
		if err != nil {
			return t, err
		}
		row, err := s.growth(ctx, p, rest)
		if err != nil {
			return t, fmt.Errorf("memory per call, %s: %w", name, err)
		}
		t.add(append([]string{name}, row...)...)
		if err := p.stop(); err != nil {
			return t, err
		}
	}
	return t, nil
}

// one starts Ringfence or Kamailio with nothing of other sections in it.
func (s *stand) one(ctx context.Context, name string) (*proxy, error) {
	if name == ours {
		return s.ringfence(ctx, name, s.unixURL(ringfenceDB))
	}
	return s.nearby(ctx, name)
}

func (s *stand) growth(ctx context.Context, p *proxy, rest time.Duration) (row []string, err error) {
	if err := s.answerAll(); err != nil {
		return nil, err
	}
	defer s.answerEach()
	holders := &holders{}
	defer holders.hangUp()
	if err := s.hold(ctx, p, holders, 0, holdFirst); err != nil {
		return nil, err
	}
	if err := pause(ctx, rest); err != nil {
		return nil, err
	}
	first, err := s.usageOf(p)
	if err != nil {
		return nil, err
	}
	if err := s.hold(ctx, p, holders, holdFirst, holdMore); err != nil {
		return nil, err
	}
	atOnce, err := s.usageOf(p)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, rest); err != nil {
		return nil, err
	}
	later, err := s.usageOf(p)
	if err != nil {
		return nil, err
	}
	perCall := func(u usage) string { return number((u.pss-first.pss)/holdMore/1000, 1) }
	row = []string{number(first.pss/1e6, 1), number(later.pss/1e6, 1), perCall(atOnce), perCall(later)}
	progress("memory per call: %s: %v", p.name, row)
	return row, nil
}

// steady is how both are after 64×T1 and more at one rate, when as much is forgotten as is begun.
func (s *stand) steady(ctx context.Context) (table, error) {
	const rate = 1500
	secs := 50.0
	if s.effort.quick {
		secs = 15
	}
	t := table{
		title: fmt.Sprintf("After %g s at %d full calls/s", secs, rate),
		head:  []string{"", "PSS MB", "CPU µs a call", "Redis µs", "failed", "repeated", "astray"},
	}
	cells := make([]cell, 0, 2)
	for _, name := range []string{ours, equalWork} {
		p, err := s.one(ctx, name)
		if err != nil {
			return t, err
		}
		c, err := s.measure(ctx, p, fullCalls, rate, secs)
		if err != nil {
			return t, err
		}
		progress("after %g s: %s: %v", secs, name, c)
		cells = append(cells, c)
		t.add(name, number(c.pss/1e6, 0), number(c.cpu, 1), number(c.redis, 1), fmt.Sprint(c.failed), fmt.Sprint(c.repeated), fmt.Sprint(c.astray))
		if err := p.stop(); err != nil {
			return t, err
		}
	}
	t.notes = []string{fmt.Sprintf("PSS ratio %.2f, CPU ratio %.2f; one run each.", cells[0].pss/cells[1].pss, cells[0].cpu/cells[1].cpu)}
	return t, nil
}

// pause waits unless the run is given up.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// answerAll starts a callee that answers every cell and lets calls stay up.
func (s *stand) answerAll() error {
	s.callee = &site.Phone{
		Name: fmt.Sprintf("callee%d-all", s.cells), Script: s.file("callee.xml"), Protocol: site.UDP, At: s.trunk,
		Limit: 30 * time.Minute, Dir: s.dir, Extra: []string{"-buff_size", "4000000", "-timer_resol", "1"},
	}
	return s.callee.Start()
}

// answerEach gives each cell its own callee again.
func (s *stand) answerEach() {
	s.callee.Kill()
	s.callee = nil
}
