package registry

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// Strategy says which colleague gets the next number of a rep who leaves.
type Strategy string

// The strategies.
const (
	RoundRobin Strategy = "round-robin" // one after another
	ByLoad     Strategy = "by-load"     // whoever holds least
)

// Taker is a colleague who takes numbers over.
type Taker struct {
	Rep       gate.Rep
	Team      gate.Team
	Extension string
	Most      int         // numbers they may hold; 0: any number
	Scope     *gate.Scope // the one they sell in; nil when that is not known, and they take any
}

// OffboardPlan is what is to become of the numbers of a rep who leaves.
type OffboardPlan struct {
	Rep      gate.Rep
	To       []Taker // nobody: into the pool
	Strategy Strategy
	Scope    *gate.Scope   // only the numbers of this one; nil: of all
	Undo     time.Duration // how long it can be undone
}

// OffboardState is how far an offboarding is.
type OffboardState string

// The states of an offboarding, in the order in which it goes through them.
const (
	OffboardRunning OffboardState = "running"
	OffboardDone    OffboardState = "done"
	OffboardUndoing OffboardState = "undoing"
	OffboardUndone  OffboardState = "undone"
)

// Offboarding is a plan that is being carried out.
type Offboarding struct {
	OffboardPlan
	ID    string
	State OffboardState
	By    string
	At    time.Time

	Moved   int // numbers that colleagues got
	Pooled  int // numbers that went into the pool
	Shares  int // numbers of colleagues that the rep helped with, and does no longer
	Back    int // numbers that an undo gave back
	Changed int // numbers that an undo left where they are, since something has become of them
}

// UndoUntil is when it can no longer be undone.
func (o Offboarding) UndoUntil() time.Time { return o.At.Add(o.Undo) }

// Why an offboarding cannot be begun, resumed or undone.
var (
	ErrNoOffboarding  = errors.New("nothing of this rep was ever handed over, or that is long ago")
	ErrOffboarding    = errors.New("an offboarding of this rep is under way")
	ErrOffboardState  = errors.New("the offboarding is not in a state for that")
	ErrUndoTooLate    = errors.New("it is too long ago to be undone")
	errOffboardBroken = errors.New("registry: the plan of the offboarding cannot be read")
)

func (p OffboardPlan) validate() error {
	switch {
	case p.Rep == "":
		return errors.New("an offboarding needs a rep who leaves")
	case p.Strategy != RoundRobin && p.Strategy != ByLoad:
		return fmt.Errorf("strategy %q is not one of %s, %s", note(string(p.Strategy)), RoundRobin, ByLoad)
	case p.Undo <= 0:
		return errors.New("an offboarding needs a time for which it can be undone")
	case len(p.To) > mostTakers:
		return fmt.Errorf("%d colleagues are too many; at most %d take over", len(p.To), mostTakers)
	}
	seen := map[gate.Rep]bool{p.Rep: true}
	for _, t := range p.To {
		if t.Rep == "" || seen[t.Rep] {
			return fmt.Errorf("%q is named twice, is the one who leaves or is nobody", t.Rep)
		}
		seen[t.Rep] = true
	}
	return nil
}

// mostTakers bounds the arguments of handover.lua.
const mostTakers = 100

// PlanOffboarding writes a plan down, to be carried out by Offboard. It fails with ErrOffboarding while another of the
// same rep is under way.
func (s *Store) PlanOffboarding(ctx context.Context, p OffboardPlan) (Offboarding, error) {
	if err := p.validate(); err != nil {
		return Offboarding{}, err
	}
	now, err := s.Now(ctx)
	if err != nil {
		return Offboarding{}, err
	}
	o := Offboarding{OffboardPlan: p, ID: offboardID(now, p.Rep), State: OffboardRunning, By: s.actor(ctx), At: now.Truncate(time.Millisecond)}
	list, err := planScript.slice(ctx, s.client, []string{offboardKey(p.Rep)},
		append([]any{milliseconds(p.Undo + s.keep)}, planFields(o)...)...)
	if err != nil {
		return Offboarding{}, err
	}
	texts, err := textsOf(list)
	if err != nil || len(texts) != 1 {
		return Offboarding{}, errOffboardBroken
	}
	if before := OffboardState(texts[0]); before == OffboardRunning || before == OffboardUndoing {
		return Offboarding{}, ErrOffboarding
	}
	return o, nil
}

// offboardID names an offboarding so that a person can read it in a record: day, time (UTC) and rep.
func offboardID(now time.Time, rep gate.Rep) string {
	return now.UTC().Format("20060102-150405-") + identity(string(rep)) + "-" + rand.Text()[:4]
}

// Offboarding is the last one of a rep; ErrNoOffboarding when there is none.
func (s *Store) Offboarding(ctx context.Context, rep gate.Rep) (Offboarding, error) {
	fields, err := s.client.HGetAll(ctx, offboardKey(rep)).Result()
	if err != nil {
		return Offboarding{}, fmt.Errorf("registry: reading the offboarding: %w", err)
	}
	if len(fields) == 0 {
		return Offboarding{}, ErrNoOffboarding
	}
	return readOffboarding(fields)
}

func planFields(o Offboarding) []any {
	var to []string
	for _, t := range o.To {
		scope, any := "", "1"
		if t.Scope != nil {
			scope, any = identity(string(*t.Scope)), ""
		}
		to = append(to, strings.Join([]string{
			identity(string(t.Rep)), identity(string(t.Team)), identity(t.Extension), strconv.Itoa(t.Most), any, scope,
		}, part))
	}
	scope, all := "", "1"
	if o.Scope != nil {
		scope, all = identity(string(*o.Scope)), ""
	}
	return []any{
		"id", o.ID, "rep", identity(string(o.Rep)), "to", strings.Join(to, sep), "strategy", string(o.Strategy), "scope", scope, "all", all,
		"undo", milliseconds(o.Undo), "by", identity(o.By), "at", score(o.At), "state", string(o.State),
	}
}

func readOffboarding(f map[string]string) (Offboarding, error) {
	number := func(name string) int {
		n, _ := strconv.Atoi(f[name]) // what was never counted is 0
		return n
	}
	o := Offboarding{
		OffboardPlan: OffboardPlan{
			Rep: gate.Rep(unescape(f["rep"])), Strategy: Strategy(f["strategy"]),
			Undo: time.Duration(number("undo")) * time.Millisecond,
		},
		ID: f["id"], State: OffboardState(f["state"]), By: unescape(f["by"]), At: millis(f["at"]),
		Moved: number("moved"), Pooled: number("pooled"), Shares: number("shares"),
		Back: number("back"), Changed: number("changed"),
	}
	if f["all"] == "" {
		o.Scope = scopeOf(f["scope"])
	}
	for entry := range strings.SplitSeq(f["to"], sep) {
		if entry == "" {
			continue
		}
		g := strings.Split(entry, part)
		if len(g) != 6 {
			return Offboarding{}, errOffboardBroken
		}
		most, err := strconv.Atoi(g[3])
		if err != nil {
			return Offboarding{}, errOffboardBroken
		}
		t := Taker{Rep: gate.Rep(unescape(g[0])), Team: gate.Team(unescape(g[1])), Extension: unescape(g[2]), Most: most}
		if g[4] == "" {
			t.Scope = scopeOf(g[5])
		}
		o.To = append(o.To, t)
	}
	if err := o.validate(); err != nil {
		return Offboarding{}, fmt.Errorf("%w: %w", errOffboardBroken, err)
	}
	return o, nil
}

func scopeOf(text string) *gate.Scope {
	scope := gate.Scope(unescape(text))
	return &scope
}
