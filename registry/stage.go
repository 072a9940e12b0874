package registry

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// Stage is where a number stands in the follow-up process, in one scope.
type Stage struct {
	Number      gate.Number
	Scope       gate.Scope
	Name        string // of the stage; "" when it is in none
	Since       time.Time
	Responsible gate.Rep // "" when it is the owner
	Owner       gate.Rep
}

// ErrNoStage means that a number is in no stage of the follow-up process.
var ErrNoStage = errors.New("this number is in no stage; ringfence stage enter puts an owned one into a stage")

// StageOf says where a number stands.
func (s *Store) StageOf(ctx context.Context, n gate.Number, scope gate.Scope) (Stage, error) {
	st, err := s.state(ctx, n, holdingScript, []string{keysOf(n.Digits()).number()})
	return st.stage(n, scope), err
}

// stage leaves out what was left behind by an owner whose protection has ended.
func (st state) stage(n gate.Number, scope gate.Scope) Stage {
	h := st.holding(n, scope)
	stage := Stage{Number: n, Scope: scope, Owner: h.Owner}
	if h.Owner == "" || st.fields[fieldIn("g", scope)] == "" {
		return stage
	}
	stage.Name = unescape(st.fields[fieldIn("g", scope)])
	stage.Since = millis(st.fields[fieldIn("gs", scope)])
	stage.Responsible = gate.Rep(unescape(st.fields[fieldIn("gr", scope)]))
	return stage
}

// EnterStage puts an owned number into a stage, from now; ErrNotOwned when nobody owns it.
func (s *Store) EnterStage(ctx context.Context, n gate.Number, scope gate.Scope, stage gate.StageRule) (Stage, error) {
	st, err := s.changeStage(ctx, n, scope, stageOrder{action: "enter", stage: stage})
	if err == nil && st.outcome == "nobody" {
		err = ErrNotOwned
	}
	return st.stage(n, scope), err
}

// LeaveStage takes a number out of the follow-up process; ErrNoStage when it is not in it.
func (s *Store) LeaveStage(ctx context.Context, n gate.Number, scope gate.Scope) error {
	st, err := s.changeStage(ctx, n, scope, stageOrder{action: "leave"})
	if err == nil && st.outcome == "nobody" {
		err = ErrNoStage
	}
	return err
}

// stageOrder is what stage.lua is told.
type stageOrder struct {
	action      string
	stage, next gate.StageRule
	bar         time.Duration
}

func (s *Store) changeStage(ctx context.Context, n gate.Number, scope gate.Scope, o stageOrder) (state, error) {
	k := keysOf(n.Digits())
	st, err := s.state(ctx, n, stageScript, []string{k.number(), k.stream(), k.owned(), k.pool(), k.changed(), k.staged()},
		o.action, identity(string(scope)), k.digits, identity(s.operator), adminFields(k.digits), milliseconds(s.keep),
		packStage(o.stage), o.stage.Then.String(), packStage(o.next), milliseconds(o.bar), s.cause.Detail)
	if err == nil {
		s.toldNow(ctx, n, st, scope)
	}
	return st, err
}

func packStage(r gate.StageRule) string {
	return pack(identity(r.Name), milliseconds(r.Limit.Std()), milliseconds(r.Protection.Std()), identity(r.Responsible))
}

// Stages walks over every number that is in a stage, bucket by bucket, without an order; late ones only, when asked. It
// stops at the first error.
func (s *Store) Stages(ctx context.Context, rules gate.Rules, late bool) iter.Seq2[Stage, error] {
	return func(yield func(Stage, error) bool) {
		now, err := s.client.Time(ctx).Result()
		if err != nil {
			yield(Stage{}, fmt.Errorf("registry: stages: %w", err))
			return
		}
		s.walk(ctx, numberKeys.staged, "-inf", func(st state, n gate.Number, of string, err error) bool {
			if err != nil {
				return yield(Stage{}, err)
			}
			st.now = now
			stage := st.stage(n, gate.Scope(unescape(of)))
			if stage.Name == "" || late && !stage.Late(rules, now) {
				return true
			}
			return yield(stage, nil)
		})
	}
}

// Due is when the stage's time is over; false when it has none by these rules.
func (s Stage) Due(rules gate.Rules) (time.Time, bool) {
	rule, _, ok := rules.Stage(s.Name)
	if !ok || rule.Limit == 0 {
		return time.Time{}, false
	}
	return s.Since.Add(rule.Limit.Std()), true
}

// Late says whether it is over.
func (s Stage) Late(rules gate.Rules, now time.Time) bool {
	due, limited := s.Due(rules)
	return limited && !due.After(now)
}
