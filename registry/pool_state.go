package registry

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// PoolState is what the gate that looked after the pool last found.
type PoolState struct {
	At    time.Time     // when it looked; zero when none ever has
	Size  int           // numbers in the pool
	Owned int           // numbers that are owned, or were and wait to be moved
	Lag   time.Duration // for how long the number that has waited longest should have been in the pool
	Rules RulesState
}

// RulesState is how far changed rules have been applied to the numbers that are owned.
type RulesState struct {
	Changed time.Time // since when all gates hold the new rules; zero when nothing is to be applied
	Bucket  int       // of 1,024: those before it have been gone through
}

// turn asks for the turn at looking after the pool, for so long; 0 gives it back.
func (s *Store) turn(ctx context.Context, who string, span time.Duration) (theirs bool, st state, err error) {
	list, err := turnScript.slice(ctx, s.client, []string{poolTurnKey, poolStateKey}, who, milliseconds(span))
	if err != nil {
		return false, state{}, err
	}
	st, err = stateOf(turnScript, list)
	return st.outcome == "1", st, err
}

// PoolState is what the gate that looked after the pool last found. The zero time says that none ever has.
func (s *Store) PoolState(ctx context.Context) (PoolState, error) {
	fields, err := s.client.HGetAll(ctx, poolStateKey).Result()
	if err != nil {
		return PoolState{}, fmt.Errorf("registry: reading the state of the pool: %w", err)
	}
	return poolStateOf(fields), nil
}

func poolStateOf(fields map[string]string) PoolState {
	number := func(name string) int {
		n, _ := strconv.Atoi(fields[name]) // what is no number is 0
		return n
	}
	st := PoolState{
		At: millis(fields["at"]), Size: number("size"), Owned: number("owned"),
		Lag: time.Duration(number("lag")) * time.Millisecond,
	}
	if fields["next"] != "" {
		st.Rules = RulesState{Changed: millis(fields["since"]), Bucket: number("bucket")}
	}
	return st
}

// survey counts, and finds the buckets in which numbers are due.
func (s *Store) survey(ctx context.Context, now time.Time) (st PoolState, due []string, err error) {
	st.At = now
	for first := 0; first < buckets; first += bucketsAtOnce {
		some := tags[first:min(first+bucketsAtOnce, buckets)]
		pipe := s.client.Pipeline()
		sizes, owned := make([]*redis.IntCmd, len(some)), make([]*redis.IntCmd, len(some))
		first := make([]*redis.ZSliceCmd, len(some))
		for i, tag := range some {
			k := numberKeys{tag: tag}
			sizes[i], owned[i] = pipe.ZCard(ctx, k.pool()), pipe.ZCard(ctx, k.owned())
			first[i] = pipe.ZRangeWithScores(ctx, k.owned(), 0, 0)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return PoolState{}, nil, fmt.Errorf("registry: counting the pool: %w", err)
		}
		for i, tag := range some {
			st.Size += int(sizes[i].Val())
			st.Owned += int(owned[i].Val())
			if z := first[i].Val(); len(z) == 1 && !time.UnixMilli(int64(z[0].Score)).After(now) {
				due = append(due, tag)
				st.Lag = max(st.Lag, now.Sub(time.UnixMilli(int64(z[0].Score))))
			}
		}
	}
	return st, due, nil
}

// tellPool keeps what a survey found for whoever asks.
func (s *Store) tellPool(ctx context.Context, st PoolState) error {
	err := s.client.HSet(ctx, poolStateKey, "at", score(st.At), "size", st.Size, "owned", st.Owned, "lag", milliseconds(st.Lag)).Err()
	if err != nil {
		return fmt.Errorf("registry: writing the state of the pool: %w", err)
	}
	return nil
}

// Percent is how much of the numbers the rules have been applied to.
func (r RulesState) Percent() int { return 100 * r.Bucket / buckets }
