package registry

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ringfence/ringfence/gate"
)

// Held is a number that a rep holds in a scope.
type Held struct {
	Number gate.Number
	Scope  gate.Scope
}

// Counts are what a rep holds and has claimed.
type Counts struct {
	Held        int // numbers, in all scopes
	Dealt       int // of them with a closed deal
	Pending     int // claims under way
	ClaimsToday int // credits of today's claims from the pool, those of claims under way among them
}

// Counts says what a rep holds; t says where a day begins.
func (s *Store) Counts(ctx context.Context, rep gate.Rep, t gate.Terms) (Counts, error) {
	k := keysOfRep(rep)
	pipe := s.client.Pipeline()
	counts, pending, now := pipe.HGetAll(ctx, k.counts()), pipe.HLen(ctx, k.pending()), pipe.Time(ctx)
	if _, err := pipe.Exec(ctx); err != nil {
		return Counts{}, fmt.Errorf("registry: counts: %w", err)
	}
	c := Counts{Held: numberOf(counts.Val()["n"]), Dealt: numberOf(counts.Val()["v"]), Pending: int(pending.Val())}
	if counts.Val()["d"] == dayOf(now.Val(), t) {
		c.ClaimsToday = numberOf(counts.Val()["c"])
	}
	return c, nil
}

// dayOf is the day as reserve.lua numbers them.
func dayOf(now time.Time, t gate.Terms) string {
	const day = 24 * time.Hour
	return strconv.FormatInt(now.Add(t.Offset).UnixMilli()/day.Milliseconds(), 10)
}

// numberOf reads a count; what is none is 0.
func numberOf(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}

// Holders walks over the reps who ever held a number, without an order.
func (s *Store) Holders(ctx context.Context) iter.Seq2[gate.Rep, error] {
	return func(yield func(gate.Rep, error) bool) {
		for rep, err := range s.members(ctx, holdersKey) {
			if !yield(gate.Rep(unescape(rep)), err) || err != nil {
				return
			}
		}
	}
}

// HeldBy walks over the numbers that a rep holds, without an order and none twice. It stops at the first error.
func (s *Store) HeldBy(ctx context.Context, rep gate.Rep) iter.Seq2[Held, error] {
	return func(yield func(Held, error) bool) {
		scopes, err := s.scopesOf(ctx, rep)
		if err != nil {
			yield(Held{}, err)
			return
		}
		k := keysOfRep(rep)
		for _, scope := range scopes {
			for i := range parts {
				seen := make(map[string]struct{}) // SSCAN may name a member twice
				for digits, err := range s.members(ctx, k.part("h", i, scope)) {
					if _, twice := seen[digits]; twice && err == nil {
						continue
					}
					seen[digits] = struct{}{}
					if !yield(Held{gate.Number("+" + digits), scope}, err) || err != nil {
						return
					}
				}
			}
		}
	}
}

// scopesOf are the scopes in which a rep ever held a number.
func (s *Store) scopesOf(ctx context.Context, rep gate.Rep) ([]gate.Scope, error) {
	text, err := s.client.HGet(ctx, keysOfRep(rep).counts(), "s").Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("registry: holdings: %w", err)
	}
	var scopes []gate.Scope
	for scope := range strings.SplitSeq(text, sep) {
		scopes = append(scopes, gate.Scope(unescape(scope)))
	}
	return scopes, nil
}

// members walks over a set, page by page.
func (s *Store) members(ctx context.Context, key string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for cursor := uint64(0); ; {
			page, next, err := s.client.SScan(ctx, key, cursor, "", pageSize).Result()
			if err != nil {
				yield("", fmt.Errorf("registry: holdings: %w", err))
				return
			}
			for _, member := range page {
				if !yield(member, nil) {
					return
				}
			}
			if cursor = next; cursor == 0 {
				return
			}
		}
	}
}
