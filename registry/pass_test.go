package registry

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/redistest"
)

func passes(t *testing.T, s *Store, n gate.Number) []Pass {
	t.Helper()
	var all []Pass
	for p, err := range s.Passes(context.Background(), n) {
		require.NoError(t, err)
		all = append(all, p)
	}
	return all
}

func TestPasses(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		_, err := s.GrantPass(ctx, Pass{Rep: "202", Number: number, For: 8 * 24 * time.Hour})
		require.Error(t, err)
		_, err = s.RevokePass(ctx, number, "202")
		require.ErrorIs(t, err, ErrNoPass)
		p, err := s.GrantPass(ctx, Pass{Rep: "2:02\x1f", Number: number, For: time.Hour, Reason: "a;b\x1f"})
		require.NoError(t, err)
		require.NotEmpty(t, p.ID)
		require.Equal(t, Pass{ID: p.ID, Rep: "2:02\x1f", Number: number, Until: p.Until, Reason: "a;b\x1f", By: "tester"}, p)
		require.WithinDuration(t, time.Now().Add(time.Hour), p.Until, 10*time.Second)
		other, err := s.GrantPass(ctx, Pass{Rep: "203", Number: "+8613800138000", For: time.Hour})
		require.NoError(t, err)
		require.Equal(t, []Pass{p}, passes(t, s, number))
		require.ElementsMatch(t, []Pass{p, other}, passes(t, s, ""))

		claim(t, s, number, ClaimOrder{Rep: "201"})
		q := question(number, "2:02\x1f", "a")
		q.Over = ",owned,"
		require.Equal(t, gate.Pass, decide(t, s, q).Reason)
		require.Equal(t, []Pass{other}, passes(t, s, ""), "it is used up")
		revoked, err := s.RevokePass(ctx, "+8613800138000", "203")
		require.NoError(t, err)
		require.Equal(t, other, revoked)
		require.Empty(t, passes(t, s, ""))

		records, err := s.History(ctx, number, 10)
		require.NoError(t, err)
		require.Equal(t, map[string]string{"pass": p.ID}, records[0].Detail)
		require.Equal(t, RecordPass, records[2].Kind)
		require.Equal(t, "grant", records[2].Reason)
		require.Equal(t, map[string]string{"pass": p.ID, "rep": "2:02\x1f", "ms": "3600000"}, records[2].Detail)
	})
}

// A pass outlives what else is remembered of a number, and passes that ran out do not pile up.
func TestPassIsRememberedAndForgotten(t *testing.T) {
	t.Parallel()
	s := open(t, "embedded://", WithKeep(time.Hour))
	s.embedded.server.SetTime(time.Now())
	for i := range 3 {
		_, err := s.GrantPass(t.Context(), Pass{Rep: gate.Rep(fmt.Sprint(i)), Number: number, For: 24 * time.Hour})
		require.NoError(t, err)
	}
	require.Greater(t, s.client.PTTL(t.Context(), keysOf(number.Digits()).number()).Val(), 23*time.Hour)
	s.embedded.server.SetTime(time.Now().Add(25 * time.Hour))
	_, err := s.GrantPass(t.Context(), Pass{Rep: "9", Number: number, For: time.Hour})
	require.NoError(t, err)
	fields := s.client.HKeys(t.Context(), keysOf(number.Digits()).number()).Val()
	require.Subset(t, fields, []string{"t:9"})
	require.NotContains(t, fields, "t:0")
	require.EqualValues(t, 1, s.client.ZCard(t.Context(), keysOf(number.Digits()).passes()).Val())
}

// TestPassIsUsedOnce has 150 calls at three gates use one pass at once, each sent twice: one attempt goes out, both times.
func TestPassIsUsedOnce(t *testing.T) {
	const gates, each, rounds = 3, 50, 20
	server := redistest.Start(t)
	stores := make([]*Store, gates)
	for i := range stores {
		stores[i] = open(t, server.UnixURL(), WithoutLists())
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for round := range rounds {
		n := numbered(round)
		claim(t, stores[0], n, ClaimOrder{Rep: "201"})
		_, err := stores[0].GrantPass(ctx, Pass{Rep: "202", Number: n, For: time.Minute})
		require.NoError(t, err)
		var wg sync.WaitGroup
		var first, repeated atomic.Int32
		for i := range gates * each {
			q := question(n, "202", fmt.Sprint("call ", i/2))
			q.Over = ",owned,"
			wg.Go(func() {
				a, err := stores[i%gates].Decide(ctx, q)
				switch {
				case err != nil:
					t.Error(err)
				case a.Verdict == gate.Allow && a.Repeated:
					repeated.Add(1)
				case a.Verdict == gate.Allow:
					first.Add(1)
				}
			})
		}
		wg.Wait()
		require.Equal(t, int32(1), first.Load(), "round %d", round)
		require.Equal(t, int32(1), repeated.Load(), "round %d", round)
	}
}
