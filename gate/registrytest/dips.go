package registrytest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

// dip is how a Gate asks on behalf of a switch that carries the call itself: one Key for all dips of a rep, and the
// Call-ID of this one for the record.
func (s *suite) dip(rep gate.Rep, call string) gate.Question {
	q := s.question(gate.Reservation{Key: gate.Key{Rep: rep, CallID: "a dip"}, Number: s.number})
	q.Recorded = call + "@" + string(rep) + s.number.Digits()
	q.Remember = 50 * time.Millisecond
	return q
}

// forgone is the end of a dip whose call was given up.
func (s *suite) forgone(rep gate.Rep) gate.Event {
	e := s.ended(s.dip(rep, "").Reservation, gate.EndUnanswered, 0)
	e.Terms.Remember = time.Millisecond
	return e
}

func dipsCountOnce(s *suite) {
	first := s.ask(s.dip("201", "by the first trunk"))
	require.Equal(s, gate.Allow, first.Verdict)
	second := s.ask(s.dip("201", "by the second trunk"))
	require.Equal(s, gate.Allow, second.Verdict)
	require.True(s, second.Repeated)
	require.Equal(s, first.Fence, second.Fence)
	s.records(1)
	other := s.ask(s.dip("202", "a"))
	require.Equal(s, gate.InFlight, other.Reason)
	require.Equal(s, gate.Rep("201"), other.Owner)
	s.blocked("203", "b", gate.InFlight)
	s.records(3)
}

func dipRunsOut(s *suite) {
	require.Equal(s, gate.Allow, s.ask(s.dip("201", "a")).Verdict)
	s.Advance(terms.Lease * 3 / 5)
	require.True(s, s.ask(s.dip("201", "b")).Repeated)
	s.Advance(terms.Lease * 3 / 5) // since the second dip not a whole lease has passed: it must not have begun anew
	require.Equal(s, gate.Allowed, s.ask(s.dip("202", "c")).Reason, "no dip makes an owner")
	require.Equal(s, gate.InFlight, s.ask(s.dip("201", "d")).Reason)
}

func dipForgone(s *suite) {
	require.Equal(s, gate.Allow, s.ask(s.dip("201", "a")).Verdict)
	s.write(s.forgone("201"))
	s.Advance(100 * time.Millisecond)
	again := s.ask(s.dip("201", "b"))
	require.False(s, again.Repeated, "what was given up is no answer to the next one")
	require.Empty(s, s.renew(s.dip("201", "b").Reservation), "which is reserved anew")
	s.write(s.forgone("201"))
	s.allowed("202", "c", gate.Allowed)
}

func dipBlockedBriefly(s *suite) {
	s.allowed("201", "a", gate.Allowed)
	require.Equal(s, gate.InFlight, s.ask(s.dip("202", "b")).Reason)
	require.True(s, s.ask(s.dip("202", "c")).Repeated, "by the next trunk")
	s.write(s.ended(s.key("201", "a"), gate.EndUnanswered, 0))
	s.Advance(100 * time.Millisecond)
	require.Equal(s, gate.Allowed, s.ask(s.dip("202", "d")).Reason, "the obstacle is gone")
}
