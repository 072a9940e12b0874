package registry

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/redistest"
)

const week = 7 * 24 * time.Hour

func handover(t gate.Terms) Handover { return Handover{Terms: t, Percent: 100} }

// offboard plans and carries out.
func offboard(t *testing.T, s *Store, p OffboardPlan) Offboarding {
	t.Helper()
	if p.Undo == 0 {
		p.Undo = week
	}
	if p.Strategy == "" {
		p.Strategy = RoundRobin
	}
	_, err := s.PlanOffboarding(t.Context(), p)
	require.NoError(t, err)
	o, err := s.Offboard(t.Context(), p.Rep, handover(poolTerms()))
	require.NoError(t, err)
	require.Equal(t, OffboardDone, o.State)
	return o
}

// numbers are so many, spread over the buckets.
func numbers(n int) []gate.Number {
	all := make([]gate.Number, n)
	for i := range all {
		all[i] = gate.Number(fmt.Sprintf("+1212%07d", 5_550_000+i))
	}
	return all
}

func claimAll(t *testing.T, s *Store, rep gate.Rep, all []gate.Number) {
	t.Helper()
	for _, n := range all {
		claim(t, s, n, ClaimOrder{Rep: rep, Team: "east", Extension: "8" + string(rep), Terms: poolTerms()})
	}
}

func owners(t *testing.T, s *Store, all []gate.Number) map[gate.Rep]int {
	t.Helper()
	count := map[gate.Rep]int{}
	for _, n := range all {
		count[owner(t, s, n).Owner]++
	}
	return count
}

func TestOffboardToColleagues(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		all := numbers(60)
		claimAll(t, s, "201", all)
		const others, helped = "+13125550100", "+13125550101"
		claim(t, s, others, ClaimOrder{Rep: "204", Terms: poolTerms()})
		claim(t, s, helped, ClaimOrder{Rep: "204", Terms: poolTerms()})
		_, err := s.Share(ctx, helped, "", "201", 50)
		require.NoError(t, err)
		_, err = s.Share(ctx, all[0], "", "202", 30)
		require.NoError(t, err)
		_, err = s.Lock(ctx, all[1], "")
		require.NoError(t, err)
		_, err = s.Deal(ctx, all[2], "", true, poolTerms())
		require.NoError(t, err)
		before := owner(t, s, all[3])

		o := offboard(t, s, OffboardPlan{Rep: "201", To: []Taker{{Rep: "202", Team: "west", Extension: "8202"}, {Rep: "203"}}})
		require.Equal(t, 60, o.Moved)
		require.Zero(t, o.Pooled)
		require.Equal(t, 1, o.Shares)
		require.Equal(t, map[gate.Rep]int{"202": 30, "203": 30}, owners(t, s, all))
		require.Zero(t, heldCount(t, s, "201"))
		require.Equal(t, 30, heldCount(t, s, "202"))
		require.Equal(t, 30, heldCount(t, s, "203"))
		require.Equal(t, gate.Rep("204"), owner(t, s, others).Owner)
		require.Empty(t, owner(t, s, helped).Collaborators)
		require.True(t, owner(t, s, all[1]).Locked, "what was agreed about a number goes with it")
		require.False(t, owner(t, s, all[2]).Deal.IsZero())
		after := owner(t, s, all[3])
		require.WithinDuration(t, before.Until, after.Until, time.Minute)
		for _, n := range all {
			h := owner(t, s, n)
			if h.Owner == "202" {
				require.Equal(t, "8202", h.Extension)
				require.Equal(t, gate.Team("west"), h.Team)
			} else {
				require.Empty(t, h.Extension, "not where the one who left was rung")
				require.Empty(t, h.Team)
			}
			records := recordsOf(t, s, n, RecordOwner)
			require.Equal(t, "transfer", records[0].Reason)
			require.Equal(t, h.Owner, records[0].Owner)
			require.Equal(t, gate.Rep("tester"), records[0].Rep)
			require.Equal(t, map[string]string{"from": "201", "offboard": o.ID}, records[0].Detail)
		}

		again := offboard(t, s, OffboardPlan{Rep: "201"})
		require.Zero(t, again.Moved+again.Pooled, "nothing is left to move")
	})
}

func TestOffboardIntoThePool(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		all := numbers(20)
		claimAll(t, s, "201", all)
		claim(t, s, "+13125550100", ClaimOrder{Rep: "201", Scope: "loans", Terms: poolTerms()})
		company := gate.Scope("")
		o := offboard(t, s, OffboardPlan{Rep: "201", Scope: &company})
		require.Equal(t, 20, o.Pooled)
		for _, n := range all {
			h := owner(t, s, n)
			require.NotNil(t, h.Pool)
			require.Equal(t, "left", h.Pool.Why)
			records := recordsOf(t, s, n, RecordPool)
			require.Len(t, records, 1)
			require.Equal(t, map[string]string{"from": "201", "why": "left", "offboard": o.ID}, records[0].Detail)
			require.Equal(t, gate.Allowed, decide(t, s, question(n, "202", "a")).Reason)
		}
		h, err := s.OwnerIn(t.Context(), "+13125550100", "loans")
		require.NoError(t, err)
		require.Equal(t, gate.Rep("201"), h.Owner, "another scope")
	})
}

func TestOffboardByLoad(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).UnixURL(), WithoutLists())
	all := numbers(100)
	claimAll(t, s, "201", all[:60])
	claimAll(t, s, "202", all[60:90]) // 30
	claimAll(t, s, "203", all[90:])   // 10
	o := offboard(t, s, OffboardPlan{
		Rep: "201", Strategy: ByLoad, To: []Taker{{Rep: "202"}, {Rep: "203", Most: 25}, {Rep: "204", Most: 28}},
	})
	require.Equal(t, 60, o.Moved)
	require.Equal(t, map[gate.Rep]int{"202": 47, "203": 25, "204": 28}, owners(t, s, all), "the emptiest first, as far as each may")
}

// TestOffboardDeals: a colleague at the cap takes a customer with a closed deal, which does not count, and no other.
func TestOffboardDeals(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).UnixURL(), WithoutLists())
	all := numbers(4)
	claimAll(t, s, "201", all[:3])
	claimAll(t, s, "202", all[3:])
	_, err := s.Deal(t.Context(), all[0], "", true, poolTerms())
	require.NoError(t, err)
	o := offboard(t, s, OffboardPlan{Rep: "201", To: []Taker{{Rep: "202", Most: 2}}})
	require.Equal(t, 2, o.Moved)
	require.Equal(t, 1, o.Pooled)
	require.Equal(t, gate.Rep("202"), owner(t, s, all[0]).Owner)
	counts, err := s.Counts(t.Context(), "202", poolTerms())
	require.NoError(t, err)
	require.Equal(t, Counts{Held: 3, Dealt: 1}, counts)
}

// TestOffboardKeepsTheCap: a colleague who claims at the same time never holds more than allowed.
func TestOffboardKeepsTheCap(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, server.UnixURL(), WithoutLists())
	const most = 60
	all := numbers(200)
	claimAll(t, s, "201", all[:100])
	terms := poolTerms()
	terms.Holdings = most
	var wg sync.WaitGroup
	wg.Go(func() {
		for _, n := range all[100:] {
			_, _ = s.Claim(t.Context(), n, ClaimOrder{Rep: "202", Terms: terms})
		}
	})
	o := offboard(t, open(t, server.UnixURL(), WithoutLists()), OffboardPlan{Rep: "201", To: []Taker{{Rep: "202", Most: most}}})
	wg.Wait()
	require.Equal(t, 100, o.Moved+o.Pooled)
	require.LessOrEqual(t, owners(t, s, all)["202"], most)
	require.Zero(t, owners(t, s, all)["201"])
}

// TestOffboardFitsNowhere: what no colleague may hold, or sells, goes into the pool.
func TestOffboardFitsNowhere(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).UnixURL(), WithoutLists())
	all := numbers(30)
	claimAll(t, s, "201", all)
	claim(t, s, "+13125550100", ClaimOrder{Rep: "201", Scope: "loans", Terms: poolTerms()})
	company := gate.Scope("")
	o := offboard(t, s, OffboardPlan{Rep: "201", To: []Taker{{Rep: "202", Most: 5, Scope: &company}, {Rep: "203", Most: 7, Scope: &company}}})
	require.Equal(t, 12, o.Moved)
	require.Equal(t, 19, o.Pooled)
	require.Equal(t, map[gate.Rep]int{"202": 5, "203": 7, "": 18}, owners(t, s, all))

	const loan = gate.Number("+13125550101")
	claim(t, s, loan, ClaimOrder{Rep: "205", Scope: "loans", Terms: poolTerms()})
	loans := gate.Scope("loans")
	o = offboard(t, s, OffboardPlan{Rep: "205", To: []Taker{{Rep: "202", Scope: &company}}})
	require.Equal(t, 1, o.Pooled, "nobody among them sells loans")
	claim(t, s, loan, ClaimOrder{Rep: "206", Scope: "loans", Terms: poolTerms()})
	o = offboard(t, s, OffboardPlan{Rep: "206", To: []Taker{{Rep: "202", Scope: &company}, {Rep: "207", Scope: &loans}}})
	require.Equal(t, 1, o.Moved)
	h, err := s.OwnerIn(t.Context(), loan, "loans")
	require.NoError(t, err)
	require.Equal(t, gate.Rep("207"), h.Owner)
}

func TestUndoOffboarding(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		all := numbers(40)
		claimAll(t, s, "201", all)
		_, err := s.Lock(ctx, all[0], "")
		require.NoError(t, err)
		_, err = s.Deal(ctx, all[1], "", true, poolTerms())
		require.NoError(t, err)
		_, err = s.Share(ctx, all[2], "", "202", 30)
		require.NoError(t, err)
		_, err = s.Level(ctx, all[3], "", "A", poolTerms())
		require.NoError(t, err)
		_, err = s.Extend(ctx, all[4], "", time.Hour)
		require.NoError(t, err)
		before := map[gate.Number]Holding{}
		for _, n := range all {
			before[n] = owner(t, s, n)
		}
		o := offboard(t, s, OffboardPlan{Rep: "201", To: []Taker{{Rep: "202"}, {Rep: "203", Most: 10}}})
		require.Equal(t, 40, o.Moved)

		// Something becomes of some of them.
		var theirs []gate.Number
		for _, n := range all[5:] {
			if owner(t, s, n).Owner == "202" {
				theirs = append(theirs, n)
			}
		}
		answered, passedOn, locked := theirs[0], theirs[1], theirs[2]
		q := question(answered, "202", "call")
		require.Equal(t, gate.OwnerCalls, decide(t, s, q).Reason)
		require.NoError(t, s.Write(ctx, []gate.Event{{Kind: gate.Ended, Reservation: q.Reservation, Terms: q.Terms, Ending: gate.EndAnswered, Talk: time.Minute}}))
		_, err = s.Transfer(ctx, passedOn, "", TransferOrder{To: "204", Terms: poolTerms()})
		require.NoError(t, err)
		_, err = s.Lock(ctx, locked, "")
		require.NoError(t, err)

		undone, err := s.UndoOffboarding(ctx, "201", handover(poolTerms()))
		require.NoError(t, err)
		require.Equal(t, OffboardUndone, undone.State)
		require.Equal(t, 37, undone.Back)
		require.Equal(t, 3, undone.Changed)
		for _, n := range all {
			h := owner(t, s, n)
			switch n {
			case passedOn:
				require.Equal(t, gate.Rep("204"), h.Owner)
			case answered, locked:
				require.Equal(t, gate.Rep("202"), h.Owner)
			default:
				h.Flight, h.Refusal = nil, nil
				require.Equal(t, before[n], h, "as it was")
				records := recordsOf(t, s, n, RecordOwner)
				require.Equal(t, "1", records[0].Detail["undo"])
				require.Equal(t, o.ID, records[0].Detail["offboard"])
			}
		}
		require.Equal(t, 37, heldCount(t, s, "201"))
		require.Equal(t, 2, heldCount(t, s, "202"))
		require.Zero(t, heldCount(t, s, "203"))
		counts, err := s.Counts(ctx, "201", poolTerms())
		require.NoError(t, err)
		require.Equal(t, 1, counts.Dealt)
		_, err = s.UndoOffboarding(ctx, "201", handover(poolTerms()))
		require.ErrorIs(t, err, ErrOffboardState)
		require.Equal(t, 37, owners(t, s, all)["201"])
	})
}

// TestUndoOutOfThePool gives back what nobody has claimed.
func TestUndoOutOfThePool(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).UnixURL(), WithoutLists())
	all := numbers(10)
	claimAll(t, s, "201", all)
	offboard(t, s, OffboardPlan{Rep: "201"})
	claim(t, s, all[0], ClaimOrder{Rep: "202", Terms: poolTerms(), From: "pool"})
	claim(t, s, all[1], ClaimOrder{Rep: "202", Terms: poolTerms(), From: "pool"})
	_, err := s.Release(t.Context(), all[1], "", "released", poolTerms())
	require.NoError(t, err)
	undone, err := s.UndoOffboarding(t.Context(), "201", handover(poolTerms()))
	require.NoError(t, err)
	require.Equal(t, 8, undone.Back)
	require.Equal(t, map[gate.Rep]int{"201": 8, "202": 1, "": 1}, owners(t, s, all))
	found, _, err := s.survey(t.Context(), time.Now())
	require.NoError(t, err)
	require.Equal(t, 1, found.Size)
	require.Equal(t, 9, found.Owned)
}

func TestUndoTooLate(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).UnixURL(), WithoutLists())
	_, err := s.UndoOffboarding(t.Context(), "201", handover(poolTerms()))
	require.ErrorIs(t, err, ErrNoOffboarding)
	claimAll(t, s, "201", numbers(3))
	o := offboard(t, s, OffboardPlan{Rep: "201", Undo: 50 * time.Millisecond})
	waitUntil(t, s, o.UndoUntil())
	_, err = s.UndoOffboarding(t.Context(), "201", handover(poolTerms()))
	require.ErrorIs(t, err, ErrUndoTooLate)
	require.Equal(t, 3, owners(t, s, numbers(3))[""])
}

// TestOffboardIsResumed cuts it off again and again, as a kill would, and has two carry it out at once in the end.
func TestOffboardIsResumed(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, server.UnixURL(), WithoutLists())
	all := numbers(3000)
	claimAll(t, s, "201", all)
	plan := OffboardPlan{Rep: "201", To: []Taker{{Rep: "202"}, {Rep: "203"}, {Rep: "204"}}, Strategy: RoundRobin, Undo: week}
	planned, err := s.PlanOffboarding(t.Context(), plan)
	require.NoError(t, err)
	_, err = s.PlanOffboarding(t.Context(), plan)
	require.ErrorIs(t, err, ErrOffboarding)
	for cut := range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		h := handover(poolTerms())
		h.Progress = func(done, _ int) {
			if done > 300*(cut+1) {
				cancel()
			}
		}
		_, err := s.Offboard(ctx, "201", h)
		require.Error(t, err)
		cancel()
	}
	left := owners(t, s, all)["201"]
	require.Greater(t, left, 300)
	require.Less(t, left, 2700)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if _, err := open(t, server.UnixURL(), WithoutLists()).Offboard(t.Context(), "201", handover(poolTerms())); err != nil {
				t.Log(err) // who comes second may find it done
			}
		})
	}
	wg.Wait()
	o, err := s.Offboarding(t.Context(), "201")
	require.NoError(t, err)
	require.Equal(t, OffboardDone, o.State)
	require.Equal(t, planned.ID, o.ID)
	require.Equal(t, 3000, o.Moved)
	count := owners(t, s, all)
	require.Zero(t, count["201"])
	for _, rep := range []gate.Rep{"202", "203", "204"} {
		require.InDelta(t, 1000, count[rep], 100, "about as many each, though it was cut off")
	}
	for _, n := range all {
		transfers := 0
		for _, r := range recordsOf(t, s, n, RecordOwner) {
			if r.Reason == "transfer" {
				transfers++
			}
		}
		require.Equal(t, 1, transfers, n)
	}
}

func TestOffboardPlanIsChecked(t *testing.T) {
	t.Parallel()
	for why, p := range map[string]OffboardPlan{
		"needs a rep":   {Strategy: ByLoad, Undo: week},
		"strategy":      {Rep: "201", Strategy: "by-mood", Undo: week},
		"needs a time":  {Rep: "201", Strategy: ByLoad},
		"named twice":   {Rep: "201", Strategy: ByLoad, Undo: week, To: []Taker{{Rep: "202"}, {Rep: "202"}}},
		"one who leave": {Rep: "201", Strategy: ByLoad, Undo: week, To: []Taker{{Rep: "201"}}},
		"too many":      {Rep: "201", Strategy: ByLoad, Undo: week, To: make([]Taker, 101)},
	} {
		require.ErrorContains(t, p.validate(), why)
	}
	loans := gate.Scope("loans")
	o := Offboarding{OffboardPlan: OffboardPlan{
		Rep: "2\x1f01", Strategy: ByLoad, Undo: week, Scope: &loans,
		To: []Taker{{Rep: "202", Team: "e;ast", Extension: "8202", Most: 3, Scope: &loans}, {Rep: "203"}},
	}, ID: "id", State: OffboardRunning, By: "tester", At: time.UnixMilli(1_790_000_000_000)}
	fields := map[string]string{}
	list := planFields(o)
	for i := 0; i < len(list); i += 2 {
		fields[list[i].(string)] = list[i+1].(string)
	}
	read, err := readOffboarding(fields)
	require.NoError(t, err)
	require.Equal(t, o, read)
	fields["to"] = "202\x1e"
	_, err = readOffboarding(fields)
	require.ErrorIs(t, err, errOffboardBroken)
}

// TestCustomersStayWhole: whoever gets one number of a customer gets them all, as far as they fit.
func TestCustomersStayWhole(t *testing.T) {
	t.Parallel()
	for _, strategy := range []Strategy{RoundRobin, ByLoad} {
		who := newTakers(OffboardPlan{Rep: "201", Strategy: strategy, To: []Taker{{Rep: "202"}, {Rep: "203", Most: 9}}}, nil, false)
		got := map[string]int{}
		for i := range 9 {
			customer := []string{"", "a", "b"}[i%3]
			if i := who.choose(mine{customer: customer}); customer != "" {
				got[fmt.Sprintf("%s to %d", customer, i)]++
			}
		}
		require.Len(t, got, 2, "%s: %v", strategy, got)
	}
	full := newTakers(OffboardPlan{Rep: "201", Strategy: RoundRobin, To: []Taker{{Rep: "202", Most: 1}}}, nil, false)
	require.Equal(t, 0, full.choose(mine{customer: "a"}))
	require.Equal(t, intoPool, full.choose(mine{customer: "a"}))
}
