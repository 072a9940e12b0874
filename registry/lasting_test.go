package registry

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

// Nobody is told to call again when a protection ends that does not end.
func TestNoWaitForWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		claim(t, s, number, ClaimOrder{Rep: "201", Terms: rules})
		_, err := s.Lock(t.Context(), number, "")
		require.NoError(t, err)
		require.Zero(t, decide(t, s, question(number, "202", "a")).RetryAfter)
	})
}

// What was agreed about a number that nobody owns holds although records are kept for a shorter time.
func TestFactsOutliveRecords(t *testing.T) {
	t.Parallel()
	s := open(t, "embedded://", WithKeep(time.Hour))
	now := time.Now()
	s.embedded.server.SetTime(now)
	ctx := t.Context()
	brief := func(rep gate.Rep, call string) gate.Question {
		q := question(number, rep, call)
		q.Keep, q.Provisional, q.Over = time.Hour, 6*24*time.Hour, ",owned,"
		return q
	}
	_, err := s.GrantPass(ctx, Pass{Rep: "202", Number: number, For: 6 * 24 * time.Hour})
	require.NoError(t, err)
	_, err = s.Level(ctx, "+12125550199", "", "A", rules)
	require.NoError(t, err)
	first := brief("201", "a")
	decide(t, s, first)
	require.NoError(t, s.Write(ctx, []gate.Event{{
		Kind: gate.Ended, Reservation: first.Reservation, Terms: first.Terms, Ending: gate.EndUnanswered,
	}}))

	s.embedded.server.SetTime(now.Add(5 * 24 * time.Hour))
	require.Equal(t, gate.Owned, decide(t, s, brief("203", "b")).Reason, "the provisional claim")
	require.Equal(t, gate.Pass, decide(t, s, brief("202", "c")).Reason)
	s.embedded.server.SetTime(now.Add(400 * 24 * time.Hour))
	h, err := s.Owner(ctx, "+12125550199")
	require.NoError(t, err)
	require.Equal(t, "A", h.Level)
}

// A claim that took so long that it was given up in between is counted all the same.
func TestClaimSettledLate(t *testing.T) {
	t.Parallel()
	s := open(t, "embedded://")
	now := time.Now()
	s.embedded.server.SetTime(now)
	ctx := t.Context()
	capped := rules
	capped.Holdings = 1
	r := newReservation("201", "", number.Digits())
	_, err := s.reserveFor(ctx, r, capped)
	require.NoError(t, err)
	s.embedded.server.SetTime(now.Add(2 * pendingFor))
	_, err = s.Mend(ctx, "201")
	require.NoError(t, err)
	_, err = s.changeOwner(ctx, number, ownerChange{action: "claim", rep: "201", seat: "201", terms: capped, may: "yes"})
	require.NoError(t, err)
	s.settled(ctx, r, false, r.digits...)
	require.Equal(t, 1, counts(t, s, "201").Held)
	_, err = s.Claim(ctx, "+12125550199", ClaimOrder{Rep: "201", Terms: capped})
	require.ErrorAs(t, err, new(*QuotaError))
}
