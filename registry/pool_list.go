package registry

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// Now is the time by the server's clock, which is the one that ends go by.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	now, err := s.client.Time(ctx).Result()
	if err != nil {
		return time.Time{}, fmt.Errorf("registry: asking for the time: %w", err)
	}
	return now, nil
}

// InPool walks over every number in the pool, bucket by bucket, without an order. It stops at the first error.
func (s *Store) InPool(ctx context.Context) iter.Seq2[Holding, error] {
	return s.holdings(ctx, numberKeys.pool, "-inf", "+inf", func(h Holding) bool { return h.Pool != nil })
}

// Ending walks over every number that is owned, or was and waits to be moved, and whose protection ends by a time; the
// zero time is any. It has no order and stops at the first error.
func (s *Store) Ending(ctx context.Context, by time.Time) iter.Seq2[Holding, error] {
	to := "+inf"
	if !by.IsZero() {
		to = score(by)
	}
	return s.holdings(ctx, numberKeys.owned, "-inf", to, func(h Holding) bool { return h.Owner != "" })
}

// holdings walks over a set. What has left it meanwhile, as keep tells, is left out. Time stands still: an owner whose
// protection has ended is still shown as long as nobody has moved the number.
func (s *Store) holdings(
	ctx context.Context, set func(numberKeys) string, from, to string, keep func(Holding) bool,
) iter.Seq2[Holding, error] {
	return func(yield func(Holding, error) bool) {
		s.walkTo(ctx, set, from, to, func(st state, n gate.Number, of string, err error) bool {
			if err != nil {
				return yield(Holding{}, err)
			}
			if h := st.holding(n, gate.Scope(unescape(of))); keep(h) {
				return yield(h, nil)
			}
			return true
		})
	}
}

// Reckoned is when the protection of an owned number would end under some rules, as the Recycler applies them: what was
// set by hand stays.
func Reckoned(h Holding, t gate.Terms) time.Time {
	if h.ByHand {
		return h.Until
	}
	return Until(h, t)
}

// EndsBy is which rule ends the protection of an owned number: no_contact, no_deal or expired, as cause in recycle.lua.
func EndsBy(h Holding, t gate.Terms) string {
	if h.ByHand || !h.Deal.IsZero() {
		return "expired"
	}
	from := h.Contact
	if from.IsZero() {
		from = h.Since
	}
	why, first := "no_contact", from.Add(levelProtection(t, h.Level))
	if end := h.Since.Add(t.NoDeal); t.NoDeal > 0 && end.Before(first) {
		why, first = "no_deal", end
	}
	if end := h.Since.Add(t.ProtectionMost); t.ProtectionMost > 0 && end.Before(first) {
		why = "expired"
	}
	return why
}
