package replay

import (
	"context"
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
