package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/ringfence/ringfence/gate"
)

// adoptAtOnce is how many numbers of one rep are counted in one step.
const adoptAtOnce = 100

// Adopt counts numbers that were owned before there were holdings among what their owners hold. It does so once for a
// registry, whoever calls it and however often.
func (s *Store) Adopt(ctx context.Context) error {
	err := s.client.Get(ctx, adoptedKey).Err()
	if err == nil || !errors.Is(err, redis.Nil) {
		return wrap("adopting owners", err)
	}
	type holder struct {
		rep   string // escaped
		scope gate.Scope
	}
	waiting := make(map[holder][]string) // digits
	var failed error
	s.walk(ctx, numberKeys.owned, "-inf", func(st state, n gate.Number, of string, err error) bool {
		if failed = err; err != nil {
			return false
		}
		scope := gate.Scope(unescape(of))
		owner := st.fields[fieldIn(fieldOwner, scope)]
		if owner == "" {
			return true
		}
		key := holder{owner, scope}
		waiting[key] = append(waiting[key], n.Digits())
		if len(waiting[key]) >= adoptAtOnce {
			failed = s.adopt(ctx, gate.Rep(unescape(owner)), scope, waiting[key])
			delete(waiting, key)
		}
		return failed == nil
	})
	for key, digits := range waiting {
		if failed == nil {
			failed = s.adopt(ctx, gate.Rep(unescape(key.rep)), key.scope, digits)
		}
	}
	if failed != nil {
		return wrap("adopting owners", failed)
	}
	return wrap("adopting owners", s.client.Set(ctx, adoptedKey, "1", 0).Err())
}

// adopt counts numbers as held by a rep, by the steps of a claim: one that went to another meanwhile lingers until Mend.
func (s *Store) adopt(ctx context.Context, rep gate.Rep, scope gate.Scope, digits []string) error {
	slices.Sort(digits)
	r := newReservation(rep, scope, slices.Compact(digits)...)
	if _, err := s.reserveFor(ctx, r, gate.Terms{}); err != nil {
		return err
	}
	_, err := s.pipeline(ctx, []call{r.settle(false, r.digits...)})
	return err
}

// wrap says what was being done; nil stays nil.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("registry: %s: %w", what, err)
}
