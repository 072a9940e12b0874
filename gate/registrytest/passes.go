package registrytest

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

const allPassable = ",owned,refused,territory,"

// holder is a question of somebody who may have a pass.
func (s *suite) holder(rep gate.Rep, call string) gate.Question {
	q := s.question(s.key(rep, call))
	q.Over = allPassable
	return q
}

func passOnce(s *suite) {
	s.own("201")
	s.Grant(s.number, "202", time.Minute)
	rehearsed := s.holder("202", "a")
	rehearsed.Rehearsal = true
	s.decided(rehearsed, gate.Allow, gate.Pass, "201")
	s.decided(s.holder("203", "b"), gate.Block, gate.Owned, "201") // somebody else's pass
	s.decided(s.holder("202", "a"), gate.Allow, gate.Pass, "201")
	require.True(s, s.decided(s.holder("202", "a"), gate.Allow, gate.Pass, "201").Repeated)
	s.write(s.ended(s.key("202", "a"), gate.EndUnanswered, 0))
	require.True(s, s.ask(s.holder("202", "a")).Repeated, "after its end too")
	s.decided(s.holder("202", "c"), gate.Block, gate.Owned, "201")
}

func passAll(s *suite) {
	s.own("201")
	s.allowed("201", "a", gate.OwnerCalls)
	s.write(s.ended(s.key("201", "a"), gate.EndRefused, 0))
	s.Grant(s.number, "202", time.Minute)
	q := s.holder("202", "b")
	q.Local = gate.Territory
	s.decided(q, gate.Allow, gate.Pass, "201")
}

func passOver(s *suite) {
	s.own("201")
	s.Grant(s.number, "202", time.Minute)
	q := s.holder("202", "a")
	q.Over = ",refused,territory,"
	s.decided(q, gate.Block, gate.Owned, "201")
	q = s.holder("202", "b")
	q.Over = ""
	s.decided(q, gate.Block, gate.Owned, "201")
	s.decided(s.holder("202", "c"), gate.Allow, gate.Pass, "201")
}

func passRunsOut(s *suite) {
	s.own("201")
	s.Grant(s.number, "202", time.Second)
	s.Advance(1200 * time.Millisecond)
	s.decided(s.holder("202", "a"), gate.Block, gate.Owned, "201")
}

func passUnused(s *suite) {
	s.Grant(s.number, "202", time.Minute)
	s.decided(s.holder("202", "a"), gate.Allow, gate.Allowed, "") // nothing is in its way
	s.write(s.ended(s.key("202", "a"), gate.EndUnanswered, 0))
	s.own("201")
	s.allowed("201", "b", gate.OwnerCalls)
	s.decided(s.holder("202", "c"), gate.Block, gate.InFlight, "201") // it is good against the owner, not against the call
	s.write(s.ended(s.key("201", "b"), gate.EndUnanswered, 0))
	s.decided(s.holder("202", "d"), gate.Allow, gate.Pass, "201")
}

func passTakesNothing(s *suite) {
	s.own("201")
	s.Grant(s.number, "202", time.Minute)
	q := s.holder("202", "a")
	s.decided(q, gate.Allow, gate.Pass, "201")
	s.Advance(terms.Protection * 3 / 5)
	s.write(s.sold(q))
	s.decided(s.holder("203", "b"), gate.Block, gate.Owned, "201")
	s.Advance(terms.Protection * 3 / 5)
	s.allowed("203", "c", gate.Allowed) // nor does it prolong anything
}

func localRule(s *suite) {
	q := s.holder("202", "a")
	q.Local = gate.Territory
	s.decided(q, gate.Block, gate.Territory, "")
	q.Instead = "700"
	q.Reservation = s.key("202", "queue")
	require.Equal(s, "700", s.decided(q, gate.Redirect, gate.Territory, "").Extension)
	q.Instead = ""
	q.Local = gate.Hours // which the policy does not let a pass pass
	s.Grant(s.number, "202", time.Minute)
	q.Reservation = s.key("202", "b")
	s.decided(q, gate.Block, gate.Hours, "")
	q.Local = gate.Territory
	q.Reservation = s.key("202", "c")
	s.decided(q, gate.Allow, gate.Pass, "")
}

func passOneOfFifty(s *suite) {
	s.own("201")
	s.Grant(s.number, "202", time.Minute)
	var wg sync.WaitGroup
	var allowed atomic.Int32
	for i := range 50 {
		q := s.holder("202", string(rune('A'+i)))
		wg.Go(func() {
			a, err := s.Registry.Decide(s.Context(), q)
			if err != nil {
				s.Errorf("%v", err)
			} else if a.Verdict == gate.Allow {
				allowed.Add(1)
			}
		})
	}
	wg.Wait()
	require.Equal(s, int32(1), allowed.Load())
}

func holdsEnough(s *suite) {
	rep := gate.Rep("holder " + s.number.Digits())
	sell := func(call string) gate.Question {
		q := s.question(s.key(rep, call))
		q.Holdings = 1
		s.decided(q, gate.Allow, gate.Allowed, "")
		s.write(s.sold(q))
		return q
	}
	sell("first")
	first := s.number
	s.number = freshNumber()
	sell("second")
	s.decided(s.seller("202", "b", "", ""), gate.Allow, gate.Allowed, "") // the call went out and made no owner
	s.number = first
	s.decided(s.seller("202", "c", "", ""), gate.Block, gate.Owned, rep)
}
