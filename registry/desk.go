package registry

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// Desk does what reps ask for by feature codes: each errand once, with a record of what came of it.
type Desk struct {
	store    *Store
	requests Requests
}

// Requests opens requests for access to a colleague's customer.
type Requests interface {
	// Ask opens one for a rep, or finds the one that is open; then before is true. asked is who has to answer. The error
	// wraps ErrNotAsked when the rules take no such request.
	Ask(ctx context.Context, n gate.Number, rep gate.Rep, scope gate.Scope) (asked gate.Rep, before bool, err error)
}

// ErrNotAsked means that the rules take no request of this kind, or no more from this rep now.
var ErrNotAsked = errors.New("this cannot be asked for")

var _ gate.Desk = (*Desk)(nil)

// NewDesk makes a desk; without requests it says that asking for access is not offered.
func NewDesk(s *Store, r Requests) *Desk { return &Desk{store: s, requests: r} }

// Serve is gate.Desk's. Of an errand that comes again while the first is done the end is waited for.
func (d *Desk) Serve(ctx context.Context, e gate.Errand) (gate.Outcome, error) {
	if told, again, err := d.begin(ctx, e); again || err != nil {
		return told, err
	}
	o, err := d.do(ctx, e)
	if err != nil {
		d.drop(ctx, e)
		return gate.Outcome{}, err
	}
	if err := d.finish(ctx, e, o); err != nil {
		d.store.log(fmt.Errorf("%w; a feature code was served, and is missing in the records", err))
	}
	return o, nil
}

// lookAgain is how often an errand that another gate is at is looked for.
const lookAgain = 20 * time.Millisecond

// begin marks the errand as being done; again is true when it was before, and then comes what was told.
func (d *Desk) begin(ctx context.Context, e gate.Errand) (told gate.Outcome, again bool, err error) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		reply, err := d.mark(ctx, e, "begin")
		switch {
		case err != nil:
			return told, false, err
		case reply == "+":
			return told, false, nil
		case reply != "":
			told, err = readOutcome(reply)
			return told, true, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return told, false, ctx.Err()
		}
	}
}

// drop takes the mark away: nothing came of it, and the next try is a new one. ctx may have ended; the mark runs out by
// itself where this fails too.
func (d *Desk) drop(ctx context.Context, e gate.Errand) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), decideWithin)
	defer cancel()
	_, _ = d.mark(ctx, e, "drop")
}

func (d *Desk) finish(ctx context.Context, e gate.Errand, o gate.Outcome) error {
	result := o.Result.String()
	if o.Result == gate.Unserved {
		result = o.Reason.String()
	}
	_, err := d.mark(ctx, e, "end", packOutcome(o), e.Code.String(), identity(string(o.Owner)), identity(string(e.Rep)),
		callFields(e.Number.Digits(), e.Peer, e.Gate, e.Policy, e.CallID), result, identity(string(e.Scope)),
		milliseconds(d.store.keepOr(e.Keep)))
	return err
}

// mark runs the errand's script.
func (d *Desk) mark(ctx context.Context, e gate.Errand, action string, args ...any) (string, error) {
	k := keysOf(e.Number.Digits())
	id := attemptID(pack(k.digits, string(e.Rep), e.Code.String()), e.CallID, e.FromTag)
	return errandScript.text(ctx, d.store.ask, []string{k.errand(id), k.number(), k.stream()},
		append([]any{action, d.store.rememberOr(e.Terms).Milliseconds()}, args...)...)
}

// packOutcome writes what a repeated errand is told.
func packOutcome(o gate.Outcome) string {
	until := ""
	if !o.Until.IsZero() {
		until = strconv.FormatInt(o.Until.UnixMilli(), 10)
	}
	return pack(o.Result.String(), o.Reason.String(), identity(string(o.Owner)), until, strconv.Itoa(o.Left))
}

func readOutcome(text string) (gate.Outcome, error) {
	f := strings.Split(text, sep)
	if len(f) != 5 {
		return gate.Outcome{}, fmt.Errorf("registry: errand: outcome %q has not 5 fields", note(text))
	}
	result, errResult := gate.ParseResult(f[0])
	reason, errReason := gate.ParseReason(f[1])
	left, errLeft := strconv.Atoi(f[4])
	if err := errors.Join(errResult, errReason, errLeft); err != nil {
		return gate.Outcome{}, fmt.Errorf("registry: errand: %w", err)
	}
	return gate.Outcome{Result: result, Reason: reason, Owner: gate.Rep(unescape(f[2])), Until: millis(f[3]), Left: left, Repeated: true}, nil
}

// do is the errand itself. Records name the rep as who did it.
func (d *Desk) do(ctx context.Context, e gate.Errand) (gate.Outcome, error) {
	ctx = actingAs(ctx, e.Rep)
	switch e.Code {
	case gate.CodeOwner:
		return d.show(ctx, e)
	case gate.CodeClaim:
		return d.claim(ctx, e)
	case gate.CodeRelease:
		return d.release(ctx, e)
	case gate.CodeRefused:
		return d.refuse(ctx, e)
	case gate.CodeRequest:
		return d.request(ctx, e)
	case gate.CodePass:
		return d.usePass(ctx, e)
	default:
		return gate.Outcome{Result: gate.NotOffered}, nil
	}
}
