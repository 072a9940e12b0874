package registry

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

func TestPoolIsListed(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		terms := poolTerms()
		want := map[string]string{}
		for i := range 40 {
			n := gate.Number(fmt.Sprintf("+1212555%04d", i))
			scope := gate.Scope([]string{"", "loans"}[i%2])
			claim(t, s, n, ClaimOrder{Rep: "201", Scope: scope, Terms: terms})
			if i%4 < 2 {
				_, err := s.Release(ctx, n, scope, "released", terms)
				require.NoError(t, err)
				want[string(n)+string(scope)] = "released"
			}
		}
		found := map[string]string{}
		for h, err := range s.InPool(ctx) {
			require.NoError(t, err)
			require.Equal(t, gate.Rep("201"), h.Pool.Barred)
			found[string(h.Number)+string(h.Scope)] = h.Pool.Why
		}
		require.Equal(t, want, found)
		owned := 0
		for h, err := range s.Ending(ctx, time.Time{}) {
			require.NoError(t, err)
			require.Equal(t, gate.Rep("201"), h.Owner)
			owned++
		}
		require.Equal(t, 20, owned)
		for h, err := range s.Ending(ctx, time.Now().Add(time.Hour)) {
			require.NoError(t, err)
			require.Fail(t, "its protection ends in a month", h.Number)
		}
	})
}

// TestReckonedIsWhatTheRecyclerDoes: what pool preview says before is what the scripts then do, number by number.
func TestReckonedIsWhatTheRecyclerDoes(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		terms, rule := poolTerms(), atOnce()
		r, counted := recycler(s, &terms, &rule)
		require.NoError(t, r.Round(ctx)) // so that the rules are known as those before
		var all []gate.Number
		for i := range 24 {
			n := gate.Number(fmt.Sprintf("+1212555%04d", i))
			all = append(all, n)
			o := ClaimOrder{Rep: "201", Terms: terms, Level: []string{"", "A", "B"}[i%3]}
			if i%8 == 7 {
				o.For = time.Hour
			}
			claim(t, s, n, o)
			if i%4 == 1 {
				_, err := s.Deal(ctx, n, "", true, terms)
				require.NoError(t, err)
			}
			if i%6 == 2 {
				_, err := s.Lock(ctx, n, "")
				require.NoError(t, err)
			}
		}
		now, err := s.Now(ctx)
		require.NoError(t, err)
		waitUntil(t, s, now.Add(20*time.Millisecond))
		terms.Protection, terms.NoDeal, terms.DealProtection = time.Hour, 10*time.Millisecond, 2*time.Hour
		terms.Levels = "A=1\x1fB=3600000"
		ends, causes := map[gate.Number]time.Time{}, map[string]int{}
		now, err = s.Now(ctx)
		require.NoError(t, err)
		for _, n := range all {
			h := owner(t, s, n)
			ends[n] = Reckoned(h, terms)
			if !ends[n].After(now) {
				causes[EndsBy(h, terms)]++
			}
		}
		require.Len(t, causes, 2, "the test has cases of both")
		require.NoError(t, r.Round(ctx)) // applies the rules
		for _, n := range all {
			if h := owner(t, s, n); ends[n].After(now) {
				require.Equal(t, ends[n], h.Until, n)
			}
		}
		require.NoError(t, r.Round(ctx)) // moves what is due by them
		require.Equal(t, causes, counted.recycled)
		for _, n := range all {
			require.Equal(t, !ends[n].After(now), owner(t, s, n).Pool != nil, n)
		}
	})
}
