package registrytest

import (
	"context"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

func freeNumber(s *suite) {
	a := s.allowed("201", "a", gate.Allowed)
	require.False(s, a.Repeated)
	require.Positive(s, a.Fence)
	require.Empty(s, s.renew(s.key("201", "a")), "it is reserved")
	s.records(1)
}

func repeatedKey(s *suite) {
	first := s.allowed("201", "a", gate.Allowed)
	again := s.allowed("201", "a", gate.Allowed)
	require.True(s, again.Repeated)
	require.Equal(s, first.Fence, again.Fence)
	s.records(1)
	s.write(s.ended(s.key("201", "a"), gate.EndUnanswered, 0))
	late := s.allowed("201", "a", gate.Allowed)
	require.True(s, late.Repeated, "an ended attempt is remembered for a while")
	s.allowed("202", "b", gate.Allowed) // and reserves nothing
	s.records(3)
}

func repeatedBlock(s *suite) {
	s.allowed("201", "a", gate.Allowed)
	s.blocked("202", "b", gate.InFlight)
	s.write(s.ended(s.key("201", "a"), gate.EndUnanswered, 0))
	again := s.blocked("202", "b", gate.InFlight)
	require.True(s, again.Repeated)
	s.records(3)
	s.allowed("202", "c", gate.Allowed)
}

func wholeKey(s *suite) {
	s.allowed("201", "a", gate.Allowed)
	forged := s.key("201", "a")
	forged.Rep = "202"
	require.Equal(s, gate.InFlight, s.ask(s.question(forged)).Reason, "another rep with the same Call-ID and tag")
	retagged := s.key("201", "a")
	retagged.FromTag = "another"
	require.False(s, s.ask(s.question(retagged)).Repeated, "another From-tag")
	other := *s
	other.number = freshNumber()
	elsewhere := s.key("201", "a")
	elsewhere.Number = other.number
	require.False(s, s.ask(s.question(elsewhere)).Repeated, "another number")
}

func inFlight(s *suite) {
	s.allowed("201", "a", gate.Allowed)
	a := s.blocked("202", "b", gate.InFlight)
	require.Equal(s, gate.Rep("201"), a.Owner)
	require.Zero(s, a.Fence)
	s.records(2)
}

func takeOver(s *suite) {
	s.allowed("201", "a", gate.Allowed)
	s.allowed("201", "b", gate.Allowed)
	require.Equal(s, []gate.Reservation{s.key("201", "a")}, s.renew(s.key("201", "a"), s.key("201", "b")))
	s.write(s.ended(s.key("201", "a"), gate.EndUnanswered, 0))
	s.blocked("202", "c", gate.InFlight) // the end of the old call must not free the new one's reservation
	s.write(s.ended(s.key("201", "b"), gate.EndUnanswered, 0))
	s.allowed("202", "d", gate.Allowed)
}

func freedAtOnce(s *suite) {
	for call, ending := range map[string]gate.Ending{
		"unanswered": gate.EndUnanswered, "failed": gate.EndFailed, "unknown": gate.EndUnknown,
	} {
		s.allowed("201", call, gate.Allowed)
		s.write(s.ended(s.key("201", call), ending, 0))
		s.allowed("202", call, gate.Allowed)
		s.write(s.ended(s.key("202", call), ending, 0))
	}
	s.records(12)
}

func answeredOwns(s *suite) {
	s.allowed("201", "a", gate.Allowed)
	s.write(s.ended(s.key("201", "a"), gate.EndAnswered, terms.MinTalk))
	a := s.blocked("202", "b", gate.Owned)
	require.Equal(s, gate.Rep("201"), a.Owner)
	own := s.allowed("201", "c", gate.OwnerCalls)
	require.Equal(s, gate.Rep("201"), own.Owner)
	require.Positive(s, own.Fence)
}

func answeredShort(s *suite) {
	s.allowed("201", "a", gate.Allowed)
	s.write(s.ended(s.key("201", "a"), gate.EndAnswered, terms.MinTalk-time.Millisecond))
	s.allowed("202", "b", gate.Allowed)
}

func firmFirst(s *suite) {
	s.allowed("201", "a", gate.Allowed)
	s.write(s.firm(s.key("201", "a")))
	s.blocked("202", "b", gate.Owned)
	require.Empty(s, s.renew(s.key("201", "a")), "the call is still up")
	s.write(s.firm(s.key("201", "a"))) // a batch that is repeated
	s.write(s.ended(s.key("201", "a"), gate.EndAnswered, 2*terms.MinTalk))
	s.blocked("202", "c", gate.Owned)
	s.records(4)
}

func firmLate(s *suite) {
	s.allowed("201", "a", gate.Allowed)
	s.write(s.ended(s.key("201", "a"), gate.EndAnswered, time.Second), s.firm(s.key("201", "a")))
	s.allowed("202", "b", gate.Allowed)
}

func firmAfterLease(s *suite) {
	s.allowed("201", "a", gate.Allowed)
	s.Advance(terms.Lease + 200*time.Millisecond)
	s.write(s.firm(s.key("201", "a")))
	s.blocked("202", "b", gate.Owned)
}

func firmTooLate(s *suite) {
	s.allowed("201", "a", gate.Allowed)
	s.Advance(terms.Lease + 200*time.Millisecond)
	s.allowed("202", "b", gate.Allowed)
	s.write(s.firm(s.key("201", "a")), s.ended(s.key("201", "a"), gate.EndAnswered, 2*terms.MinTalk))
	require.Empty(s, s.renew(s.key("202", "b")), "the number stays reserved for the one who rings it")
	s.write(s.ended(s.key("202", "b"), gate.EndAnswered, terms.MinTalk))
	require.Equal(s, gate.Rep("202"), s.blocked("203", "c", gate.Owned).Owner)
}

func protectionExtended(s *suite) {
	s.own("201")
	s.Advance(terms.Protection * 3 / 5)
	s.allowed("201", "again", gate.OwnerCalls)
	s.write(s.ended(s.key("201", "again"), gate.EndAnswered, time.Second)) // the owner needs no min_talk
	s.Advance(terms.Protection * 3 / 5)
	s.blocked("202", "b", gate.Owned)
}

func protectionEnds(s *suite) {
	s.own("201")
	s.Advance(terms.Protection * 3 / 5)
	s.allowed("201", "in vain", gate.OwnerCalls)
	s.write(s.ended(s.key("201", "in vain"), gate.EndUnanswered, 0)) // no contact, no more protection
	s.Advance(terms.Protection * 3 / 5)
	s.allowed("202", "b", gate.Allowed)
}

func redirected(s *suite) {
	s.own("201")
	q := s.question(s.key("202", "b"))
	q.Redirect = true
	a := s.ask(q)
	require.Equal(s, gate.Redirect, a.Verdict)
	require.Equal(s, gate.Owned, a.Reason)
	require.Equal(s, gate.Rep("201"), a.Owner)
	require.Equal(s, "201", a.Extension)
	require.Zero(s, a.Fence, "a redirect reserves nothing")
	s.allowed("201", "c", gate.OwnerCalls)
}

func noExtension(s *suite) {
	q := s.question(s.key("zhang", "a"))
	q.Extension = ""
	require.Equal(s, gate.Allow, s.ask(q).Verdict)
	end := s.ended(q.Reservation, gate.EndAnswered, terms.MinTalk)
	end.Extension = ""
	s.write(end)
	other := s.question(s.key("202", "b"))
	other.Redirect = true
	a := s.ask(other)
	require.Equal(s, gate.Block, a.Verdict)
	require.Equal(s, gate.Owned, a.Reason)
}

func refusal(s *suite) {
	s.own("201")
	s.allowed("201", "a", gate.OwnerCalls)
	s.write(s.ended(s.key("201", "a"), gate.EndRefused, 0))
	for _, rep := range []gate.Rep{"202", "201"} {
		a := s.blocked(rep, "b", gate.Refused)
		require.LessOrEqual(s, a.RetryAfter, terms.CoolDown)
		require.Greater(s, a.RetryAfter, terms.CoolDown/2)
	}
	s.Advance(terms.CoolDown + 200*time.Millisecond)
	s.allowed("203", "c", gate.Allowed) // the protection, begun earlier, is over too
}

func refusalAfterLease(s *suite) {
	s.allowed("201", "a", gate.Allowed)
	s.Advance(terms.Lease + 200*time.Millisecond)
	s.write(s.ended(s.key("201", "a"), gate.EndRefused, 0))
	s.blocked("202", "b", gate.Refused)
}

func endedTwice(s *suite) {
	s.allowed("201", "a", gate.Allowed)
	end := s.ended(s.key("201", "a"), gate.EndUnanswered, 0)
	s.write(end, end)
	s.write(end)
	s.records(2)
	s.allowed("202", "b", gate.Allowed)
	s.write(end) // must not end the other rep's call
	s.blocked("203", "c", gate.InFlight)
}

func endedElsewhere(s *suite) {
	s.allowed("201", "a", gate.Allowed)
	s.write(s.firm(s.key("201", "a")))
	end := s.ended(s.key("201", "a"), gate.EndAnswered, 0)
	end.Reservation.Rep, end.Extension = "", ""
	s.write(end)
	require.Equal(s, []gate.Reservation{s.key("201", "a")}, s.renew(s.key("201", "a")), "the gate that held it is told")
	s.records(2)
	require.Equal(s, gate.Rep("201"), s.blocked("202", "b", gate.Owned).Owner)
}

func endedNothing(s *suite) {
	s.allowed("201", "a", gate.Allowed)
	end := s.ended(s.key("201", "a"), gate.EndAnswered, 0)
	end.Reservation.Rep, end.Reservation.FromTag = "", "not the caller's tag"
	s.write(end)
	s.blocked("202", "b", gate.InFlight)
	s.records(2)
}

func renewKeeps(s *suite) {
	s.allowed("201", "a", gate.Allowed)
	for range 3 {
		s.Advance(terms.Lease * 3 / 5)
		require.Empty(s, s.renew(s.key("201", "a")))
	}
	s.blocked("202", "b", gate.InFlight)
	again := s.allowed("201", "a", gate.Allowed)
	require.True(s, again.Repeated, "a key is known for as long as its reservation lives")
}

func renewLost(s *suite) {
	s.allowed("201", "a", gate.Allowed)
	s.write(s.ended(s.key("201", "a"), gate.EndUnanswered, 0))
	s.allowed("202", "b", gate.Allowed)
	never := s.key("203", "never")
	lost := s.renew(s.key("201", "a"), s.key("202", "b"), never)
	require.ElementsMatch(s, []gate.Reservation{s.key("201", "a"), never}, lost)
}

func leaseEnds(s *suite) {
	s.allowed("201", "a", gate.Allowed)
	s.Advance(terms.Lease + 200*time.Millisecond)
	s.allowed("202", "b", gate.Allowed)
	require.Equal(s, []gate.Reservation{s.key("201", "a")}, s.renew(s.key("201", "a")))
}

func rehearsal(s *suite) {
	q := s.question(s.key("201", "a"))
	q.Rehearsal = true
	require.Equal(s, gate.Allow, s.ask(q).Verdict)
	s.records(0)
	require.Equal(s, []gate.Reservation{q.Reservation}, s.renew(q.Reservation), "nothing is reserved")
	require.False(s, s.allowed("201", "a", gate.Allowed).Repeated, "nothing is remembered")
	other := s.question(s.key("202", "b"))
	other.Rehearsal = true
	require.Equal(s, gate.InFlight, s.ask(other).Reason)
	s.records(1)
}

func fenceGrows(s *suite) {
	first := s.allowed("201", "a", gate.Allowed)
	s.write(s.ended(s.key("201", "a"), gate.EndUnanswered, 0))
	second := s.allowed("202", "b", gate.Allowed)
	require.Greater(s, second.Fence, first.Fence)
	s.Advance(terms.Lease + 200*time.Millisecond)
	third := s.allowed("203", "c", gate.Allowed)
	require.Greater(s, third.Fence, second.Fence)
}

func decidedRecorded(s *suite) {
	r := s.key("201", "a")
	s.write(gate.Event{Kind: gate.Decided, At: time.Now(), Terms: terms, Decision: gate.Decision{
		Verdict: gate.Block, Reason: gate.DNC, List: "national", Lists: "7", Policy: terms.Policy,
		Call: gate.Call{Key: r.Key, Peer: "desk", Dialled: gate.Dialled{Kind: gate.External, Text: "x", Number: s.number}},
	}})
	s.records(1)
	s.allowed("202", "b", gate.Allowed)
	s.write(gate.Event{Kind: gate.Decided, At: time.Now(), Terms: terms, Decision: gate.Decision{
		Verdict: gate.Block, Reason: gate.InvalidNumber, Policy: terms.Policy,
		Call: gate.Call{Key: r.Key, Peer: "desk", Dialled: gate.Dialled{Text: "%00\r\n*", Why: "hostile"}},
	}})
	s.records(2)
}

func contextEnded(s *suite) {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	_, err := s.Registry.Decide(ctx, s.question(s.key("201", "a")))
	require.Error(s, err)
	_, err = s.Registry.Renew(ctx, []gate.Reservation{s.key("201", "a")}, terms)
	require.Error(s, err)
	require.Error(s, s.Registry.Write(ctx, []gate.Event{s.ended(s.key("201", "a"), gate.EndFailed, 0)}))
	s.records(0)
}

func noAnswer(s *suite) {
	s.Sleep()
	defer s.Wake()
	const budget = 50 * time.Millisecond
	for name, command := range map[string]func(context.Context) error{
		"Decide": func(ctx context.Context) error {
			_, err := s.Registry.Decide(ctx, s.question(s.key("201", "a")))
			return err
		},
		"Renew": func(ctx context.Context) error {
			_, err := s.Registry.Renew(ctx, []gate.Reservation{s.key("201", "a")}, terms)
			return err
		},
		"Write": func(ctx context.Context) error {
			return s.Registry.Write(ctx, []gate.Event{s.ended(s.key("201", "a"), gate.EndFailed, 0)})
		},
	} {
		ctx, cancel := context.WithTimeout(s.Context(), budget)
		start := time.Now()
		require.Error(s, command(ctx), name)
		cancel()
		require.Less(s, time.Since(start), 10*budget, "%s hung on", name)
	}
}

func oneOfFifty(s *suite) {
	const reps = 50
	var (
		barrier = make(chan struct{})
		wg      sync.WaitGroup
		mu      sync.Mutex
		allowed []gate.Rep
		blocked int
	)
	for i := range reps {
		rep := gate.Rep(rune('A'+i/10)) + gate.Rep(rune('0'+i%10))
		q := s.question(s.key(rep, "a"))
		q.Lease = time.Minute // fifty may take longer than a second
		wg.Go(func() {
			<-barrier
			a, err := s.Registry.Decide(s.Context(), q)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				s.Errorf("rep %s: %v", rep, err)
			case a.Verdict == gate.Allow:
				allowed = append(allowed, rep)
			case a.Reason == gate.InFlight:
				blocked++
			}
		})
	}
	close(barrier)
	wg.Wait()
	require.Len(s, allowed, 1)
	require.Equal(s, reps-1, blocked, "all others are told that the number is in flight")
	s.records(reps)
}
