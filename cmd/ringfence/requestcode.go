package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
	"github.com/ringfence/ringfence/registry/requests"
)

// reception opens requests for reps who dial the feature code. The book comes later than the gate that asks for it.
type reception struct{ book func() *requests.Book }

// Ask opens a request for a pass: what the rep wants is to make this one call. asked is the owner, or else the step of
// rules.requests.pass that it waits for.
func (r reception) Ask(ctx context.Context, n gate.Number, rep gate.Rep, scope gate.Scope) (asked gate.Rep, before bool, err error) {
	opened, err := r.book().Open(ctx, requests.Request{Kind: requests.Pass, Number: n, Rep: rep, Scope: scope, Reason: "asked by feature code"})
	var many *requests.ManyError
	switch {
	case errors.Is(err, requests.ErrOff) || errors.As(err, &many):
		return "", false, fmt.Errorf("%w: %w", registry.ErrNotOffered, err)
	case err != nil:
		return "", false, err
	}
	if step := opened.Step(); step != "owner" {
		return gate.Rep(step), opened.Repeated, nil
	}
	return opened.Owner, opened.Repeated, nil
}
