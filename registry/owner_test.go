package registry

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/redistest"
)

// sets are the members of the bucket's owned and pool sets.
func sets(t *testing.T, s *Store, n gate.Number) (owned, pool []string) {
	t.Helper()
	ctx, k := context.Background(), keysOf(n.Digits())
	var err error
	owned, err = s.client.ZRange(ctx, k.owned(), 0, -1).Result()
	require.NoError(t, err)
	pool, err = s.client.ZRange(ctx, k.pool(), 0, -1).Result()
	require.NoError(t, err)
	return owned, pool
}

func claim(t *testing.T, s *Store, n gate.Number, o ClaimOrder) Holding {
	t.Helper()
	if o.Terms.Protection == 0 {
		o.Terms = rules
	}
	h, err := s.Claim(context.Background(), n, o)
	require.NoError(t, err)
	return h
}

// A number is owned or in the pool, never both and never neither once it has been owned.
func TestReleaseIntoThePool(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		barring := rules
		barring.Bar = time.Hour
		for _, scope := range []gate.Scope{"", "loans"} {
			name := member(number.Digits(), scope)
			claim(t, s, number, ClaimOrder{Rep: "201", Scope: scope, Team: "east", Extension: "201", Level: "A"})
			owned, pool := sets(t, s, number)
			require.Contains(t, owned, name)
			require.NotContains(t, pool, name)

			_, err := s.Release(ctx, number, scope, "released", barring)
			require.NoError(t, err)
			owned, pool = sets(t, s, number)
			require.NotContains(t, owned, name)
			require.Contains(t, pool, name)
			h, err := s.OwnerIn(ctx, number, scope)
			require.NoError(t, err)
			require.Empty(t, h.Owner)
			require.Equal(t, "A", h.Level, "the level is the customer's")
			require.Equal(t, "released", h.Pool.Why)
			require.Equal(t, gate.Rep("201"), h.Pool.Barred)
			require.WithinDuration(t, time.Now().Add(time.Hour), h.Pool.BarredUntil, 10*time.Second)

			var barred *BarredError
			_, err = s.Claim(ctx, number, ClaimOrder{Rep: "201", Scope: scope, Terms: barring})
			require.ErrorAs(t, err, &barred)
			require.Equal(t, h.Pool.BarredUntil, barred.Until)
			h = claim(t, s, number, ClaimOrder{Rep: "202", Scope: scope, From: "pool", Terms: barring})
			require.Nil(t, h.Pool)
			owned, pool = sets(t, s, number)
			require.Contains(t, owned, name)
			require.NotContains(t, pool, name)
		}
		_, err := s.Claim(ctx, "+12125550101", ClaimOrder{Rep: "201", From: "pool", Terms: rules})
		require.ErrorIs(t, err, ErrNotInPool)
		all, err := s.Holdings(ctx, number)
		require.NoError(t, err)
		require.Len(t, all, 2)
		require.Equal(t, gate.Scope("loans"), all[1].Scope)
	})
}

// A protection that has run out bars its owner from its end on, although nobody has moved the number into the pool.
func TestLapsedOwnerIsBarred(t *testing.T) {
	t.Parallel()
	s := open(t, "embedded://")
	s.embedded.server.SetTime(time.Now())
	claim(t, s, number, ClaimOrder{Rep: "201", For: time.Hour})
	s.embedded.server.SetTime(time.Now().Add(2 * time.Hour))
	barring := rules
	barring.Bar = 2 * time.Hour
	var barred *BarredError
	_, err := s.Claim(t.Context(), number, ClaimOrder{Rep: "201", Terms: barring})
	require.ErrorAs(t, err, &barred)
	require.WithinDuration(t, time.Now().Add(3*time.Hour), barred.Until, 10*time.Second)
	require.Equal(t, gate.Rep("202"), claim(t, s, number, ClaimOrder{Rep: "202", Terms: barring}).Owner)
}

func TestShares(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		_, err := s.Share(ctx, number, "", "202", 50)
		require.ErrorIs(t, err, ErrNotOwned)
		claim(t, s, number, ClaimOrder{Rep: "201"})
		_, err = s.Share(ctx, number, "", "201", 50)
		require.ErrorIs(t, err, ErrSharesOwner)
		h, err := s.Share(ctx, number, "", "a=b;c\x1f", 50)
		require.NoError(t, err)
		require.Len(t, h.Collaborators, 1)
		require.Equal(t, Share{Rep: "a=b;c\x1f", Percent: 50, Agreed: h.Collaborators[0].Agreed, By: "tester"}, h.Collaborators[0])
		require.WithinDuration(t, time.Now(), h.Collaborators[0].Agreed, 10*time.Second)
		_, err = s.Share(ctx, number, "", "203", 51)
		require.ErrorIs(t, err, ErrSharesMuch)
		_, err = s.Share(ctx, number, "", "a=b;c\x1f", 70) // agreed anew
		require.NoError(t, err)
		h, err = s.Share(ctx, number, "", "203", 30)
		require.NoError(t, err)
		require.Len(t, h.Collaborators, 2)
		require.Equal(t, gate.Collaborator, decide(t, s, question(number, "203", "a")).Reason)

		h, err = s.Transfer(ctx, number, "", TransferOrder{To: "203", Terms: rules})
		require.NoError(t, err)
		require.Len(t, h.Collaborators, 1, "the new owner is no collaborator any more")
		_, err = s.Unshare(ctx, number, "", "204")
		require.ErrorIs(t, err, ErrNoSuchShare)
		h, err = s.Unshare(ctx, number, "", "a=b;c\x1f")
		require.NoError(t, err)
		require.Empty(t, h.Collaborators)

		records, err := s.History(ctx, number, 20)
		require.NoError(t, err)
		require.Equal(t, map[string]string{"with": "a=b;c\x1f"}, records[0].Detail)
		require.Equal(t, map[string]string{"from": "201"}, records[1].Detail)
		require.Equal(t, map[string]string{"with": "203", "percent": "30"}, records[3].Detail)
	})
}

func TestTooManyShares(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).UnixURL())
	claim(t, s, number, ClaimOrder{Rep: "201"})
	for i := range mostShares {
		_, err := s.Share(t.Context(), number, "", gate.Rep(rune('a'+i)), 0)
		require.NoError(t, err)
	}
	_, err := s.Share(t.Context(), number, "", "z", 0)
	require.ErrorIs(t, err, ErrSharesFull)
}

func TestProtection(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		terms := rules
		terms.Levels = "A=7776000000\x1fB=1000"
		const month, quarter = 30 * 24 * time.Hour, 90 * 24 * time.Hour
		ends := func(h Holding, err error) time.Time {
			t.Helper()
			require.NoError(t, err)
			if !h.Locked {
				require.Equal(t, h.Until, Until(h, terms))
			}
			return h.Until
		}
		in := func(d time.Duration, at time.Time) {
			t.Helper()
			require.WithinDuration(t, time.Now().Add(d), at, 20*time.Second)
		}
		_, err := s.Lock(ctx, number, "loans")
		require.ErrorIs(t, err, ErrNotOwned)
		in(month, claim(t, s, number, ClaimOrder{Rep: "201", Scope: "loans"}).Until)
		in(quarter, ends(s.Level(ctx, number, "loans", "A", terms)))
		require.Equal(t, Forever, ends(s.Lock(ctx, number, "loans")))
		in(quarter, ends(s.Unlock(ctx, number, "loans", terms)))
		require.Equal(t, Forever, ends(s.Deal(ctx, number, "loans", true, terms)))
		in(quarter, ends(s.Deal(ctx, number, "loans", false, terms)))
		in(month, ends(s.Level(ctx, number, "loans", "unheard-of", terms)))
		in(month+time.Hour, ends(s.Extend(ctx, number, "loans", time.Hour)))

		require.Equal(t, Forever, ends(s.Lock(ctx, number, "loans")))
		h, err := s.Extend(ctx, number, "loans", time.Hour)
		require.NoError(t, err)
		in(month+2*time.Hour, h.Unlocked)
		in(month+2*time.Hour, ends(s.Unlock(ctx, number, "loans", terms)))
		in(month, ends(s.Claim(ctx, number, ClaimOrder{Rep: "201", Scope: "loans", Terms: terms}))) // the end is set anew
		require.Equal(t, 2*time.Hour, time.Until(ends(s.Claim(ctx, number, ClaimOrder{Rep: "201", Scope: "loans", For: 2 * time.Hour}))).Round(time.Minute))
	})
}

// A number that another release left owned keeps its end, and an answered call prolongs it as ever.
func TestOwnedBeforeThereWereContacts(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).UnixURL())
	k, now := keysOf(number.Digits()), time.Now()
	ends := now.Add(20 * 24 * time.Hour).UnixMilli()
	require.NoError(t, s.client.HSet(t.Context(), k.number(), "o", "201", "x", "201", "s", now.Add(-100*24*time.Hour).UnixMilli(), "u", ends).Err())
	h, err := s.Owner(t.Context(), number)
	require.NoError(t, err)
	require.True(t, h.ByHand)
	require.Equal(t, h.Until, Until(h, rules), "no sweep takes it away")
	q := question(number, "201", "a")
	require.Equal(t, gate.OwnerCalls, decide(t, s, q).Reason)
	require.NoError(t, s.Write(t.Context(), []gate.Event{{
		Kind: gate.Ended, Reservation: q.Reservation, Terms: q.Terms, Ending: gate.EndAnswered, Talk: time.Second,
	}}))
	h, err = s.Owner(t.Context(), number)
	require.NoError(t, err)
	require.False(t, h.ByHand)
	require.WithinDuration(t, now.Add(30*24*time.Hour), h.Until, 10*time.Second)
	require.WithinDuration(t, now, h.Contact, 10*time.Second)

	// One that was claimed for longer than the rules give keeps that.
	longer := keysOf(numbered(1).Digits())
	ends = now.Add(60 * 24 * time.Hour).UnixMilli()
	require.NoError(t, s.client.HSet(t.Context(), longer.number(), "o", "201", "x", "", "s", now.UnixMilli(), "u", ends).Err())
	q = question(numbered(1), "201", "b")
	require.NoError(t, s.Write(t.Context(), []gate.Event{{
		Kind: gate.Ended, Reservation: q.Reservation, Terms: q.Terms, Ending: gate.EndAnswered, Talk: time.Second,
	}}))
	h, err = s.Owner(t.Context(), numbered(1))
	require.NoError(t, err)
	require.Equal(t, ends, h.Until.UnixMilli())
}

// Numbers that were owned before holdings were counted are counted once, and no more than they are owned.
func TestAdopt(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx, now := context.Background(), time.Now()
		for i := range 250 {
			k := keysOf(numbered(i).Digits())
			ends := now.Add(time.Hour).UnixMilli()
			require.NoError(t, s.client.HSet(ctx, k.number(), "o", "201", "s", now.UnixMilli(), "u", ends).Err())
			require.NoError(t, s.client.ZAdd(ctx, k.owned(), redis.Z{Score: float64(ends), Member: k.digits}).Err())
		}
		claim(t, s, numbered(300), ClaimOrder{Rep: "2=0\x1f1", Scope: "loans"})
		require.NoError(t, s.Adopt(ctx))
		require.Len(t, heldBy(t, s, "201"), 250)
		require.Equal(t, Counts{Held: 250}, counts(t, s, "201"))
		require.Equal(t, Counts{Held: 1}, counts(t, s, "2=0\x1f1"))
		_, err := s.Release(ctx, numbered(7), "", "released", rules)
		require.NoError(t, err)
		require.NoError(t, s.Adopt(ctx), "once is enough")
		require.Equal(t, Counts{Held: 249}, counts(t, s, "201"))
	})
}

// What one scope has keeps the number, whichever scope is asked about.
func TestOwnedNumberIsKeptForEver(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		key := keysOf(number.Digits()).number()
		claim(t, s, number, ClaimOrder{Rep: "201", Scope: "loans"})
		for _, scope := range []gate.Scope{"", "cars"} {
			q := question(number, "202", string("call "+scope))
			q.Scope = scope
			decide(t, s, q)
			require.Equal(t, time.Duration(-1), s.client.PTTL(t.Context(), key).Val(), "asked in scope %q", scope)
		}
	})
}
