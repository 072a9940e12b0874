package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/ringfence/ringfence/gate"
)

// How a walk over all buckets is cut into round trips.
const (
	bucketsAtOnce = 64
	pageSize      = 500 // numbers of a bucket in one reply
)

// visitor is told of one member of a set, or of the error that ends the walk.
type visitor func(st state, n gate.Number, of string, err error) bool

// walk visits the hash of every number in one sorted set of every bucket, from a score upwards, until visit says false.
// What stands behind the number in a member of the set, its scope or rep, comes with it as of, escaped still. What changes
// meanwhile may be missed.
func (s *Store) walk(ctx context.Context, set func(numberKeys) string, from string, visit visitor) {
	s.walkTo(ctx, set, from, "+inf", visit)
}

// walkTo is walk up to a score, which is taken in.
func (s *Store) walkTo(ctx context.Context, set func(numberKeys) string, from, to string, visit visitor) {
	for buckets := range slices.Chunk(tags[:], bucketsAtOnce) {
		for skip := int64(0); len(buckets) > 0; skip += pageSize {
			pages, err := s.pages(ctx, buckets, set, from, to, skip)
			if err != nil {
				visit(state{}, "", "", err)
				return
			}
			var unfinished []string
			for i, page := range pages {
				if len(page) == pageSize {
					unfinished = append(unfinished, buckets[i])
				}
				if !s.visit(ctx, buckets[i], page, visit) {
					return
				}
			}
			buckets = unfinished
		}
	}
}

// pages reads one page of the set of every bucket in one round trip.
func (s *Store) pages(
	ctx context.Context, buckets []string, set func(numberKeys) string, from, to string, skip int64,
) ([][]string, error) {
	pipe := s.client.Pipeline()
	cmds := make([]*redis.StringSliceCmd, len(buckets))
	for i, tag := range buckets {
		cmds[i] = pipe.ZRangeByScore(ctx, set(numberKeys{tag: tag}),
			&redis.ZRangeBy{Min: from, Max: to, Offset: skip, Count: pageSize})
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("registry: listing: %w", err)
	}
	pages := make([][]string, len(cmds))
	for i, cmd := range cmds {
		pages[i] = cmd.Val()
	}
	return pages, nil
}

// visit reads the hashes of one page in one round trip.
func (s *Store) visit(ctx context.Context, tag string, page []string, visit visitor) bool {
	if len(page) == 0 {
		return true
	}
	pipe := s.client.Pipeline()
	cmds := make([]*redis.MapStringStringCmd, len(page))
	for i, member := range page {
		digits, _, _ := strings.Cut(member, ":")
		cmds[i] = pipe.HGetAll(ctx, numberKeys{tag, digits}.number())
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return visit(state{}, "", "", fmt.Errorf("registry: listing: %w", err))
	}
	for i, cmd := range cmds {
		digits, of, _ := strings.Cut(page[i], ":")
		if !visit(state{fields: cmd.Val()}, gate.Number("+"+digits), of, nil) {
			return false
		}
	}
	return true
}
