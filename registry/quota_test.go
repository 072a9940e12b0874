package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/redistest"
)

// numbered is the i-th number, no two in the same bucket one after another.
func numbered(i int) gate.Number { return gate.Number(fmt.Sprintf("+1212555%04d", i)) }

func counts(t *testing.T, s *Store, rep gate.Rep) Counts {
	t.Helper()
	c, err := s.Counts(context.Background(), rep, rules)
	require.NoError(t, err)
	return c
}

func heldBy(t *testing.T, s *Store, rep gate.Rep) []Held {
	t.Helper()
	var held []Held
	for h, err := range s.HeldBy(context.Background(), rep) {
		require.NoError(t, err)
		held = append(held, h)
	}
	slices.SortFunc(held, func(a, b Held) int {
		return slices.Compare([]byte(a.Number+"|"+gate.Number(a.Scope)), []byte(b.Number+"|"+gate.Number(b.Scope)))
	})
	return held
}

func TestHoldingsAreCounted(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		capped := rules
		capped.Holdings = 2
		claim(t, s, numbered(1), ClaimOrder{Rep: "201", Terms: capped})
		claim(t, s, numbered(1), ClaimOrder{Rep: "201", Terms: capped}) // once more: it is one
		claim(t, s, numbered(2), ClaimOrder{Rep: "201", Scope: "loans", Terms: capped})
		require.Equal(t, []Held{{numbered(1), ""}, {numbered(2), "loans"}}, heldBy(t, s, "201"))

		var quota *QuotaError
		_, err := s.Claim(ctx, numbered(3), ClaimOrder{Rep: "201", Terms: capped})
		require.ErrorAs(t, err, &quota)
		require.Equal(t, QuotaError{Rep: "201", What: QuotaHoldings, Most: 2}, *quota)
		claim(t, s, numbered(3), ClaimOrder{Rep: "202", Terms: capped})
		_, err = s.Transfer(ctx, numbered(3), "", TransferOrder{To: "201", Terms: capped})
		require.ErrorAs(t, err, &quota)
		_, err = s.Transfer(ctx, numbered(3), "", TransferOrder{To: "201", Terms: capped, Force: true})
		require.NoError(t, err)
		require.Equal(t, Counts{Held: 3}, counts(t, s, "201"))
		require.Equal(t, Counts{}, counts(t, s, "202"))

		_, err = s.Deal(ctx, numbered(3), "", true, capped)
		require.NoError(t, err)
		_, err = s.Deal(ctx, numbered(1), "", true, capped)
		require.NoError(t, err)
		require.Equal(t, Counts{Held: 3, Dealt: 2}, counts(t, s, "201"))
		claim(t, s, numbered(4), ClaimOrder{Rep: "201", Terms: capped}) // closed deals do not count
		counted := capped
		counted.CountDeals, counted.Holdings = true, 4
		_, err = s.Claim(ctx, numbered(5), ClaimOrder{Rep: "201", Terms: counted})
		require.ErrorAs(t, err, &quota)

		_, err = s.Deal(ctx, numbered(1), "", false, capped)
		require.NoError(t, err)
		_, err = s.Release(ctx, numbered(3), "", "released", capped)
		require.NoError(t, err)
		require.Equal(t, Counts{Held: 3}, counts(t, s, "201"))
		require.Len(t, heldBy(t, s, "201"), 3)
	})
}

// A call that makes an owner too many goes on and makes none; the record says why.
func TestCallBeyondTheHoldings(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		for i := range 2 {
			q := question(numbered(i), "201", "a")
			q.Holdings = 1
			decide(t, s, q)
			require.NoError(t, s.Write(context.Background(), []gate.Event{
				{Kind: gate.Firm, Reservation: q.Reservation, Terms: q.Terms, Talk: 10 * time.Second},
				{Kind: gate.Ended, Reservation: q.Reservation, Terms: q.Terms, Ending: gate.EndAnswered, Talk: time.Minute},
			}))
		}
		require.Equal(t, Counts{Held: 1}, counts(t, s, "201"))
		records, err := s.History(context.Background(), numbered(1), 1)
		require.NoError(t, err)
		require.Equal(t, map[string]string{"quota": "holdings"}, records[0].Detail)
		require.Empty(t, records[0].Owner)
	})
}

func TestDailyClaims(t *testing.T) {
	t.Parallel()
	s := open(t, "embedded://")
	now := time.Now()
	s.embedded.server.SetTime(now)
	ctx := t.Context()
	daily := rules
	daily.DailyClaims, daily.Offset = 1, 8*time.Hour
	for i := range 3 {
		claim(t, s, numbered(i), ClaimOrder{Rep: "202"})
		_, err := s.Release(ctx, numbered(i), "", "released", rules)
		require.NoError(t, err)
	}
	claim(t, s, numbered(8), ClaimOrder{Rep: "201", Terms: daily}) // nobody had it: that is no claim from the pool
	require.Zero(t, counts(t, s, "201").ClaimsToday)
	claim(t, s, numbered(0), ClaimOrder{Rep: "201", Terms: daily})
	var quota *QuotaError
	_, err := s.Claim(ctx, numbered(1), ClaimOrder{Rep: "201", Terms: daily})
	require.ErrorAs(t, err, &quota)
	require.Equal(t, QuotaDailyClaims, quota.What)
	claim(t, s, numbered(9), ClaimOrder{Rep: "201", Terms: daily})

	q := question(numbered(1), "201", "a")
	q.Terms = daily
	decide(t, s, q)
	require.NoError(t, s.Write(ctx, []gate.Event{{
		Kind: gate.Ended, Reservation: q.Reservation, Terms: daily, Ending: gate.EndAnswered, Talk: time.Minute,
	}}))
	records, err := s.History(ctx, numbered(1), 1)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"quota": "daily_claims"}, records[0].Detail)

	midnight := now.Add(daily.Offset).UTC().Truncate(24 * time.Hour).Add(24*time.Hour - daily.Offset)
	s.embedded.server.SetTime(midnight.Add(-time.Second))
	_, err = s.Claim(ctx, numbered(2), ClaimOrder{Rep: "201", Terms: daily})
	require.ErrorAs(t, err, &quota)
	s.embedded.server.SetTime(midnight.Add(time.Second))
	claim(t, s, numbered(2), ClaimOrder{Rep: "201", Terms: daily})
}

// What a rep seems to hold beyond what is owned is counted anew before a claim is refused for it.
func TestLapsedHoldingsMakeRoom(t *testing.T) {
	t.Parallel()
	s := open(t, "embedded://")
	s.embedded.server.SetTime(time.Now())
	capped := rules
	capped.Holdings = 1
	claim(t, s, numbered(1), ClaimOrder{Rep: "201", For: time.Hour, Terms: capped})
	s.embedded.server.SetTime(time.Now().Add(2 * time.Hour))
	claim(t, s, numbered(2), ClaimOrder{Rep: "201", Terms: capped})
	require.Equal(t, Counts{Held: 1}, counts(t, s, "201"))
}

// A claim that breaks off after any of its steps leaves more counted than owned, until it is mended.
func TestMend(t *testing.T) {
	t.Parallel()
	s := open(t, "embedded://")
	now := time.Now()
	s.embedded.server.SetTime(now)
	ctx := t.Context()
	daily := rules
	daily.DailyClaims = 5
	reserved := func(i int) reservation {
		r := newReservation("201", "", numbered(i).Digits())
		_, err := s.reserveFor(ctx, r, daily)
		require.NoError(t, err)
		return r
	}
	claimed := func(i int) {
		_, err := s.changeOwner(ctx, numbered(i), ownerChange{action: "claim", rep: "201", terms: rules, may: "yes"})
		require.NoError(t, err)
	}
	reserved(1) // and the gate died
	reserved(2)
	claimed(2) // and died
	r := reserved(3)
	claimed(3)
	s.settled(ctx, r, true, r.digits...)
	require.Equal(t, Counts{Held: 1, Pending: 2, ClaimsToday: 3}, counts(t, s, "201"))
	n, err := s.Mend(ctx, "201")
	require.NoError(t, err)
	require.Zero(t, n, "claims under way are left alone")
	s.embedded.server.SetTime(now.Add(pendingFor + time.Second))
	n, err = s.Mend(ctx, "201")
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Equal(t, []Held{{numbered(2), ""}, {numbered(3), ""}}, heldBy(t, s, "201"))
	require.Equal(t, Counts{Held: 2, ClaimsToday: 2}, counts(t, s, "201"))
	require.Zero(t, must(s.pipeline(ctx, []call{r.settle(false)}))[0], "settled twice")

	// Another takes a number over after its end: it lingers until it is dropped, and what is owned never is.
	s.embedded.server.SetTime(now.Add(31 * 24 * time.Hour))
	claim(t, s, numbered(2), ClaimOrder{Rep: "202"})
	claim(t, s, numbered(3), ClaimOrder{Rep: "201"})
	require.Len(t, heldBy(t, s, "201"), 2)
	require.NoError(t, s.Drop(ctx, "201", Held{numbered(2), ""}, Held{numbered(3), ""}))
	require.Equal(t, []Held{{numbered(3), ""}}, heldBy(t, s, "201"))
	var holders []gate.Rep
	for rep, err := range s.Holders(ctx) {
		require.NoError(t, err)
		holders = append(holders, rep)
	}
	slices.Sort(holders)
	require.Equal(t, []gate.Rep{"201", "202"}, holders)
}

// What is about to be held counts: of two claims under way at once, only as many go on as fit.
func TestClaimsUnderWayCount(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		capped := rules
		capped.Holdings = 1
		first := newReservation("201", "", numbered(1).Digits())
		_, err := s.reserveFor(t.Context(), first, capped)
		require.NoError(t, err)
		var quota *QuotaError
		_, err = s.Claim(t.Context(), numbered(2), ClaimOrder{Rep: "201", Terms: capped})
		require.ErrorAs(t, err, &quota)
		s.settled(t.Context(), first, false)
		claim(t, s, numbered(2), ClaimOrder{Rep: "201", Terms: capped})
	})
}

// A drop that a claim of the same rep got in the way of does nothing.
func TestDropSeesClaimsUnderWay(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).UnixURL())
	claim(t, s, number, ClaimOrder{Rep: "201"})
	before, err := s.generation(t.Context(), "201")
	require.NoError(t, err)
	_, err = s.reserveFor(t.Context(), newReservation("201", "", number.Digits()), rules)
	require.NoError(t, err)
	k := keysOfRep("201")
	c := call{dropScript, []string{k.counts(), k.pending()}, []any{before, 0}}.holding(k, Held{number, ""}, false)
	require.EqualValues(t, -1, must(s.pipeline(t.Context(), []call{c}))[0])
	require.Len(t, heldBy(t, s, "201"), 1)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestQuotasHold has 150 claims at once, by call and by command, at three gates: no rep ever owns more than allowed, or
// claims more from the pool in a day, and what is counted is what is owned.
func TestQuotasHold(t *testing.T) {
	const gates, each, reps, numbers, most, daily = 3, 50, 5, 120, 12, 7
	server := redistest.Start(t)
	stores := make([]*Store, gates)
	for i := range stores {
		stores[i] = open(t, server.UnixURL(), WithoutLists())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for i := range numbers / 2 { // half of them are in the pool
		claim(t, stores[0], numbered(i), ClaimOrder{Rep: "300"})
		_, err := stores[0].Release(ctx, numbered(i), "", "released", rules)
		require.NoError(t, err)
	}
	terms := rules
	terms.Holdings, terms.DailyClaims = most, daily
	var wg sync.WaitGroup
	var refused atomic.Int64
	for i := range gates * each {
		s, rep := stores[i%gates], gate.Rep(strconv.Itoa(201+i%reps))
		wg.Go(func() {
			for turn := range 6 {
				n := numbered((i*37 + turn*53) % numbers)
				var err error
				switch {
				case turn%3 == 0:
					_, err = s.Claim(ctx, n, ClaimOrder{Rep: rep, Terms: terms})
				case turn%3 == 1:
					err = callOwns(ctx, s, n, rep, terms, fmt.Sprint(i, turn))
				default:
					_, err = s.Release(ctx, n, "", "released", terms)
				}
				var quota *QuotaError
				var owned *OwnedError
				switch {
				case errors.As(err, &quota):
					refused.Add(1)
				case err != nil && !errors.Is(err, ErrNotOwned) && !errors.As(err, &owned):
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.Positive(t, refused.Load(), "the limits were reached")
	owned := make(map[gate.Rep]int)
	for i := range numbers {
		h, err := stores[0].Owner(ctx, numbered(i))
		require.NoError(t, err)
		owned[h.Owner]++
	}
	for i := range reps {
		rep := gate.Rep(strconv.Itoa(201 + i))
		require.LessOrEqual(t, owned[rep], most)
		_, err := stores[0].Mend(ctx, rep)
		require.NoError(t, err)
		c := counts(t, stores[0], rep)
		require.Equal(t, owned[rep], c.Held)
		require.LessOrEqual(t, c.ClaimsToday, daily)
		require.Zero(t, c.Pending)
	}
	claims := pooledClaims(t, stores[0])
	for rep, n := range claims {
		require.LessOrEqual(t, n, daily, "rep %s", rep)
	}
	require.NotEmpty(t, claims)
}

// callOwns is a call long enough to make an owner; nobody minds whether it went out.
func callOwns(ctx context.Context, s *Store, n gate.Number, rep gate.Rep, terms gate.Terms, id string) error {
	q := question(n, rep, id)
	q.Terms = terms
	a, err := s.Decide(ctx, q)
	if err != nil || a.Verdict != gate.Allow {
		return err
	}
	return s.Write(ctx, []gate.Event{{
		Kind: gate.Ended, Reservation: q.Reservation, Terms: terms, Ending: gate.EndAnswered, Talk: time.Minute,
	}})
}

// pooledClaims counts by rep, from the records, the claims of numbers that had been released before.
func pooledClaims(t *testing.T, s *Store) map[gate.Rep]int {
	t.Helper()
	claims := make(map[gate.Rep]int)
	for i := range 120 {
		records, err := s.History(context.Background(), numbered(i), 1000)
		require.NoError(t, err)
		slices.Reverse(records)
		pooled, owner := false, gate.Rep("")
		for _, r := range records {
			switch {
			case r.Kind == RecordOwner && r.Reason == "release":
				pooled, owner = true, ""
			case r.Owner != "" && (r.Kind == RecordEnd || r.Kind == RecordOwner) && owner == "":
				owner = r.Owner
				if pooled && owner != "300" {
					claims[owner]++
				}
			}
		}
	}
	return claims
}

// What comes after a claim in the same batch waits for it: a call that was up long enough made an owner, however it ended.
func TestFirmAndItsEndTogether(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		q := question(number, "201", "a")
		decide(t, s, q)
		other := question(numbered(1), "202", "b")
		decide(t, s, other)
		require.NoError(t, s.Write(context.Background(), []gate.Event{
			{Kind: gate.Firm, Reservation: q.Reservation, Terms: q.Terms, Talk: 10 * time.Second},
			{Kind: gate.Ended, Reservation: other.Reservation, Terms: q.Terms, Ending: gate.EndUnanswered},
			{Kind: gate.Ended, Reservation: q.Reservation, Terms: q.Terms, Ending: gate.EndUnknown},
		}))
		h, err := s.Owner(context.Background(), number)
		require.NoError(t, err)
		require.Equal(t, gate.Rep("201"), h.Owner)
		require.Nil(t, h.Flight)
		h, err = s.Owner(context.Background(), numbered(1))
		require.NoError(t, err)
		require.Nil(t, h.Flight)
	})
}
