package registrytest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

// watchedOnly is a question for whose rep these reasons are only watched.
func (s *suite) watchedOnly(rep gate.Rep, call, reasons string) gate.Question {
	q := s.question(s.key(rep, call))
	q.Shadow = reasons
	return q
}

// wouldBe requires that a call goes out only because the rule is watched.
func (s *suite) wouldBe(q gate.Question, would gate.Verdict, why gate.Reason, owner gate.Rep) gate.Answer {
	s.Helper()
	a := s.decided(q, gate.Allow, why, owner)
	require.True(s, a.Shadow, "it goes out in the shadow")
	require.Equal(s, would, a.Would)
	return a
}

func watchedOwned(s *suite) {
	s.own("201")
	q := s.watchedOnly("202", "a", ",owned,")
	require.Zero(s, s.wouldBe(q, gate.Block, gate.Owned, "201").Fence, "nothing is reserved of what is another's")
	again := s.wouldBe(q, gate.Block, gate.Owned, "201")
	require.True(s, again.Repeated)
	s.records(3)
	require.False(s, s.allowed("201", "b", gate.OwnerCalls).Shadow, "the owner may ring meanwhile")
	s.write(s.sold(q))
	s.write(s.sold(q))
	s.records(5)
	s.blocked("203", "c", gate.Owned)
	late := s.wouldBe(q, gate.Block, gate.Owned, "201")
	require.True(s, late.Repeated, "an ended one is answered alike")
	q = s.watchedOnly("202", "d", ",owned,in_flight,")
	q.Redirect = true
	s.wouldBe(q, gate.Redirect, gate.Owned, "201")
}

func watchedInFlight(s *suite) {
	s.allowed("201", "a", gate.Allowed)
	q := s.watchedOnly("202", "b", ",in_flight,")
	require.Zero(s, s.wouldBe(q, gate.Block, gate.InFlight, "201").Fence)
	require.Empty(s, s.renew(s.key("201", "a")), "the first call keeps the number")
	s.write(s.sold(q))
	s.write(s.ended(s.key("201", "a"), gate.EndAnswered, terms.MinTalk))
	require.Equal(s, gate.Rep("201"), s.blocked("203", "c", gate.Owned).Owner, "the watched call took nothing")
}

func watchedRefused(s *suite) {
	s.allowed("201", "a", gate.Allowed)
	s.write(s.ended(s.key("201", "a"), gate.EndRefused, 0))
	q := s.watchedOnly("202", "b", ",refused,")
	require.Positive(s, s.wouldBe(q, gate.Block, gate.Refused, "").Fence, "nobody else holds it")
	require.True(s, s.wouldBe(q, gate.Block, gate.Refused, "").Repeated)
	s.wouldBe(s.watchedOnly("203", "c", ",refused,in_flight,"), gate.Block, gate.Refused, "")
	s.decided(s.watchedOnly("203", "d", ",refused,"), gate.Block, gate.InFlight, "202")
	s.write(s.ended(q.Reservation, gate.EndUnanswered, 0))
	require.True(s, s.wouldBe(q, gate.Block, gate.Refused, "").Repeated, "an ended one is answered alike")
	s.blocked("203", "e", gate.Refused)
}

func watchedBehind(s *suite) {
	s.own("201")
	s.allowed("201", "a", gate.OwnerCalls)
	s.write(s.ended(s.key("201", "a"), gate.EndRefused, 0))
	s.decided(s.watchedOnly("202", "b", ",refused,"), gate.Block, gate.Owned, "201")
	s.decided(s.watchedOnly("202", "c", ",owned,"), gate.Block, gate.Refused, "")
	both := s.watchedOnly("202", "d", ",refused,owned,")
	require.Zero(s, s.wouldBe(both, gate.Block, gate.Refused, "").Fence, "the owner is not kept from it, whatever came first")
	require.Zero(s, s.ask(s.watchedOnly("201", "e", ",owned,")).Fence)
}

func watchedPass(s *suite) {
	s.own("201")
	ask := func(call, watched string) gate.Question {
		q := s.watchedOnly("202", call, watched)
		q.Over = allPassable
		return q
	}
	s.Grant(s.number, "202", time.Minute)
	q := ask("a", ",owned,")
	a := s.decided(q, gate.Allow, gate.Pass, "201")
	require.False(s, a.Shadow, "enforced, it would go out too")
	require.Positive(s, a.Fence)
	s.write(s.ended(q.Reservation, gate.EndUnanswered, 0))
	q = ask("b", ",owned,")
	s.wouldBe(q, gate.Block, gate.Owned, "201")
	s.write(s.ended(q.Reservation, gate.EndUnanswered, 0))

	s.allowed("201", "c", gate.OwnerCalls)
	s.Grant(s.number, "202", time.Minute)
	s.wouldBe(ask("d", ",owned,in_flight,"), gate.Block, gate.InFlight, "201") // enforced, it would have left the pass
	s.wouldBe(ask("e", ",in_flight,"), gate.Block, gate.InFlight, "201")       // without the pass it would not go out
	s.decided(ask("f", ",in_flight,"), gate.Block, gate.Owned, "201")
}

func watchedLocal(s *suite) {
	q := s.watchedOnly("201", "a", ",territory,")
	q.Local = gate.Territory
	require.Positive(s, s.wouldBe(q, gate.Block, gate.Territory, "").Fence)
	s.write(s.sold(q))
	enforced := s.watchedOnly("201", "b", ",owned,")
	enforced.Local = gate.Territory
	s.decided(enforced, gate.Block, gate.Territory, "")
	queue := s.watchedOnly("203", "c", ",territory,owned,in_flight,")
	queue.Local, queue.Instead = gate.Territory, "700"
	require.Equal(s, "700", s.wouldBe(queue, gate.Redirect, gate.Territory, "").Extension)
	listed := s.watchedOnly("202", "c", ",dnc,owned,")
	listed.Local, listed.Listing = gate.DNC, gate.Listing{List: "national", Version: "7"}
	require.Zero(s, s.wouldBe(listed, gate.Block, gate.DNC, "").Fence)
	s.records(5)
}

func watchedRehearsal(s *suite) {
	s.own("201")
	q := s.watchedOnly("202", "a", ",owned,")
	q.Rehearsal = true
	s.wouldBe(q, gate.Block, gate.Owned, "201")
	s.records(2)
}

func watchedEndsLate(s *suite) {
	s.own("201")
	q := s.watchedOnly("202", "a", ",owned,")
	s.wouldBe(q, gate.Block, gate.Owned, "201")
	s.Advance(terms.Remember + 200*time.Millisecond)
	s.write(s.sold(q))
	s.records(4)
	require.Equal(s, gate.Rep("201"), s.blocked("203", "b", gate.Owned).Owner)
}
