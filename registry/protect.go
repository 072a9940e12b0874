package registry

import (
	"context"
	"errors"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// Lock keeps an owned number its owner's until Unlock, whatever the rules say.
func (s *Store) Lock(ctx context.Context, n gate.Number, scope gate.Scope) (Holding, error) {
	return s.protect(ctx, n, scope, "lock", "", gate.Terms{})
}

// Unlock lets the rules hold again. The end may have passed meanwhile: the number then goes into the pool.
func (s *Store) Unlock(ctx context.Context, n gate.Number, scope gate.Scope, t gate.Terms) (Holding, error) {
	return s.protect(ctx, n, scope, "unlock", "", t)
}

// Deal writes down that a deal was closed with the customer now, or that it was undone.
func (s *Store) Deal(ctx context.Context, n gate.Number, scope gate.Scope, closed bool, t gate.Terms) (Holding, error) {
	action := "deal"
	if !closed {
		action = "undeal"
	}
	if !closed { // counted before it is undone, so that no cap is exceeded
		h, err := s.OwnerIn(ctx, n, scope)
		if err != nil {
			return Holding{}, err
		}
		s.dealtWith(ctx, h, false)
	}
	h, err := s.protect(ctx, n, scope, action, "", t)
	if err == nil && closed {
		s.dealtWith(ctx, h, true)
	}
	return h, err
}

// dealtWith counts a number among those of its owner with a closed deal, or no longer.
func (s *Store) dealtWith(ctx context.Context, h Holding, closed bool) {
	if h.Owner == "" {
		return
	}
	k, digits := keysOfRep(h.Owner), h.Number.Digits()
	c := call{dealtScript, []string{k.counts(), k.held(digits, h.Scope), k.dealt(digits, h.Scope)}, []any{flag(closed), digits}}
	if _, err := s.pipeline(ctx, []call{c}); err != nil {
		s.log(err)
	}
}

// Level gives a customer a level, "" for none. It needs no owner.
func (s *Store) Level(ctx context.Context, n gate.Number, scope gate.Scope, level string, t gate.Terms) (Holding, error) {
	if level != "" {
		if err := gate.CheckLevel(level); err != nil {
			return Holding{}, err
		}
	}
	return s.protect(ctx, n, scope, "level", identity(level), t)
}

// Extend moves the end of an ownership by d.
func (s *Store) Extend(ctx context.Context, n gate.Number, scope gate.Scope, d time.Duration) (Holding, error) {
	if d <= 0 {
		return Holding{}, errors.New("an extension needs a time longer than zero")
	}
	return s.protect(ctx, n, scope, "extend", milliseconds(d), gate.Terms{})
}

func (s *Store) protect(ctx context.Context, n gate.Number, scope gate.Scope, action, argument string, t gate.Terms) (Holding, error) {
	if t.Protection <= 0 && action != "lock" && action != "extend" {
		return Holding{}, errNoTerms
	}
	k := keysOf(n.Digits())
	st, err := s.state(ctx, n, protectScript, []string{k.number(), k.stream(), k.owned(), k.pool(), k.changed()},
		action, identity(string(scope)), argument, rulesOf(t), k.digits, identity(s.operator),
		adminFields(k.digits), milliseconds(s.keepOr(t.Keep)), s.cause.Detail)
	if err != nil {
		return Holding{}, err
	}
	s.toldNow(ctx, n, st, scope)
	h := st.holding(n, scope)
	if st.outcome == "nobody" {
		return h, ErrNotOwned
	}
	return h, nil
}
