package requests

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Effects carries out what was approved. Every one MUST be applied at most once for a request's ID, however often it is
// called: whoever carried it out may have died before it could say so. An error that wraps ErrImpossible ends the
// request; after any other it is tried again.
type Effects interface {
	GrantPass(ctx context.Context, r Request) error
	Share(ctx context.Context, r Request) error
	Transfer(ctx context.Context, r Request) error
	Claim(ctx context.Context, r Request) error
	Extend(ctx context.Context, r Request) error
	Exempt(ctx context.Context, r Request) error
}

// ErrImpossible is what an effect's error wraps that will never succeed: the number is somebody else's by now.
var ErrImpossible = errors.New("it can no longer be done")

// How long somebody has to carry an effect out before another may, and how long after a failure it is tried again.
const (
	effectLease  = 30 * time.Second
	effectWithin = 10 * time.Second
	effectAgain  = 5 * time.Second
)

// carryOut carries an approved request out, unless somebody else is at it; then the zero Request is returned.
func (b *Book) carryOut(ctx context.Context, id string) (Request, error) {
	r, taken, err := b.effect(ctx, id, "take", effectLease, "")
	if err != nil || !taken {
		return Request{}, err
	}
	within, cancel := context.WithTimeout(ctx, effectWithin)
	defer cancel()
	failure := b.apply(within, r)
	what, why := "done", ""
	switch {
	case errors.Is(failure, ErrImpossible):
		what, why = "failed", clip(failure.Error())
	case failure != nil:
		if _, _, err := b.effect(ctx, id, "later", effectAgain, ""); err != nil {
			return Request{}, errors.Join(failure, err)
		}
		return Request{}, fmt.Errorf("requests: carrying out %s: %w; it is tried again", id, failure)
	}
	r, _, err = b.effect(ctx, id, what, 0, why)
	return r, err
}

func (b *Book) apply(ctx context.Context, r Request) error {
	switch r.Kind {
	case Pass:
		return b.Effects.GrantPass(ctx, r)
	case Share:
		return b.Effects.Share(ctx, r)
	case Transfer:
		return b.Effects.Transfer(ctx, r)
	case Claim:
		return b.Effects.Claim(ctx, r)
	case Extend:
		return b.Effects.Extend(ctx, r)
	case Exemption:
		return b.Effects.Exempt(ctx, r)
	}
	return fmt.Errorf("%w: this release knows no requests of kind %q", ErrImpossible, r.Kind)
}

// effect runs effect.lua.
func (b *Book) effect(ctx context.Context, id, what string, wait time.Duration, why string) (Request, bool, error) {
	list, err := effectScript.Run(ctx, b.Client, changeKeys(id), id, what, wait.Milliseconds(), why, b.Keep.Milliseconds()).StringSlice()
	if err != nil {
		return Request{}, false, fmt.Errorf("requests: carrying out %s: %w", id, err)
	}
	if list[0] == "none" {
		return Request{}, false, ErrNone
	}
	r, err := parse(id, list[1:])
	return r, list[0] == "yes", err
}
