package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// ClaimOrder is a claim by command.
type ClaimOrder struct {
	Rep       gate.Rep
	Scope     gate.Scope
	Team      gate.Team
	Extension string        // where the rep is rung; "" when it has none
	For       time.Duration // how long it is the rep's, whatever the rules say; 0: by the rules
	Level     string        // of the customer; "" leaves it as it is
	From      string        // "pool" when it must be there; "" wherever it is
	Detail    string        // for the record, as Detail makes it
	Terms     gate.Terms
}

// TransferOrder says who gets a number.
type TransferOrder struct {
	To        gate.Rep
	Team      gate.Team
	Extension string
	Detail    string // for the record, as Detail makes it
	Force     bool   // although the rep then holds more than it may
	Terms     gate.Terms
}

// fromPool is the one value of ClaimOrder.From besides "".
const fromPool = "pool"

// OwnedError refuses a claim of a colleague's number.
type OwnedError struct {
	Number gate.Number
	Owner  gate.Rep
	Until  time.Time
}

func (e *OwnedError) Error() string {
	return fmt.Sprintf("%s is owned by %s until %s; transfer it or wait", e.Number.Masked(), e.Owner, e.Until.Format(time.RFC3339))
}

// BarredError refuses a claim by the one who owned the number before.
type BarredError struct {
	Number gate.Number
	Until  time.Time // zero when the registry did not say
}

func (e *BarredError) Error() string {
	return fmt.Sprintf("%s was this rep's until it went into the pool, and stays closed to them until %s; wait, or let a supervisor transfer it",
		e.Number.Masked(), e.Until.Format(time.RFC3339))
}

// ErrNotOwned means that there is no owner to release or to transfer from.
var ErrNotOwned = errors.New("nobody owns this number")

// errNoTerms is a mistake of the caller's: without the rules nobody can say when a protection ends.
var errNoTerms = errors.New("registry: the rules were not given with the change")

// ErrNotInPool means that a number that was to be claimed from the pool is not there.
var ErrNotInPool = errors.New("this number is not in the pool")

// Owner says how a number stands in the company's one scope.
func (s *Store) Owner(ctx context.Context, n gate.Number) (Holding, error) {
	return s.OwnerIn(ctx, n, "")
}

// OwnerIn says how a number stands in a scope.
func (s *Store) OwnerIn(ctx context.Context, n gate.Number, scope gate.Scope) (Holding, error) {
	st, err := s.state(ctx, n, holdingScript, []string{keysOf(n.Digits()).number()})
	return st.holding(n, scope), err
}

// Holdings are how a number stands in every scope in which somebody owns it or it is in the pool; one for the company's
// one scope when there is none.
func (s *Store) Holdings(ctx context.Context, n gate.Number) ([]Holding, error) {
	st, err := s.state(ctx, n, holdingScript, []string{keysOf(n.Digits()).number()})
	if err != nil {
		return nil, err
	}
	scopes := st.scopes()
	if len(scopes) == 0 {
		scopes = []gate.Scope{""}
	}
	holdings := make([]Holding, len(scopes))
	for i, scope := range scopes {
		holdings[i] = st.holding(n, scope)
	}
	return holdings, nil
}

// Claim makes a rep the owner, from now. It fails with *OwnedError when a colleague owns the number, with *RefusedError
// while the customer's no is in force, with *BarredError when the rep has just had it and with *QuotaError when the rep has
// as much as the rules allow. The owner's own claim sets the end anew.
func (s *Store) Claim(ctx context.Context, n gate.Number, o ClaimOrder) (Holding, error) {
	switch {
	case o.Rep == "":
		return Holding{}, errors.New("a claim needs a rep")
	case o.For < 0 || o.For == 0 && o.Terms.Protection <= 0:
		return Holding{}, errors.New("a claim needs a protection longer than zero")
	case o.From != "" && o.From != fromPool:
		return Holding{}, fmt.Errorf("a claim is from the pool or from anywhere, not from %q", note(o.From))
	}
	r := newReservation(o.Rep, o.Scope, n.Digits())
	fits, err := s.reserveFor(ctx, r, o.Terms)
	if err != nil {
		return Holding{}, err
	}
	change := ownerChange{
		action: "claim", rep: o.Rep, scope: o.Scope, seat: seat(o.Extension, o.Scope, o.Team), terms: o.Terms,
		level: identity(o.Level), why: o.From, detail: o.Detail, may: fits.word(),
	}
	if o.For > 0 {
		change.until = milliseconds(o.For)
	}
	st, err := s.changeOwner(ctx, n, change)
	if err != nil {
		return Holding{}, err // it may have been claimed all the same: what is reserved stays until Mend has looked
	}
	switch st.outcome {
	case "made", "pooled":
		s.settled(ctx, r, st.outcome == "pooled", r.digits...)
	default:
		s.settled(ctx, r, false)
	}
	if st.outcome == "quota" {
		return st.holding(n, o.Scope), &QuotaError{Rep: o.Rep, What: QuotaDailyClaims, Most: o.Terms.DailyClaims}
	}
	return st.owner(n, change)
}

// Release puts an owned number into the pool and returns it as it was; why is one of the closed set in PoolEntry. It fails
// with ErrNotOwned when nobody owns it.
func (s *Store) Release(ctx context.Context, n gate.Number, scope gate.Scope, why string, t gate.Terms) (Holding, error) {
	return s.release(ctx, n, ownerChange{action: "release", scope: scope, seat: seat("", scope, ""), terms: t, why: identity(why)})
}

// release is Release; a change that names a rep is that rep's own, and fails with *OwnedError when a colleague owns the number.
func (s *Store) release(ctx context.Context, n gate.Number, change ownerChange) (Holding, error) {
	st, err := s.changeOwner(ctx, n, change)
	if err != nil {
		return Holding{}, err
	}
	before, err := st.owner(n, change)
	if err == nil {
		s.dropped(ctx, before.Owner, Held{n, change.scope})
	}
	return before, err
}

// Transfer gives an owned number to another rep; ErrNotOwned when nobody owns it, *QuotaError when the rep may hold no more.
// The protection runs on by the rules: it is no contact with the customer, but what counts from the beginning of the
// ownership begins anew.
func (s *Store) Transfer(ctx context.Context, n gate.Number, scope gate.Scope, o TransferOrder) (Holding, error) {
	if o.To == "" {
		return Holding{}, errors.New("a transfer needs a rep to transfer to")
	}
	if o.Terms.Protection <= 0 {
		return Holding{}, errNoTerms
	}
	limits := o.Terms
	limits.DailyClaims = 0
	if o.Force {
		limits.Holdings = 0
	}
	r := newReservation(o.To, scope, n.Digits())
	if _, err := s.reserveFor(ctx, r, limits); err != nil {
		return Holding{}, err
	}
	change := ownerChange{
		action: "transfer", rep: o.To, scope: scope, seat: seat(o.Extension, scope, o.Team), terms: o.Terms,
		detail: o.Detail,
	}
	st, err := s.changeOwner(ctx, n, change)
	if err != nil {
		return Holding{}, err
	}
	outcome, from, _ := strings.Cut(st.outcome, sep)
	if outcome != "done" {
		s.settled(ctx, r, false)
		return st.owner(n, change)
	}
	s.settled(ctx, r, false, r.digits...)
	h := st.holding(n, scope)
	if before := gate.Rep(unescape(from)); before != o.To {
		s.dropped(ctx, before, Held{n, scope})
	}
	if !h.Deal.IsZero() {
		s.dealtWith(ctx, h, true)
	}
	return h, nil
}

// dropped takes a number away from what a rep holds; when that fails, Mend does it.
func (s *Store) dropped(ctx context.Context, rep gate.Rep, h Held) {
	if err := s.Drop(ctx, rep, h); err != nil {
		s.log(fmt.Errorf("%w; %s counts one number too many until that is mended", err, rep))
	}
}

// ownerChange is what owner.lua is to do.
type ownerChange struct {
	action string
	rep    gate.Rep
	scope  gate.Scope
	seat   string
	terms  gate.Terms
	until  string // ms by hand, "" by the rules
	level  string
	why    string // of a release; of a claim where it must be from
	detail string
	may    string // of a claim, as reserve.lua answered
}

func (s *Store) changeOwner(ctx context.Context, n gate.Number, c ownerChange) (state, error) {
	k := keysOf(n.Digits())
	st, err := s.state(ctx, n, ownerScript, []string{k.number(), k.stream(), k.owned(), k.pool(), k.changed()},
		c.action, identity(string(c.rep)), c.seat, c.until, k.digits, identity(s.actor(ctx)), adminFields(k.digits),
		milliseconds(s.keepOr(c.terms.Keep)), rulesOf(c.terms), milliseconds(c.terms.Bar), c.level, c.why,
		cmp.Or(c.detail, s.cause.Detail), c.may)
	if err == nil {
		s.toldNow(ctx, n, st, c.scope)
	}
	return st, err
}

// owner is what came of a change: how the number stands, or why it was not done.
func (st state) owner(n gate.Number, c ownerChange) (Holding, error) {
	h := st.holding(n, c.scope)
	switch st.outcome {
	case "owned":
		return h, &OwnedError{Number: n, Owner: h.Owner, Until: h.Until}
	case "refused":
		return h, &RefusedError{*h.Refusal}
	case "barred":
		return h, &BarredError{Number: n, Until: st.barredUntil(c.scope, c.terms)}
	case "elsewhere":
		return h, ErrNotInPool
	case "nobody":
		return h, ErrNotOwned
	}
	return h, nil
}

// barredUntil is when the owner before may claim the number again, as barred in ownership.lua has it.
func (st state) barredUntil(scope gate.Scope, t gate.Terms) time.Time {
	if until := millis(st.fields[fieldIn("bu", scope)]); !until.IsZero() {
		return until
	}
	return millis(st.fields[fieldIn("u", scope)]).Add(t.Bar)
}
