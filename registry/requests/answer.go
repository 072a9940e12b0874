package requests

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ringfence/ringfence/gate"
)

// NotYoursError refuses an answer of somebody who is not asked.
type NotYoursError struct {
	Request Request
	By      gate.Rep
}

func (e *NotYoursError) Error() string {
	step := e.Request.Step()
	text := fmt.Sprintf("request %s waits for %s, and %s is not that", e.Request.ID, Asked(step), e.By)
	if e.By == e.Request.Rep {
		text = fmt.Sprintf("request %s is %s's own; it waits for %s", e.Request.ID, e.By, Asked(step))
	}
	return text
}

// LateError refuses an answer to what is decided, or has moved on.
type LateError struct{ Request Request }

func (e *LateError) Error() string {
	if e.Request.State == Open {
		return fmt.Sprintf("request %s has moved on: it waits for %s now", e.Request.ID, Asked(e.Request.Step()))
	}
	return fmt.Sprintf("request %s is %s already", e.Request.ID, e.Request.State)
}

// ErrNotAsking refuses to let somebody take back what another asked for.
var ErrNotAsking = errors.New("only the rep who asks can cancel a request; to refuse it, deny it")

// Asked words a step: "the owner", "a supervisor", "301 or 302".
func Asked(step string) string {
	words := strings.Split(step, "|")
	for i, w := range words {
		switch w {
		case gate.StepOwner:
			words[i] = "the owner"
		case gate.StepSupervisor:
			words[i] = "a supervisor"
		}
	}
	return strings.Join(words, " or ")
}

// Approve says yes to the step that a request waits for, and to those after it that by could answer as well. An empty by
// is the operator, who may answer for everybody. Saying it again changes nothing. When all have said yes, the effect is
// carried out before Approve returns, or by Run as soon as it can be.
func (b *Book) Approve(ctx context.Context, id string, by gate.Rep, reason string) (Request, error) {
	return b.answer(ctx, id, "approve", by, reason)
}

// Deny says no, which decides.
func (b *Book) Deny(ctx context.Context, id string, by gate.Rep, reason string) (Request, error) {
	return b.answer(ctx, id, "deny", by, reason)
}

// Cancel takes a request back; by is who asked for it, "" the operator.
func (b *Book) Cancel(ctx context.Context, id string, by gate.Rep, reason string) (Request, error) {
	return b.answer(ctx, id, "cancel", by, reason)
}

func (b *Book) answer(ctx context.Context, id, what string, by gate.Rep, reason string) (Request, error) {
	r, err := b.Show(ctx, id)
	if err != nil {
		return Request{}, err
	}
	next, err := b.mayAnswer(ctx, r, what, by)
	if err != nil {
		return r, err
	}
	name := string(by)
	if by == "" {
		name = b.Operator
	}
	list, err := answerScript.Run(ctx, b.Client, changeKeys(id),
		id, what, name, clip(reason), r.At, b.Keep.Milliseconds(), next).StringSlice()
	if err != nil {
		return Request{}, fmt.Errorf("requests: answering %s: %w", id, err)
	}
	if list[0] == "none" {
		return Request{}, ErrNone
	}
	after, err := parse(id, list[1:])
	if err != nil {
		return Request{}, err
	}
	if list[0] == "late" {
		return after, &LateError{after}
	}
	return b.followUp(ctx, after)
}

// mayAnswer says which step comes after by's approval, or why by may not answer. A request that is decided lets anybody
// pass: the script says what came of it.
func (b *Book) mayAnswer(ctx context.Context, r Request, what string, by gate.Rep) (next int, err error) {
	if by == "" || r.State != Open {
		return len(r.Steps), nil
	}
	if what == "cancel" {
		if by != r.Rep {
			return 0, ErrNotAsking
		}
		return r.At, nil
	}
	owner, err := b.Floor.Owner(ctx, r.Number, r.Scope)
	if err != nil {
		return 0, err
	}
	next = r.At
	for next < len(r.Steps) && b.mayAnswerStep(r, r.Steps[next], by, owner) {
		next++
	}
	if next == r.At {
		if slices.ContainsFunc(r.Answers, func(a Answer) bool { return a.What == what && a.By == string(by) }) {
			return r.At, nil // said before: the script answers that it is the same
		}
		return 0, &NotYoursError{r, by}
	}
	for next < len(r.Steps) && consents(r.Steps[next], r.Rep, owner) {
		next++
	}
	return next, nil
}

// mayAnswerStep: nobody grants their own request, whatever they are.
func (b *Book) mayAnswerStep(r Request, step string, by, owner gate.Rep) bool {
	if by == r.Rep {
		return false
	}
	for who := range strings.SplitSeq(step, "|") {
		switch {
		case who == gate.StepOwner && owner != "" && by == owner,
			who == gate.StepSupervisor && b.Floor.Supervises(by, whose(r.Rep, owner)),
			who == string(by):
			return true
		}
	}
	return false
}

// whose is the rep whose team's supervisor is asked: the owner's, who has something to lose, else that of who asks.
func whose(rep, owner gate.Rep) gate.Rep {
	if owner != "" {
		return owner
	}
	return rep
}

// WaitsFor says whether by is asked now.
func (b *Book) WaitsFor(ctx context.Context, r Request, by gate.Rep) (bool, error) {
	if r.Step() == "" {
		return false, nil
	}
	owner, err := b.Floor.Owner(ctx, r.Number, r.Scope)
	return err == nil && b.mayAnswerStep(r, r.Step(), by, owner), err
}
