package main

import (
	"context"
	"errors"
	"fmt"
)

// Rates at which CPU per call is compared, calls a second: a quiet floor, where waking up is dear, and a busy one.
var costRates = []int{300, 2000}

// ours is how the gate is called in tables.
const ours = "Ringfence"

// full measures CPU per full call.
func (s *stand) full(ctx context.Context) ([]table, error) {
	return s.cost(ctx, "full", "CPU per full call (INVITE, 180, 200, ACK, BYE, 200)", []contender{{name: ours, load: fullCalls}}, fullCalls)
}

// blocked measures CPU per refused call, for numbers that Ringfence knows and for those it must ask about. Kamailio asks
// about every number.
func (s *stand) blocked(ctx context.Context) ([]table, error) {
	return s.cost(ctx, "blocked", "CPU per blocked call (INVITE, 403, ACK)", []contender{
		{name: ours + ", on a bulk list", load: listedNumbers}, {name: ours + ", by the round trip", load: ownedNumbers},
	}, listedNumbers)
}

// cost measures kinds of call through Ringfence beside Kamailio's two ways.
func (s *stand) cost(ctx context.Context, section, title string, kinds []contender, theirs load) (tables []table, err error) {
	ring, errOurs := s.ringfence(ctx, ours, s.unixURL(ringfenceDB))
	equal, errEqual := s.nearby(ctx, equalWork)
	bare, errBare := s.nearby(ctx, bareWork)
	if err := errors.Join(errOurs, errEqual, errBare); err != nil {
		return nil, err
	}
	for i := range kinds {
		kinds[i].proxy = ring
	}
	all := append(kinds, contender{equalWork, equal, theirs}, contender{bareWork, bare, theirs})
	for _, rate := range costRates {
		cells, err := s.rounds(ctx, section, all, rate)
		if err != nil {
			return nil, err
		}
		t := costTable(fmt.Sprintf("%s, %d calls/s", title, rate), all, cells)
		t.notes = append(t.notes, fmt.Sprintf("%d rounds of %g s each.", s.effort.pairs, s.effort.secs))
		tables = append(tables, t)
	}
	return tables, stopAll(ring, equal, bare)
}

// costTable compares every contender with the last two, which are Kamailio's.
func costTable(title string, all []contender, cells [][]cell) table {
	t := table{title: title, head: []string{"", "CPU µs a call", "× equal work", "× bare", "Redis µs", "both × equal work", "PSS MB", "failed", "repeated", "astray"}}
	equal, bare := cells[len(cells)-2], cells[len(cells)-1]
	for i, c := range all {
		own := cells[i]
		t.add(c.name, figureOf(values(own, cpuOf)).spread(1),
			ratioOf(values(own, cpuOf), values(equal, cpuOf)).spread(2),
			ratioOf(values(own, cpuOf), values(bare, cpuOf)).spread(2),
			number(figureOf(values(own, redisOf)).median, 1),
			ratioOf(values(own, withRedis), values(equal, withRedis)).spread(2),
			number(figureOf(values(own, megabytes)).median, 0),
			fmt.Sprint(sum(own, failedOf)), fmt.Sprint(sum(own, repeatedOf)), fmt.Sprint(sum(own, astrayOf)))
	}
	return t
}
