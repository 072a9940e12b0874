package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/ringfence/ringfence/gate"
)

// stagesAtOnce bounds what one look takes of one bucket, so that a company that was on holiday does not hold calls up.
const stagesAtOnce = 20

// MoveStages lets happen what the limits of stages say, wherever their time is over. Any number of gates may look: each
// limit has its effect once.
func (s *Store) MoveStages(ctx context.Context, rules gate.Rules, t gate.Terms) error {
	now, err := s.client.Time(ctx).Result()
	if err != nil {
		return fmt.Errorf("registry: stages: %w", err)
	}
	var failures []error
	for tags := range slices.Chunk(tags[:], bucketsAtOnce) {
		members, err := s.dueStages(ctx, tags, now.UnixMilli())
		if err != nil {
			return err
		}
		for _, m := range members {
			if err := s.moveStage(ctx, m, rules, t); err != nil {
				if !isBroken(err) {
					return err
				}
				failures = append(failures, err) // one that cannot be moved holds up no other
			}
		}
	}
	return errors.Join(failures...)
}

// dueStages are the members of the buckets' stages whose time is over and has had no effect yet.
func (s *Store) dueStages(ctx context.Context, tags []string, now int64) ([]string, error) {
	pipe := s.client.Pipeline()
	cmds := make([]*redis.StringSliceCmd, len(tags))
	for i, tag := range tags {
		cmds[i] = pipe.ZRangeByScore(ctx, numberKeys{tag: tag}.staged(),
			&redis.ZRangeBy{Min: "0", Max: strconv.FormatInt(now, 10), Count: stagesAtOnce})
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("registry: stages: %w", err)
	}
	var members []string
	for _, cmd := range cmds {
		members = append(members, cmd.Val()...)
	}
	return members, nil
}

func (s *Store) moveStage(ctx context.Context, m string, rules gate.Rules, t gate.Terms) error {
	n, scope := splitMember(m)
	stage, err := s.StageOf(ctx, n, scope)
	if err != nil {
		return err
	}
	o := stageOrder{action: "due", bar: t.Bar}
	var next string
	o.stage, next, _ = rules.Stage(stage.Name)
	o.next, _, _ = rules.Stage(next)
	if o.stage.Name == "" { // no stage of these rules: it stays where it is, without a limit
		o.stage.Name = stage.Name
	}
	st, err := s.changeStage(ctx, n, scope, o)
	if err == nil && st.outcome == "done" && st.holding(n, scope).Owner == "" {
		s.dropped(ctx, stage.Owner, Held{n, scope})
	}
	return err
}
