package replay

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// sold is a call that makes 201 the owner; tries are calls of 202 that nobody answers.
func sold() attempt {
	return attempt{at: time.Minute, rep: "201", number: numbers[0], ring: step, talk: 20 * time.Second, ending: gate.EndAnswered}
}

func tries(at time.Duration) attempt {
	return attempt{at: at, rep: "202", number: numbers[0], ring: step, ending: gate.EndUnanswered}
}

// TestReplayOfPasses: nobody owned the number any longer, so no pass was used; under a longer protection it would have been.
func TestReplayOfPasses(t *testing.T) {
	ctx := context.Background()
	short := func(r *gate.Rules) { r.Protection = gate.Duration(10 * time.Minute) }
	grant := func(c *company) {
		_, err := c.store.GrantPass(ctx, registry.Pass{Rep: "202", Number: numbers[0], For: time.Hour})
		require.NoError(t, err)
	}
	revoke := func(c *company) {
		_, err := c.store.RevokePass(ctx, numbers[0], "202")
		require.NoError(t, err)
	}
	h := history{
		attempts: []attempt{sold(), tries(30 * time.Minute), tries(32 * time.Minute), tries(35 * time.Minute)},
		commands: []command{{20 * time.Minute, grant}, {33 * time.Minute, grant}, {34 * time.Minute, revoke}},
	}
	c := open(t, rules(short))
	for _, d := range c.run(h, never) {
		require.Equal(t, gate.Allowed, d.Reason)
	}
	_, differ := c.replayed(Options{Config: rules()})
	owned := Outcome{Verdict: "block", Reason: "owned"}
	require.Equal(t, map[string]Outcome{
		h.attempts[1].id(1): {Verdict: "allow", Reason: "pass"},
		h.attempts[2].id(2): owned, // it is used up
		h.attempts[3].id(3): owned, // another was taken back
	}, differ)
}

// TestReplayOfThePool: a number that was too long in its stage was nobody's any longer.
func TestReplayOfThePool(t *testing.T) {
	ctx := context.Background()
	staged := func(r *gate.Rules) {
		r.Stages = []gate.StageRule{{Name: "offer", Limit: gate.Duration(10 * time.Minute), Then: gate.StageRecycle}}
	}
	h := history{
		attempts: []attempt{sold(), tries(15 * time.Minute), tries(30 * time.Minute)},
		commands: []command{{10 * time.Minute, func(c *company) {
			_, err := c.store.EnterStage(ctx, numbers[0], "", rules(staged).Rules.Stages[0])
			require.NoError(t, err)
		}}, {25 * time.Minute, func(c *company) {
			require.NoError(t, c.store.MoveStages(ctx, rules(staged).Rules, c.gate.Terms()))
		}}},
	}
	c := open(t, rules(staged))
	said := c.run(h, never)
	require.Equal(t, gate.Owned, said[1].Reason)
	require.Equal(t, gate.Allowed, said[2].Reason)
	_, differ := c.replayed(Options{Config: rules(staged)})
	require.Empty(t, differ)
}

// page are the records of numbers[0], the last a quarter of an hour after the one before, and so on.
func page(records ...registry.Record) registry.Page {
	for i := range records {
		r := &records[i]
		r.ID, r.Number, r.Time = fmt.Sprint(i, "-1"), numbers[0], morning.Add(time.Duration(i)*15*time.Minute)
		if r.Kind == registry.RecordDecision {
			r.CallID = fmt.Sprint(i)
		}
	}
	return registry.Page{Records: records, Last: true}
}

func decision(rep gate.Rep, verdict, reason string) registry.Record {
	return registry.Record{Kind: registry.RecordDecision, Rep: rep, Verdict: verdict, Reason: reason, Dialled: "12125550100"}
}

func again(t *testing.T, c gate.Config, p registry.Page) map[string]Outcome {
	differ := make(map[string]Outcome)
	r, err := New(Options{Config: c, Until: morning.Add(24 * time.Hour), Each: func(d Difference) { differ[d.CallID] = d.New }})
	require.NoError(t, err)
	require.NoError(t, r.Add(p))
	return differ
}

// TestReplayOfAnOffboarding: 201 left, and it was taken back.
func TestReplayOfAnOffboarding(t *testing.T) {
	end := registry.Record{Kind: registry.RecordEnd, Rep: "201", CallID: "0", Owner: "201", Ending: "answered", Talk: time.Minute}
	require.Empty(t, again(t, rules(), page(
		decision("201", "allow", "allowed"), end,
		registry.Record{Kind: registry.RecordPool, Reason: "recycle", Owner: "201", Rep: "root", Detail: map[string]string{"why": "left", "offboard": "x"}},
		decision("202", "allow", "allowed"),
		registry.Record{Kind: registry.RecordOwner, Reason: "transfer", Owner: "201", Rep: "root", Detail: map[string]string{"offboard": "x", "undo": "1"}},
		decision("202", "block", "owned"),
	)))
}

// TestReplayOfWhatWasRecycledByOtherRules: what had ended then has not by these.
func TestReplayOfWhatWasRecycledByOtherRules(t *testing.T) {
	end := registry.Record{Kind: registry.RecordEnd, Rep: "201", CallID: "0", Owner: "201", Ending: "answered", Talk: time.Minute}
	p := page(
		decision("201", "allow", "allowed"), end,
		registry.Record{Kind: registry.RecordPool, Reason: "recycle", Owner: "201", Detail: map[string]string{"from": "201", "why": "no_contact"}},
		decision("202", "allow", "allowed"),
	)
	require.Empty(t, again(t, rules(func(r *gate.Rules) { r.Protection = gate.Duration(10 * time.Minute) }), p))
	require.Equal(t, map[string]Outcome{"3": {Verdict: "block", Reason: "owned"}}, again(t, rules(), p))
}
