package registry

import (
	"context"
	"errors"

	"github.com/ringfence/ringfence/gate"
)

// standing is how the number stands towards the rep who asks.
func standing(h Holding, rep gate.Rep) gate.Outcome {
	switch {
	case h.Owner != "" && h.Owner != rep:
		return gate.Outcome{Result: gate.Theirs, Owner: h.Owner, Until: h.Until}
	case h.Refusal != nil:
		return gate.Outcome{Result: gate.SaidNo, Owner: h.Owner, Until: h.Refusal.Until}
	case h.Owner == rep:
		return gate.Outcome{Result: gate.Yours, Owner: rep, Until: h.Until}
	}
	return gate.Outcome{Result: gate.Free}
}

func (d *Desk) show(ctx context.Context, e gate.Errand) (gate.Outcome, error) {
	st, err := d.store.state(ctx, e.Number, holdingScript, []string{keysOf(e.Number.Digits()).number()})
	if err != nil {
		return gate.Outcome{}, err
	}
	if len(st.additions(e.Number)) > 0 {
		return gate.Outcome{Reason: gate.DNC}, nil
	}
	return standing(st.holding(e.Number, e.Scope), e.Rep), nil
}

// claim is Claim with the rules that hold for everybody. A number on a do-not-call list is nobody's to claim.
func (d *Desk) claim(ctx context.Context, e gate.Errand) (gate.Outcome, error) {
	if o, err := d.show(ctx, e); err != nil || o.Reason == gate.DNC {
		return o, err
	}
	h, err := d.store.Claim(ctx, e.Number, ClaimOrder{
		Rep: e.Rep, Scope: e.Scope, Team: e.Team, Extension: e.Extension, Terms: e.Terms, Detail: detailPhone,
	})
	var owned *OwnedError
	var refused *RefusedError
	var barred *BarredError
	var quota *QuotaError
	switch {
	case errors.As(err, &owned):
		return gate.Outcome{Result: gate.Theirs, Owner: owned.Owner, Until: owned.Until}, nil
	case errors.As(err, &refused):
		return gate.Outcome{Result: gate.SaidNo, Until: refused.Until}, nil
	case errors.As(err, &barred):
		return gate.Outcome{Result: gate.Barred, Until: barred.Until}, nil
	case errors.As(err, &quota) && quota.What == QuotaDailyClaims:
		return gate.Outcome{Result: gate.ClaimedEnough}, nil
	case errors.As(err, &quota):
		return gate.Outcome{Result: gate.HoldsTooMany}, nil
	}
	return gate.Outcome{Result: gate.Claimed, Owner: e.Rep, Until: h.Until}, err
}

// detailPhone marks what was done by a feature code.
const detailPhone = "by=phone"

// release lets go of the rep's own number only: whose it is, is looked at in the step that takes it away.
func (d *Desk) release(ctx context.Context, e gate.Errand) (gate.Outcome, error) {
	h, err := d.store.release(ctx, e.Number, ownerChange{
		action: "release", rep: e.Rep, scope: e.Scope, seat: seat("", e.Scope, ""), terms: e.Terms, why: "released", detail: detailPhone,
	})
	var owned *OwnedError
	switch {
	case errors.Is(err, ErrNotOwned):
		return gate.Outcome{Result: gate.Free}, nil
	case errors.As(err, &owned):
		return gate.Outcome{Result: gate.NotYours, Owner: owned.Owner, Until: owned.Until}, nil
	}
	return gate.Outcome{Result: gate.Released, Owner: h.Owner}, err
}

// refuse writes the customer's no down. A rep may not make one end sooner that was there before.
func (d *Desk) refuse(ctx context.Context, e gate.Errand) (gate.Outcome, error) {
	r, err := d.store.refuse(ctx, e.Number, "hear", string(e.Rep), e.For, "by phone")
	return gate.Outcome{Result: gate.NoteTaken, Until: r.Until}, err
}

// request asks whoever owns the number. Nobody has to be asked about what is free or the rep's own.
func (d *Desk) request(ctx context.Context, e gate.Errand) (gate.Outcome, error) {
	if d.requests == nil {
		return gate.Outcome{Result: gate.NotOffered}, nil
	}
	o, err := d.show(ctx, e)
	if err != nil || o.Result != gate.Theirs {
		return o, err
	}
	asked, before, err := d.requests.Ask(ctx, e.Number, e.Rep, e.Scope)
	if errors.Is(err, ErrNotAsked) {
		return gate.Outcome{Result: gate.NotOffered}, nil
	}
	o = gate.Outcome{Result: gate.Asked, Owner: asked}
	if before {
		o.Result = gate.AskedBefore
	}
	return o, err
}
