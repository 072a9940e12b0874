package requests

import (
	"context"
	"errors"
	"fmt"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// House is the company as requests see it: who owns and supervises, where effects and records end up. It is the Floor,
// the Effects and the Recorder of every Book but those of tests.
type House struct {
	Store *registry.Store
	Gate  *gate.Gate // its rules and people
}

// Owner says who owns a number.
func (h House) Owner(ctx context.Context, n gate.Number, scope gate.Scope) (gate.Rep, error) {
	holding, err := h.Store.OwnerIn(ctx, n, scope)
	return holding.Owner, err
}

// Supervises says whether by supervises rep's team. A rep whom nobody entered is everybody's.
func (h House) Supervises(by, rep gate.Rep) bool {
	lead, known := h.Gate.Person(by)
	if !known || !lead.Supervisor || lead.Left {
		return false
	}
	member, _ := h.Gate.Person(rep)
	return member.Team == "" || member.Team == lead.Team
}

// RecordRequest writes a change down among the records of its number.
func (h House) RecordRequest(ctx context.Context, c Change) error {
	return h.Store.RecordOnce(ctx, c.Mark, registry.Record{
		Kind: registry.RecordRequest, Reason: c.What, Rep: gate.Rep(c.By), Number: c.Number, Note: c.Reason, Scope: c.Scope,
		Detail: map[string]string{
			"request": c.Request, "kind": string(c.Kind), "state": string(c.State), "step": c.Step,
			"rep": string(c.Rep), "to": string(c.To),
		},
	})
}

// caused is the registry for what a request brings about: in the name of who approved it last, and once.
func (h House) caused(r Request) *registry.Store {
	by := string(r.Rep)
	for _, a := range r.Answers {
		if a.What == "approve" {
			by = a.By
		}
	}
	return h.Store.For(registry.Cause{By: by, Detail: "request=" + r.ID, Mark: "request " + r.ID})
}

// Share makes a collaborator.
func (h House) Share(ctx context.Context, r Request) error {
	_, err := h.caused(r).Share(ctx, r.Number, r.Scope, r.To, r.Percent)
	return final(err)
}

// Transfer gives the number to another rep.
func (h House) Transfer(ctx context.Context, r Request) error {
	p, _ := h.Gate.Person(r.To)
	_, err := h.caused(r).Transfer(ctx, r.Number, r.Scope, registry.TransferOrder{
		To: r.To, Team: p.Team, Extension: h.Gate.Extension(r.To), Terms: h.Gate.TermsFor(r.To),
	})
	return final(err)
}

// Claim makes an owner.
func (h House) Claim(ctx context.Context, r Request) error {
	p, _ := h.Gate.Person(r.To)
	_, err := h.caused(r).Claim(ctx, r.Number, registry.ClaimOrder{
		Rep: r.To, Scope: r.Scope, Team: p.Team, Extension: h.Gate.Extension(r.To), For: r.For,
		Terms: h.Gate.TermsFor(r.To),
	})
	return final(err)
}

// Extend moves the end of the protection.
func (h House) Extend(ctx context.Context, r Request) error {
	longer := r.For
	if longer == 0 {
		longer = h.Gate.Terms().Protection
	}
	_, err := h.caused(r).Extend(ctx, r.Number, r.Scope, longer)
	return final(err)
}

// Exempt lifts the customer's refusal. When there is none any more, there is nothing left to do.
func (h House) Exempt(ctx context.Context, r Request) error {
	_, err := h.caused(r).LiftRefusal(ctx, r.Number)
	if errors.Is(err, registry.ErrNotRefused) {
		return nil
	}
	return err
}

// final marks what will not become possible by waiting.
func final(err error) error {
	var owned *registry.OwnedError
	var refused *registry.RefusedError
	var barred *registry.BarredError
	var quota *registry.QuotaError
	if errors.As(err, &owned) || errors.As(err, &refused) || errors.As(err, &barred) || errors.As(err, &quota) {
		return fmt.Errorf("%w: %w", ErrImpossible, err)
	}
	for _, no := range []error{
		registry.ErrNotOwned, registry.ErrSharesOwner, registry.ErrSharesFull, registry.ErrSharesMuch,
	} {
		if errors.Is(err, no) {
			return fmt.Errorf("%w: %w", ErrImpossible, err)
		}
	}
	return err
}

// GrantPass gives the rep one call. A pass that was used up before anybody heard of it is not given again.
func (h House) GrantPass(ctx context.Context, r Request) error {
	store := h.caused(r)
	if given, err := store.AlreadyDone(ctx, r.Number); err != nil || given {
		return err
	}
	length := r.For
	if most := h.Gate.Config().Rules.Pass.Most.Std(); length == 0 || length > most {
		length = most
	}
	_, err := store.GrantPass(ctx, registry.Pass{Rep: r.To, Number: r.Number, For: length, Reason: r.ID + ": " + r.Reason})
	return err
}
