package registry

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/ringfence/ringfence/gate"
)

// What changed.lua says instead of a bucket.
const (
	rulesApplied = -1
	rulesWait    = -2
)

// reckon applies rules that have changed to the numbers that are owned, once all gates have held them for
// rules.pool.settle. It goes on where the gate before it stopped.
func (r *Recycler) reckon(ctx context.Context, t gate.Terms, rule gate.PoolRule) error {
	rules := rulesOf(t)
	cmd := redis.NewIntCmd(ctx, changedScript.command([]string{poolStateKey}, rules, milliseconds(rule.Settle.Std()))...)
	if err := r.store.client.Process(ctx, once{cmd}); err != nil {
		return changedScript.explain(err)
	}
	bucket := int(cmd.Val())
	if bucket == rulesApplied || bucket == rulesWait {
		return nil
	}
	for ; bucket < buckets; bucket++ {
		if err := r.reckonBucket(ctx, tags[bucket], t, rule); err != nil {
			return err
		}
		if err := r.store.client.HSet(ctx, poolStateKey, "bucket", bucket+1).Err(); err != nil {
			return fmt.Errorf("registry: writing how far the rules are applied: %w", err)
		}
	}
	pipe := r.store.client.TxPipeline()
	pipe.HSet(ctx, poolStateKey, "rules", rules)
	pipe.HDel(ctx, poolStateKey, "next", "since", "bucket")
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("registry: writing that the rules are applied: %w", err)
	}
	return nil
}

// reckonBucket goes through a copy of the set: a number whose end is moved takes another place in it.
func (r *Recycler) reckonBucket(ctx context.Context, tag string, t gate.Terms, rule gate.PoolRule) error {
	var all []string
	for skip := 0; ; skip += poolPage {
		page, err := r.store.memberPage(ctx, numberKeys{tag: tag}.owned(), "-inf", "+inf", skip)
		if err != nil {
			return err
		}
		if all = append(all, page...); len(page) < poolPage {
			break
		}
	}
	for members := range slices.Chunk(all, poolBatch) {
		err := r.step(ctx, rule, func() error {
			texts, err := r.store.poolScript(ctx, reckonScript, tag, members, t, 0)
			if err != nil {
				return err
			}
			_, err = strconv.Atoi(texts[0])
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
