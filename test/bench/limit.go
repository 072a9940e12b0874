package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Where the search for the highest rate begins, and where it gives up: SIPp itself does not make more.
const (
	lowestFull    = 4000
	lowestBlocked = 10_000
	highestRate   = 40_000
)

// busyRate is where the CPU that is left is compared, blocked calls a second.
const busyRate = 15_000

// limits finds the highest rates without failure, and what is left of the machine at a high rate of blocked calls.
func (s *stand) limits(ctx context.Context) ([]table, error) {
	ring, err := s.ringfence(ctx, ours, s.unixURL(ringfenceDB))
	if err != nil {
		return nil, err
	}
	equal, err := s.nearby(ctx, equalWork)
	if err != nil {
		return nil, err
	}
	pairs := []struct {
		what         string
		ours, theirs load
		from         int
	}{
		{"full calls", fullCalls, fullCalls, lowestFull},
		{"blocked, on a bulk list", listedNumbers, listedNumbers, lowestBlocked},
		{"blocked, by the round trip", ownedNumbers, listedNumbers, lowestBlocked},
	}
	t := table{
		title: "Highest rate without failure, calls/s",
		head:  []string{"", ours, equalWork, "ratio"},
		notes: []string{"No message repeated, fewer than 1 call in 1,000 failed, 96 % of the rate reached. A rate that fails is tried twice; after a failure the proxy is started afresh."},
	}
	for _, pair := range pairs {
		found := make([][]float64, 2)
		for range s.effort.searches() {
			for i, c := range []contender{{ours, ring, pair.ours}, {equalWork, equal, pair.theirs}} {
				rate, err := s.highest(ctx, c, pair.from)
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", pair.what, c.name, err)
				}
				progress("limit, %s: %s carries %d/s", pair.what, c.name, rate)
				found[i] = append(found[i], float64(rate))
			}
		}
		t.add(pair.what, figureOf(found[0]).spread(0), figureOf(found[1]).spread(0), ratioOf(found[0], found[1]).spread(2))
	}
	busy, err := s.busy(ctx, ring, equal)
	return []table{t, busy}, errors.Join(err, stopAll(ring, equal))
}

// searches is how often each limit is looked for.
func (e effort) searches() int {
	if e.quick {
		return 1
	}
	return 2
}

// growth is by how much a rate grows that was carried, in per cent.
func (e effort) growth() int {
	if e.quick {
		return 170
	}
	return 130
}

// halvings is how often the gap between a rate that was carried and one that was not is halved.
func (e effort) halvings() int {
	if e.quick {
		return 1
	}
	return 2
}

// highest grows the rate until it fails, then halves the gap between the last that went well and the first that failed.
func (s *stand) highest(ctx context.Context, c contender, from int) (int, error) {
	good, bad := 0, 0
	for rate := from; rate <= highestRate; rate = rate * s.effort.growth() / 100 {
		carried, err := s.carries(ctx, c, rate)
		if err != nil {
			return 0, err
		}
		if !carried {
			bad = rate
			break
		}
		good = rate
	}
	for range s.effort.halvings() {
		if bad == 0 {
			break
		}
		middle := (good + bad) / 2
		carried, err := s.carries(ctx, c, middle)
		if err != nil {
			return 0, err
		}
		if carried {
			good = middle
		} else {
			bad = middle
		}
	}
	return good, nil
}

// carries says whether one of two attempts at the rate is flawless.
func (s *stand) carries(ctx context.Context, c contender, rate int) (bool, error) {
	for range 2 {
		cell, err := s.probe(ctx, c, rate)
		switch {
		case errors.Is(err, errTooLate):
			progress("limit, %s at %d/s: %v", c.name, rate, err)
		case err != nil:
			return false, err
		default:
			progress("limit, %s at %d/s: %v", c.name, rate, cell)
		}
		if err == nil && cell.flawless() {
			return true, nil
		}
		if err := s.afresh(ctx, c, rate); err != nil {
			return false, err
		}
	}
	return false, nil
}

// afresh starts a proxy again and, at a quarter of the rate that failed, lets it take hold of its memory.
func (s *stand) afresh(ctx context.Context, c contender, failed int) error {
	if err := s.restart(ctx, c.proxy); err != nil {
		return err
	}
	_, err := s.measure(ctx, c.proxy, c.load, failed/4, 1)
	return err
}

// errTooLate ends a probe whose calls are not over when they should be: something was repeated or has failed by then, and
// nothing is gained by waiting for the rest.
var errTooLate = errors.New("calls are not over in time")

func (s *stand) probe(ctx context.Context, c contender, rate int) (cell, error) {
	secs := 2.0
	if s.effort.quick {
		secs = 1
	}
	const grace = 2 * time.Second
	limited, cancel := context.WithTimeoutCause(ctx, time.Duration(secs*float64(time.Second))+grace, errTooLate)
	defer cancel()
	return s.measure(limited, c.proxy, c.load, rate, secs)
}

func (s *stand) busy(ctx context.Context, ring, equal *proxy) (table, error) {
	all := []contender{
		{ours + ", on a bulk list", ring, listedNumbers}, {ours + ", by the round trip", ring, ownedNumbers}, {equalWork, equal, listedNumbers},
	}
	t := table{
		title: fmt.Sprintf("Both cores at %d blocked calls/s", busyRate),
		head:  []string{"", "idle, % of all cores", "CPU µs a call", "Redis µs", "rate reached", "failed", "repeated", "astray"},
		notes: []string{"Idle is what the proxy, Redis and SIPp together leave."},
	}
	cells, err := s.rounds(ctx, "limit, blocked", all, busyRate)
	if err != nil {
		return t, err
	}
	for i, c := range all {
		own := cells[i]
		t.add(c.name, figureOf(values(own, func(c cell) float64 { return 100 * c.idle })).spread(0),
			figureOf(values(own, cpuOf)).spread(1), number(figureOf(values(own, redisOf)).median, 1),
			number(figureOf(values(own, func(c cell) float64 { return c.reached })).median, 0),
			fmt.Sprint(sum(own, failedOf)), fmt.Sprint(sum(own, repeatedOf)), fmt.Sprint(sum(own, astrayOf)))
	}
	return t, nil
}
