package main

import (
	"context"
	"fmt"
	"time"

	"github.com/ringfence/ringfence/test/site"
)

// holders are SIPps whose calls stay up.
type holders struct{ phones []*site.Phone }

// hangUp ends them without a BYE.
func (h *holders) hangUp() {
	for _, p := range h.phones {
		p.Kill()
	}
}

// hold puts calls up through p, to numbers that nobody else dials, from the skipped-th on. It returns when all of them
// have been answered.
func (s *stand) hold(ctx context.Context, p *proxy, h *holders, skipped, calls int) error {
	s.cells++
	numbers := fmt.Sprintf("held%d.csv", s.cells)
	if err := s.writeNumbers(numbers, held+block(skipped), calls, 1); err != nil {
		return err
	}
	at, err := site.FreeAddress(s.caller.Addr())
	if err != nil {
		return err
	}
	phone := &site.Phone{
		Name: fmt.Sprintf("holder%d", s.cells), Script: s.file("caller-holds.xml"), Protocol: site.UDP, At: at, Remote: p.at,
		Rep: "-", Number: "-", Calls: calls, Rate: min(holdRate, calls), Limit: 30 * time.Minute, Dir: s.dir,
		Extra: append([]string{"-inf", s.file(numbers)}, underLoad...),
	}
	if err := phone.Start(); err != nil {
		return err
	}
	h.phones = append(h.phones, phone)
	wanted := skipped + calls
	if err := pause(ctx, time.Duration(calls/min(holdRate, calls)+2)*time.Second); err != nil {
		return err
	}
	said, err := phone.Statistics()
	if err != nil {
		return err
	}
	if said.Failed > 0 {
		return fmt.Errorf("%d of %d calls that should be held have failed", said.Failed, calls)
	}
	return p.holds(ctx, wanted)
}

// holds checks Ringfence's own count of calls up; others do not tell.
func (p *proxy) holds(ctx context.Context, wanted int) error {
	up, err := p.metric(ctx, "ringfence_calls_up")
	if err == nil && p.http.IsValid() && up < float64(wanted) {
		err = fmt.Errorf("%.0f calls are up instead of %d", up, wanted)
	}
	return err
}
