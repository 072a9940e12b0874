package requests

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ringfence/ringfence/gate"
)

// Floor says who is who when a request is opened or answered.
type Floor interface {
	// Owner is who owns a number in a scope now, "" when nobody does.
	Owner(ctx context.Context, n gate.Number, scope gate.Scope) (gate.Rep, error)
	// Supervises says whether by is a supervisor of rep's team.
	Supervises(by, rep gate.Rep) bool
}

// Change is one thing that happened to a request, for the records of its number.
type Change struct {
	Mark    string // the same whenever this change is told again
	Request string // id
	What    string // open, approve, deny, cancel, escalate, expire, carry_out, fail
	By      string // "" when it happened by itself
	Reason  string
	State   State  // after it
	Step    string // that it was about
	Kind    Kind
	Number  gate.Number
	Scope   gate.Scope
	Rep, To gate.Rep
}

// Recorder writes a change into the records of its number, once for each Mark.
type Recorder interface {
	RecordRequest(ctx context.Context, c Change) error
}

// Options are what a Book works with.
type Options struct {
	Client   redis.UniversalClient
	Rules    func() gate.RequestsRule // those in force
	Floor    Floor
	Effects  Effects
	Records  Recorder
	Operator string        // who answers and opens when nobody is named
	Keep     time.Duration // how long a decided request is kept
	Log      func(error)   // what goes wrong in the background; nil: nothing is done with it
}

// Book is where requests are kept. It is safe for concurrent use.
type Book struct{ Options }

// NewBook makes a Book; nothing is asked of Redis yet.
func NewBook(o Options) *Book {
	if o.Log == nil {
		o.Log = func(error) {}
	}
	return &Book{o}
}

// What Open and Answer say no with.
var (
	ErrNone = errors.New("there is no such request; ringfence request list shows those there are")
	ErrOff  = errors.New("requests of this kind are off: rules.requests names no steps for it")
)

// ManyError refuses a request of a rep who has too many open ones.
type ManyError struct {
	Rep  gate.Rep
	Most int
}

func (e *ManyError) Error() string {
	return fmt.Sprintf("%s has %d open requests, the most that rules.requests.most allows; wait for an answer or cancel one", e.Rep, e.Most)
}

// Open writes a request down, and returns the one that is open already when the same is asked for: then Repeated is set.
func (b *Book) Open(ctx context.Context, r Request) (Request, error) {
	if r.To == "" {
		r.To = r.Rep
	}
	if r.Rep == "" {
		r.Rep = r.To
	}
	if err := r.check(); err != nil {
		return Request{}, err
	}
	rules := b.Rules()
	steps, at, err := b.steps(ctx, &r, rule(rules, r.Kind).Steps)
	if err != nil {
		return Request{}, err
	}
	last, err := b.Client.Incr(ctx, keyLast).Result()
	if err != nil {
		return Request{}, fmt.Errorf("requests: %w", err)
	}
	id := "r" + strconv.FormatInt(last, 10)
	list, err := openScript.Run(ctx, b.Client, append(changeKeys(id), keyAll, keyRep(string(r.Rep)), keyNumber(r.Number.Digits())),
		b.openArgs(id, r, steps, at)...).StringSlice()
	if err != nil {
		return Request{}, fmt.Errorf("requests: opening: %w", err)
	}
	switch outcome, same, _ := strings.Cut(list[0], sep); outcome {
	case "open":
		open, err := b.Show(ctx, same)
		open.Repeated = true
		return open, err
	case "many":
		return Request{}, &ManyError{r.Rep, rules.Most}
	}
	opened, err := parse(id, list[1:])
	if err != nil {
		return Request{}, err
	}
	return b.followUp(ctx, opened)
}

func (b *Book) openArgs(id string, r Request, steps []string, at int) []any {
	rules := b.Rules()
	terms := rule(rules, r.Kind)
	by := string(r.Rep)
	if b.Operator != "" {
		by = b.Operator
	}
	return []any{
		id, r.key(), rules.Most, b.Keep.Milliseconds(), terms.Expire.Std().Milliseconds(), terms.Escalate.Std().Milliseconds(),
		strings.Join(steps, ","), at, by, string(r.Rep),
		"kind", string(r.Kind), "number", r.Number.Digits(), "scope", string(r.Scope), "to", string(r.To),
		"percent", r.Percent, "for", r.For.Milliseconds(), "reason", clip(r.Reason), "owner", string(r.Owner),
	}
}

// steps are those that a request really goes through. Nobody can answer as the owner of what nobody owns; the owner who
// asks has consented by that. When no step is left for either reason, a supervisor answers, or nobody has to.
func (b *Book) steps(ctx context.Context, r *Request, rule []string) (steps []string, at int, err error) {
	if len(rule) == 0 {
		return nil, 0, fmt.Errorf("%w (rules.requests.%s.steps)", ErrOff, r.Kind)
	}
	if r.Owner, err = b.Floor.Owner(ctx, r.Number, r.Scope); err != nil {
		return nil, 0, err
	}
	for _, step := range rule {
		if step != gate.StepOwner || r.Owner != "" {
			steps = append(steps, step)
		}
	}
	if len(steps) == 0 {
		steps = []string{gate.StepSupervisor}
	}
	for at < len(steps) && consents(steps[at], r.Rep, r.Owner) {
		at++
	}
	return steps, at, nil
}

// consents says whether the owner's asking answers a step.
func consents(step string, rep, owner gate.Rep) bool {
	return owner != "" && rep == owner && slices.Contains(strings.Split(step, "|"), gate.StepOwner)
}

// followUp does at once what a change has to cause, instead of waiting for Run. What fails here is left to Run.
func (b *Book) followUp(ctx context.Context, r Request) (Request, error) {
	if r.State == Approved {
		carried, err := b.carryOut(ctx, r.ID)
		if err != nil {
			b.Log(err)
		} else if carried.ID != "" {
			r = carried
		}
	}
	if err := b.relay(ctx); err != nil {
		b.Log(err)
	}
	return r, nil
}

// clip cuts what is only read.
func clip(reason string) string {
	if len(reason) > maxReason {
		return strings.ToValidUTF8(reason[:maxReason], "") + "…"
	}
	return reason
}
