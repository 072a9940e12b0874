package registry

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/redistest"
)

// tally is a PoolReport that counts.
type tally struct {
	mu       sync.Mutex
	recycled map[string]int
	warned   int
	size     int
	owned    int
	lag      time.Duration
}

func (r *tally) Recycled(why string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.recycled == nil {
		r.recycled = map[string]int{}
	}
	r.recycled[why] += n
}

func (r *tally) Warned(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.warned += n
}

func (r *tally) Pool(size, owned int, lag time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.size, r.owned, r.lag = size, owned, lag
}

// terms are question's, with a bar of a day.
func poolTerms() gate.Terms {
	t := question(number, "201", "").Terms
	t.Bar = 24 * time.Hour
	return t
}

// atOnce is a rule under which the Recycler does not rest.
func atOnce() gate.PoolRule { return gate.PoolRule{Pace: 100} }

func recycler(s *Store, t *gate.Terms, rule *gate.PoolRule) (*Recycler, *tally) {
	counted := &tally{}
	return NewRecycler(s, RecyclerOptions{
		Rules:  func() (gate.Terms, gate.PoolRule) { return *t, *rule },
		Report: counted,
	}), counted
}

// waitUntil waits until the server's clock has passed a time.
func waitUntil(t testing.TB, s *Store, end time.Time) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, st, err := s.turn(context.Background(), "a clock", 0)
		require.NoError(t, err)
		return st.now.After(end)
	}, 10*time.Second, time.Millisecond)
}

// recordsOf are those of a number with a kind, newest first.
func recordsOf(t testing.TB, s *Store, n gate.Number, kind RecordKind) []Record {
	t.Helper()
	all, err := s.History(context.Background(), n, 100)
	require.NoError(t, err)
	var some []Record
	for _, r := range all {
		if r.Kind == kind {
			some = append(some, r)
		}
	}
	return some
}

func TestRecycle(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		terms, rule := poolTerms(), atOnce()
		terms.Protection, terms.NoDeal = 20*time.Millisecond, time.Hour
		r, counted := recycler(s, &terms, &rule)

		const kept, dealt, locked, byHand, scoped = "+12125550101", "+12125550102", "+12125550103", "+12125550104", "+12125550105"
		claim(t, s, kept, ClaimOrder{Rep: "201", For: time.Hour, Terms: terms})
		claim(t, s, dealt, ClaimOrder{Rep: "201", For: time.Hour, Terms: terms})
		_, err := s.Deal(ctx, dealt, "", true, terms)
		require.NoError(t, err)
		claim(t, s, locked, ClaimOrder{Rep: "201", For: time.Minute, Terms: terms})
		_, err = s.Lock(ctx, locked, "")
		require.NoError(t, err)
		claim(t, s, byHand, ClaimOrder{Rep: "202", For: 20 * time.Millisecond, Terms: terms})
		claim(t, s, scoped, ClaimOrder{Rep: "203", Scope: "loans;a", Terms: terms})
		h := claim(t, s, number, ClaimOrder{Rep: "201", Extension: "8201", Team: "east", Level: "A", Terms: terms})
		waitUntil(t, s, h.Until)

		require.NoError(t, r.Round(ctx))
		require.Equal(t, map[string]int{"no_contact": 2, "expired": 1}, counted.recycled)
		for _, n := range []gate.Number{kept, dealt, locked} {
			h, err := s.Owner(ctx, n)
			require.NoError(t, err)
			require.Equal(t, gate.Rep("201"), h.Owner, n)
			require.Nil(t, h.Pool, n)
			require.Empty(t, recordsOf(t, s, n, RecordPool))
		}
		h, err = s.Owner(ctx, number)
		require.NoError(t, err)
		require.Empty(t, h.Owner)
		require.Empty(t, h.Team)
		require.Equal(t, "A", h.Level, "it is the customer's")
		require.NotNil(t, h.Pool)
		require.Equal(t, "no_contact", h.Pool.Why)
		require.Equal(t, gate.Rep("201"), h.Pool.Barred)
		require.WithinDuration(t, h.Pool.Since.Add(24*time.Hour), h.Pool.BarredUntil, time.Millisecond)

		records := recordsOf(t, s, number, RecordPool)
		require.Len(t, records, 1)
		require.Equal(t, "recycle", records[0].Reason)
		require.Equal(t, gate.Rep("201"), records[0].Owner)
		require.Equal(t, map[string]string{"from": "201", "why": "no_contact"}, records[0].Detail)
		require.Equal(t, "g1", records[0].Gate)
		require.Equal(t, gate.Scope("loans;a"), recordsOf(t, s, scoped, RecordPool)[0].Scope)

		var barred *BarredError
		_, err = s.Claim(ctx, number, ClaimOrder{Rep: "201", Terms: terms})
		require.ErrorAs(t, err, &barred)
		claim(t, s, number, ClaimOrder{Rep: "202", Terms: terms, From: "pool", For: time.Hour})

		require.Equal(t, 3, heldCount(t, s, "201"))
		require.Zero(t, heldCount(t, s, "203"), "what is gone counts no longer")
		require.NoError(t, r.Round(ctx))
		require.Equal(t, map[string]int{"no_contact": 2, "expired": 1}, counted.recycled, "once")
		require.Equal(t, 2, counted.size)
		require.Equal(t, 4, counted.owned)
	})
}

// TestRecycleByWhichRule: the rule that came first is the one that is named.
func TestRecycleByWhichRule(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).UnixURL(), WithoutLists())
	for i, tt := range []struct {
		why    string
		change func(*gate.Terms)
		order  ClaimOrder
	}{
		{"no_contact", func(t *gate.Terms) { t.Protection = 5 * time.Millisecond }, ClaimOrder{}},
		{"no_deal", func(t *gate.Terms) { t.NoDeal = 5 * time.Millisecond }, ClaimOrder{}},
		{"expired", func(t *gate.Terms) { t.ProtectionMost = 5 * time.Millisecond }, ClaimOrder{}},
		{"expired", func(t *gate.Terms) { t.ProtectionMost, t.NoDeal = 5*time.Millisecond, 6*time.Millisecond }, ClaimOrder{}},
		{"no_contact", func(t *gate.Terms) { t.Levels = "A=5\x1fB=60000" }, ClaimOrder{Level: "A"}},
		{"expired", func(*gate.Terms) {}, ClaimOrder{For: 5 * time.Millisecond}},
	} {
		terms, rule := poolTerms(), atOnce()
		tt.change(&terms)
		n := gate.Number(fmt.Sprintf("+1212555%04d", i))
		tt.order.Rep, tt.order.Terms = "201", terms
		waitUntil(t, s, claim(t, s, n, tt.order).Until)
		r, _ := recycler(s, &terms, &rule)
		require.NoError(t, r.Round(t.Context()))
		require.NoError(t, r.stop(context.Background()))
		h, err := s.Owner(t.Context(), n)
		require.NoError(t, err)
		require.NotNil(t, h.Pool, "%d", i)
		require.Equal(t, tt.why, h.Pool.Why, "%d", i)
	}
}

// TestNobodyIsRecycledInMidCall: an owner who speaks with the customer when the protection ends keeps the number until
// the call is over.
func TestNobodyIsRecycledInMidCall(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).UnixURL(), WithoutLists())
	terms, rule := poolTerms(), atOnce()
	r, counted := recycler(s, &terms, &rule)
	all := numbersOfOneBucket(poolPage + 14)
	const calls = poolPage + 7 // more than a page: what stays behind must not keep the rest from being moved
	var last time.Time
	for i, n := range all {
		last = claim(t, s, n, ClaimOrder{Rep: "201", For: 2 * time.Second, Terms: terms}).Until
		if i < calls {
			require.Equal(t, gate.OwnerCalls, decide(t, s, question(n, "201", "call")).Reason)
		}
	}
	waitUntil(t, s, last)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, r.Round(ctx))
	require.Equal(t, len(all)-calls, counted.recycled["expired"])
	for i, n := range all {
		st, err := s.state(t.Context(), n, holdingScript, []string{keysOf(n.Digits()).number()})
		require.NoError(t, err)
		require.Equal(t, i < calls, st.fields["o"] == "201", n)
	}
	q := question(all[0], "201", "call")
	require.NoError(t, s.Write(t.Context(), []gate.Event{{Kind: gate.Ended, Reservation: q.Reservation, Terms: terms, Ending: gate.EndUnanswered}}))
	require.NoError(t, r.Round(t.Context()))
	require.Equal(t, len(all)-calls+1, counted.recycled["expired"])
}

// TestRecycledOnce lets three gates move the same 20,000 due numbers at once, each believing that it is its turn.
func TestRecycledOnce(t *testing.T) {
	const numbers, gates = 20_000, 3
	server := redistest.Start(t)
	s := open(t, server.UnixURL(), WithoutLists())
	terms, rule := poolTerms(), atOnce()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	all := loadOwned(ctx, t, s, numbers, terms)

	now, due := dueNow(ctx, t, s)
	counts := make([]*tally, gates)
	var wg sync.WaitGroup
	for i := range gates {
		var r *Recycler
		r, counts[i] = recycler(open(t, server.UnixURL(), WithoutLists()), &terms, &rule)
		r.renewed = time.Now().Add(time.Hour) // it asks nobody for its turn
		wg.Go(func() {
			if err := r.recycle(ctx, now, due, terms, rule); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.False(t, t.Failed())
	moved := 0
	for i, c := range counts {
		require.NotZero(t, c.recycled["expired"], "gate %d took no part", i)
		moved += c.recycled["expired"]
	}
	require.Equal(t, numbers, moved)
	found, due, err := s.survey(ctx, time.Now())
	require.NoError(t, err)
	require.Empty(t, due)
	require.Equal(t, numbers, found.Size)
	require.Zero(t, found.Owned)
	recycles := make(map[gate.Number]int, numbers)
	for _, tag := range tags {
		entries, err := s.client.XRange(ctx, numberKeys{tag: tag}.stream(), "-", "+").Result()
		require.NoError(t, err)
		for _, e := range entries {
			r, err := DecodeRecord(e.ID, e.Values["r"].(string))
			require.NoError(t, err)
			if r.Kind == RecordPool {
				recycles[r.Number]++
			}
		}
	}
	for _, n := range all {
		require.Equal(t, 1, recycles[n], "one record for each number")
	}
}

// loadOwned has 100 reps own numbers whose protection has ended when it returns. It leaves out what is counted of reps.
func loadOwned(ctx context.Context, t testing.TB, s *Store, numbers int, terms gate.Terms) []gate.Number {
	t.Helper()
	all := make([]gate.Number, numbers)
	const atOnce = 64 // a loaded machine has a second for each
	for first := 0; first < numbers; first += atOnce {
		pipe := s.client.Pipeline()
		for i := first; i < min(first+atOnce, numbers); i++ {
			all[i] = gate.Number(fmt.Sprintf("+1%03d%07d", 201+i%700, 5_000_000+i)) // apart from those of newCalls
			k := keysOf(all[i].Digits())
			_ = pipe.Process(ctx, redis.NewSliceCmd(ctx, ownerScript.command(
				[]string{k.number(), k.stream(), k.owned(), k.pool(), k.changed()},
				"claim", fmt.Sprint(201+i%100), "", "1", k.digits, "loader", adminFields(k.digits), milliseconds(terms.Keep),
				rulesOf(terms), "0", "", "", "", "yes")...))
		}
		_, err := pipe.Exec(ctx)
		require.NoError(t, err)
	}
	waitUntil(t, s, time.Now().Add(5*time.Millisecond))
	return all
}

func dueNow(ctx context.Context, t testing.TB, s *Store) (time.Time, []string) {
	t.Helper()
	_, st, err := s.turn(ctx, "a clock", 0)
	require.NoError(t, err)
	_, due, err := s.survey(ctx, st.now)
	require.NoError(t, err)
	require.NotEmpty(t, due)
	return st.now, due
}

// TestGatesTakeTurns: one works, the other tells what that one found; a gate that stops hands on at once, one that dies
// when its time is over.
func TestGatesTakeTurns(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		terms, rule := poolTerms(), atOnce()
		first, _ := recycler(s, &terms, &rule)
		second, counted := recycler(s, &terms, &rule)
		require.NoError(t, first.Round(ctx))
		waitUntil(t, s, claim(t, s, number, ClaimOrder{Rep: "201", For: time.Millisecond, Terms: terms}).Until)
		require.NoError(t, second.Round(ctx))
		require.Empty(t, counted.recycled, "it is the first one's turn")
		require.NoError(t, first.Round(ctx))
		require.NoError(t, first.Round(ctx))
		require.NoError(t, second.Round(ctx))
		require.Equal(t, 1, counted.size, "as the first one found it")
		require.Error(t, first.stop(canceled()))

		waitUntil(t, s, claim(t, s, "+12125550199", ClaimOrder{Rep: "201", For: time.Millisecond, Terms: terms}).Until)
		second.lease = 50 * time.Millisecond
		require.NoError(t, second.Round(ctx))
		require.Equal(t, 1, counted.recycled["expired"])
		require.Eventually(t, func() bool { // second has died
			mine, _, err := s.turn(ctx, "third", time.Minute)
			return err == nil && mine
		}, 10*time.Second, 5*time.Millisecond)
		second.renewed = time.Time{}
		require.ErrorIs(t, second.step(ctx, rule, func() error { return nil }), errTurnLost)
	})
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// TestChangedRules: ends of protection are reckoned anew once every gate has held the new rules for long enough, not
// those that were set by hand, and another gate goes on where one stopped.
func TestChangedRules(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		terms, rule := poolTerms(), atOnce()
		one, _ := recycler(s, &terms, &rule)
		require.NoError(t, one.Round(ctx))
		const byHand, locked = "+12125550101", "+12125550102"
		before := claim(t, s, number, ClaimOrder{Rep: "201", Terms: terms})
		hand := claim(t, s, byHand, ClaimOrder{Rep: "201", For: 90 * 24 * time.Hour, Terms: terms})
		claim(t, s, locked, ClaimOrder{Rep: "201", Terms: terms})
		_, err := s.Lock(ctx, locked, "")
		require.NoError(t, err)

		terms.NoDeal = 7 * 24 * time.Hour
		rule.Settle = gate.Duration(time.Hour)
		require.NoError(t, one.Round(ctx))
		require.Equal(t, before.Until, owner(t, s, number).Until, "not before the rules have settled")
		st, err := s.PoolState(ctx)
		require.NoError(t, err)
		require.False(t, st.Rules.Changed.IsZero())

		rule.Settle = 0
		require.NoError(t, s.client.HSet(ctx, poolStateKey, "bucket", bucketOf(number.Digits())+1).Err())
		require.NoError(t, one.Round(ctx))
		require.Equal(t, before.Until, owner(t, s, number).Until, "its bucket was gone through before")

		terms.NoDeal = 6 * 24 * time.Hour
		require.NoError(t, one.Round(ctx))
		require.Equal(t, before.Since.Add(terms.NoDeal), owner(t, s, number).Until)
		require.Equal(t, hand.Until, owner(t, s, byHand).Until)
		h := owner(t, s, locked)
		require.Equal(t, Forever, h.Until)
		require.Equal(t, h.Since.Add(terms.NoDeal), h.Unlocked)
		st, err = s.PoolState(ctx)
		require.NoError(t, err)
		require.True(t, st.Rules.Changed.IsZero())
	})
}

// TestGatesMustAgreeOnTheRules: while one gate holds the old rules and another the new ones, nothing is moved.
func TestGatesMustAgreeOnTheRules(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).UnixURL(), WithoutLists())
	old, rule := poolTerms(), atOnce()
	r, _ := recycler(s, &old, &rule)
	require.NoError(t, r.reckon(t.Context(), old, rule))
	changed := old
	changed.NoDeal = time.Hour
	rule.Settle = gate.Duration(time.Hour)
	since := func() string { return s.client.HGet(t.Context(), poolStateKey, "since").Val() }
	require.NoError(t, r.reckon(t.Context(), changed, rule))
	require.NotEmpty(t, since())
	require.NoError(t, r.reckon(t.Context(), changed, rule))
	require.NotEmpty(t, since(), "and so it stays while they agree")
	require.NoError(t, r.reckon(t.Context(), old, rule))
	require.Empty(t, since(), "the time begins again")
}

// heldCount is how many numbers are counted as a rep's.
func heldCount(t testing.TB, s *Store, rep gate.Rep) int {
	t.Helper()
	c, err := s.Counts(context.Background(), rep, poolTerms())
	require.NoError(t, err)
	require.Zero(t, c.Pending)
	return c.Held
}

// TestMendIsDone: what a claim that broke off has left is put right by the gate that has the turn.
func TestMendIsDone(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).UnixURL(), WithoutLists())
	terms, rule := poolTerms(), atOnce()
	claim(t, s, number, ClaimOrder{Rep: "201", For: time.Hour, Terms: terms})
	require.NoError(t, s.client.HDel(t.Context(), keysOf(number.Digits()).number(), "o").Err())
	require.Equal(t, 1, heldCount(t, s, "201"))
	r, _ := recycler(s, &terms, &rule)
	require.NoError(t, r.Round(t.Context()))
	require.Zero(t, heldCount(t, s, "201"))
}

func owner(t testing.TB, s *Store, n gate.Number) Holding {
	t.Helper()
	h, err := s.Owner(context.Background(), n)
	require.NoError(t, err)
	return h
}

func TestWarnOnce(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		terms, rule := poolTerms(), atOnce()
		rule.Warn = gate.Duration(3 * 24 * time.Hour)
		const far, locked = "+12125550101", "+12125550102"
		soon := claim(t, s, number, ClaimOrder{Rep: "201", For: 48 * time.Hour, Terms: terms})
		claim(t, s, far, ClaimOrder{Rep: "201", For: 96 * time.Hour, Terms: terms})
		claim(t, s, locked, ClaimOrder{Rep: "201", For: 48 * time.Hour, Terms: terms})
		_, err := s.Lock(ctx, locked, "")
		require.NoError(t, err)
		for range 2 { // a gate, and another later on
			r, _ := recycler(s, &terms, &rule)
			require.NoError(t, r.Round(ctx))
			require.NoError(t, r.warn(ctx, time.Now(), terms, rule))
			_ = r.stop(context.Background())
		}
		records := recordsOf(t, s, number, RecordPool)
		require.Len(t, records, 1)
		require.Equal(t, "warn", records[0].Reason)
		require.Equal(t, gate.Rep("201"), records[0].Owner)
		require.Equal(t, score(soon.Until), records[0].Detail["until"])
		require.Empty(t, recordsOf(t, s, far, RecordPool))
		require.Empty(t, recordsOf(t, s, locked, RecordPool))

		_, err = s.Extend(ctx, number, "", time.Hour)
		require.NoError(t, err)
		r, counted := recycler(s, &terms, &rule)
		require.NoError(t, r.Round(ctx))
		require.Equal(t, 1, counted.warned, "it has another end now")
		require.Len(t, recordsOf(t, s, number, RecordPool), 2)
	})
}

// TestHoursKeepNumbersWhereTheyAre: outside rules.pool.hours nothing is moved.
func TestHoursKeepNumbersWhereTheyAre(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).UnixURL(), WithoutLists())
	terms, rule := poolTerms(), atOnce()
	waitUntil(t, s, claim(t, s, number, ClaimOrder{Rep: "201", For: time.Millisecond, Terms: terms}).Until)
	now := time.Now()
	minutes := now.Hour()*60 + now.Minute()
	rule.Hours = gate.DayPart{From: (minutes + 720) % 1440, To: (minutes + 780) % 1440}
	r, counted := recycler(s, &terms, &rule)
	require.NoError(t, r.Round(t.Context()))
	require.Empty(t, counted.recycled)
	require.Greater(t, counted.lag, time.Duration(0), "and the delay shows")
	rule.Hours = gate.DayPart{From: (minutes + 1380) % 1440, To: (minutes + 60) % 1440}
	require.NoError(t, r.Round(t.Context()))
	require.Equal(t, 1, counted.recycled["expired"])
}

func TestRecyclerRunsAndStops(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	var logged strings.Builder
	s := open(t, server.UnixURL(), WithoutLists(), WithLog(func(err error) { logged.WriteString(err.Error() + "\n") }))
	terms, rule := poolTerms(), atOnce()
	claim(t, s, number, ClaimOrder{Rep: "201", For: 20 * time.Millisecond, Terms: terms})
	r, _ := recycler(s, &terms, &rule)
	r.every = 5 * time.Millisecond
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	require.Eventually(t, func() bool { return owner(t, s, number).Pool != nil }, 10*time.Second, 5*time.Millisecond)
	stop()
	require.ErrorIs(t, <-done, context.Canceled)
	require.Zero(t, s.client.Exists(context.Background(), poolTurnKey).Val(), "the turn is given back")
	require.Empty(t, logged.String())
}

// TestProlongedMeanwhile: what the owner has prolonged between a gate's look and its move stays, and finds its place again.
func TestProlongedMeanwhile(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).UnixURL(), WithoutLists())
	terms, rule := poolTerms(), atOnce()
	h := claim(t, s, number, ClaimOrder{Rep: "201", For: time.Hour, Terms: terms})
	k := keysOf(number.Digits())
	require.NoError(t, s.client.ZAdd(t.Context(), k.owned(), redis.Z{Score: 1, Member: k.digits}).Err())
	r, counted := recycler(s, &terms, &rule)
	require.NoError(t, r.Round(t.Context()))
	require.Empty(t, counted.recycled)
	require.Equal(t, h.Until, owner(t, s, number).Until)
	place, err := s.client.ZScore(t.Context(), k.owned(), k.digits).Result()
	require.NoError(t, err)
	require.Equal(t, h.Until.UnixMilli(), int64(place))
}

// TestEndedStaysEnded: longer rules bring nobody back whose protection had ended under the old ones.
func TestEndedStaysEnded(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).UnixURL(), WithoutLists())
	terms, rule := poolTerms(), atOnce()
	terms.Protection = 10 * time.Millisecond
	r, _ := recycler(s, &terms, &rule)
	require.NoError(t, r.Round(t.Context()))
	waitUntil(t, s, claim(t, s, number, ClaimOrder{Rep: "201", Terms: terms}).Until)
	terms.Protection = time.Hour
	require.NoError(t, r.reckon(t.Context(), terms, rule))
	require.Empty(t, owner(t, s, number).Owner)
	require.NoError(t, r.Round(t.Context()))
	require.NotNil(t, owner(t, s, number).Pool)
}
