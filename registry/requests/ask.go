package requests

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// Ask is what a rep can ask for from the phone alone: one call to a number. It says who has to answer, "" when that is no
// rep in particular but a supervisor; before is true when the rep had asked already and waits for the answer.
func (b *Book) Ask(ctx context.Context, n gate.Number, rep gate.Rep, scope gate.Scope) (asked gate.Rep, before bool, err error) {
	r, err := b.Open(ctx, Request{Kind: Pass, Number: n, Scope: scope, Rep: rep, Reason: "asked from the phone"})
	var many *ManyError
	if errors.Is(err, ErrOff) || errors.As(err, &many) {
		err = fmt.Errorf("%w: %w", registry.ErrNotAsked, err)
	}
	if err != nil {
		return "", false, err
	}
	for _, step := range r.Steps {
		if slices.Contains(strings.Split(step, "|"), gate.StepOwner) {
			asked = r.Owner
		}
	}
	return asked, r.Repeated, nil
}
