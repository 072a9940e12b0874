package registry

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

// followUp is a process whose times are over at once.
func followUp() gate.Rules {
	rules := gate.Defaults("US").Rules
	const soon, days = gate.Duration(time.Millisecond), gate.Duration(24 * time.Hour)
	rules.Stages = []gate.StageRule{
		{Name: "new", Limit: soon, Then: gate.StageNext},
		{Name: "offer", Limit: 2 * days, Then: gate.StageRecycle, Protection: 90 * days, Responsible: "205"},
		{Name: "chase", Limit: soon},
		{Name: "last", Limit: soon, Then: gate.StageRecycle},
	}
	return rules
}

func enterStage(t *testing.T, s *Store, n gate.Number, rules gate.Rules, name string) Stage {
	t.Helper()
	rule, _, ok := rules.Stage(name)
	require.True(t, ok)
	stage, err := s.EnterStage(context.Background(), n, "", rule)
	require.NoError(t, err)
	require.Equal(t, name, stage.Name)
	return stage
}

// moveUntil looks at what is due until the number is where it should be.
func moveUntil(t *testing.T, s *Store, rules gate.Rules, n gate.Number, what string, there func(Stage) bool) {
	t.Helper()
	ctx := context.Background()
	for deadline := time.Now().Add(10 * time.Second); ; {
		require.NoError(t, s.MoveStages(ctx, rules, question(n, "201", "").Terms))
		stage, err := s.StageOf(ctx, n, "")
		require.NoError(t, err)
		if there(stage) {
			return
		}
		require.True(t, time.Now().Before(deadline), "it never came: %s", what)
	}
}

// told lists what the records say of stages and the pool, the newest first.
func told(t *testing.T, s *Store, n gate.Number) (lines []string) {
	t.Helper()
	records, err := s.History(context.Background(), n, 20)
	require.NoError(t, err)
	for _, r := range records {
		if r.Kind == RecordStage || r.Kind == RecordPool {
			lines = append(lines, fmt.Sprintf("%s %s %s from=%s", r.Kind, r.Reason, r.Detail["stage"], r.Detail["from"]))
		}
	}
	return lines
}

func TestStages(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx, rules := context.Background(), followUp()
		first, _, _ := rules.Stage("new")
		_, err := s.EnterStage(ctx, number, "", first)
		require.ErrorIs(t, err, ErrNotOwned)
		require.ErrorIs(t, s.LeaveStage(ctx, number, ""), ErrNoStage)
		terms := question(number, "201", "").Terms
		_, err = s.Claim(ctx, number, ClaimOrder{Rep: "201", Terms: terms})
		require.NoError(t, err)
		enterStage(t, s, number, rules, "new")

		moveUntil(t, s, rules, number, "the next stage", func(st Stage) bool { return st.Name == "offer" })
		stage, err := s.StageOf(ctx, number, "")
		require.NoError(t, err)
		require.Equal(t, gate.Rep("205"), stage.Responsible)
		require.WithinDuration(t, time.Now(), stage.Since, 10*time.Second)
		due, limited := stage.Due(rules)
		require.True(t, limited)
		require.Equal(t, 48*time.Hour, due.Sub(stage.Since))
		h, err := s.Owner(ctx, number)
		require.NoError(t, err)
		require.WithinDuration(t, time.Now().Add(90*24*time.Hour), h.Until, 10*time.Second, "the stage protects")
		require.Equal(t, "offer", h.Stage)

		enterStage(t, s, number, rules, "chase")
		moveUntil(t, s, rules, number, "the warning", func(Stage) bool { return len(told(t, s, number)) == 4 })
		require.NoError(t, s.MoveStages(ctx, rules, terms))
		require.Len(t, told(t, s, number), 4, "it is told once")
		var late []Stage
		for st, err := range s.Stages(ctx, rules, true) {
			require.NoError(t, err)
			late = append(late, st)
		}
		require.Len(t, late, 1)
		require.Equal(t, "chase", late[0].Name)

		enterStage(t, s, number, rules, "last")
		_, err = s.Lock(ctx, number, "")
		require.NoError(t, err)
		moveUntil(t, s, rules, number, "the warning", func(Stage) bool { return len(told(t, s, number)) == 6 })
		require.Equal(t, []string{
			"stage warn last from=", "stage enter last from=chase", "stage warn chase from=", "stage enter chase from=offer",
			"stage enter offer from=new", "stage enter new from=",
		}, told(t, s, number), "a locked number is not recycled")
		_, err = s.Unlock(ctx, number, "", terms)
		require.NoError(t, err)

		enterStage(t, s, number, rules, "last")
		moveUntil(t, s, rules, number, "the pool", func(st Stage) bool { return st.Owner == "" })
		require.Equal(t, "pool recycle last from=201", told(t, s, number)[0])
		h, err = s.Owner(ctx, number)
		require.NoError(t, err)
		require.NotNil(t, h.Pool)
		require.Equal(t, gate.Rep("201"), h.Pool.Barred)

		_, err = s.Claim(ctx, number, ClaimOrder{Rep: "202", Terms: terms})
		require.NoError(t, err)
		stage, err = s.StageOf(ctx, number, "")
		require.NoError(t, err)
		require.Empty(t, stage.Name, "another owner begins anew")
		enterStage(t, s, number, rules, "offer")
		require.NoError(t, s.LeaveStage(ctx, number, ""))
		require.Equal(t, "stage leave offer from=", told(t, s, number)[0])
		require.Zero(t, s.client.ZCard(ctx, keysOf(number.Digits()).staged()).Val())

		const brief = gate.Number("+12125550107")
		_, err = s.Claim(ctx, brief, ClaimOrder{Rep: "201", For: 20 * time.Millisecond, Terms: terms})
		require.NoError(t, err)
		chase, _, _ := rules.Stage("chase")
		chase.Limit = 0
		_, err = s.EnterStage(ctx, brief, "", chase)
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			_, err := s.Claim(ctx, brief, ClaimOrder{Rep: "202", Terms: terms})
			return err == nil
		}, 10*time.Second, time.Millisecond, "its protection is over")
		stage, err = s.StageOf(ctx, brief, "")
		require.NoError(t, err)
		require.Empty(t, stage.Name)
	})
}

// A stage belongs to a product line, and so does what becomes of it.
func TestStagesOfAScope(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx, rules := context.Background(), followUp()
		terms := question(number, "201", "").Terms
		for _, scope := range []gate.Scope{"", "cars:new"} {
			_, err := s.Claim(ctx, number, ClaimOrder{Rep: "201", Scope: scope, Terms: terms})
			require.NoError(t, err)
		}
		last, _, _ := rules.Stage("last")
		_, err := s.EnterStage(ctx, number, "cars:new", last)
		require.NoError(t, err)
		moveUntil(t, s, rules, number, "the pool", func(Stage) bool {
			h, err := s.OwnerIn(ctx, number, "cars:new")
			require.NoError(t, err)
			return h.Owner == ""
		})
		h, err := s.Owner(ctx, number)
		require.NoError(t, err)
		require.Equal(t, gate.Rep("201"), h.Owner)
	})
}

// Three gates look at what is due at once: each number is moved once.
func TestStagesMoveOnce(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx, rules := context.Background(), followUp()
		terms := question(number, "201", "").Terms
		var numbers []gate.Number
		for i := range 60 {
			n := gate.Number(fmt.Sprintf("+121255504%02d", i))
			_, err := s.Claim(ctx, n, ClaimOrder{Rep: "201", Terms: terms})
			require.NoError(t, err)
			enterStage(t, s, n, rules, []string{"new", "last", "chase"}[i%3])
			numbers = append(numbers, n)
		}
		var gates sync.WaitGroup
		for range 3 {
			gates.Go(func() {
				for range 4 {
					if err := s.MoveStages(ctx, rules, terms); err != nil {
						t.Error(err)
					}
				}
			})
		}
		gates.Wait()
		for i, n := range numbers {
			want := []string{"stage enter offer from=new", "pool recycle last from=201", "stage warn chase from="}[i%3]
			require.Len(t, told(t, s, n), 2, "%s", n)
			require.Equal(t, want, told(t, s, n)[0])
		}
	})
}

// A limit that a reload made longer holds for numbers that are in the stage already.
func TestStageWithALongerLimit(t *testing.T) {
	t.Parallel()
	s := open(t, "embedded://")
	ctx, rules := context.Background(), followUp()
	terms := question(number, "201", "").Terms
	_, err := s.Claim(ctx, number, ClaimOrder{Rep: "201", Terms: terms})
	require.NoError(t, err)
	enterStage(t, s, number, rules, "last")
	s.embedded.server.SetTime(time.Now().Add(time.Minute))
	rules.Stages[3].Limit = gate.Duration(time.Hour)
	require.NoError(t, s.MoveStages(ctx, rules, terms))
	h, err := s.Owner(ctx, number)
	require.NoError(t, err)
	require.Equal(t, gate.Rep("201"), h.Owner)
	s.embedded.server.SetTime(time.Now().Add(2 * time.Hour))
	require.NoError(t, s.MoveStages(ctx, rules, terms))
	h, err = s.Owner(ctx, number)
	require.NoError(t, err)
	require.Empty(t, h.Owner)
}
