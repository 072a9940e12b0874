package gate

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Desk does what reps ask for by feature codes. Package registry implements it; registrytest has one in memory.
type Desk interface {
	// Serve does one errand and says what came of it. Implementations MUST return when ctx ends, and MUST do the errand of
	// one Key and Number once within Terms.Remember, however often it comes and at however many gates: a repeated one is
	// told what came of the first. An error means that the registry could not be asked; whatever was not done by then is
	// not done later.
	//
	// A rep claims, releases and asks for themselves only: somebody else's number is never released.
	Serve(ctx context.Context, e Errand) (Outcome, error)
}

// Errand is one feature code that a known rep has dialled with a number that could be read.
type Errand struct {
	Key
	Terms
	Code      Code
	Number    Number
	Peer      string
	Extension string // the rep's own, "" when it has none
	Scope     Scope
	Team      Team
	For       time.Duration // CodeRefused: how long the customer is left alone
	PIN       string        // CodePass: "" when none was dialled. It belongs in no log and no record
}

// Result is what came of an errand, from a closed set. If you add one: its name here, its words in sip/answer/codes.go,
// its row in docs/phone.md.
type Result uint8

// The results. The zero value is none: Outcome.Reason says why, in the words of a call that is blocked for it.
const (
	Unserved      Result = iota
	Free                 // nobody owns it
	Yours                // the rep owns it, until Until
	Theirs               // Owner owns it, until Until
	SaidNo               // its customer said no, until Until
	Claimed              // the rep owns it now, until Until
	Barred               // the rep had it last and may not claim it before Until
	HoldsTooMany         // the rep holds as many numbers as it may
	ClaimedEnough        // the rep has claimed as many numbers today as it may
	Released             // it is the rep's no longer
	NotYours             // Owner owns it, and only they can release it
	NoteTaken            // the refusal is written down, until Until
	Asked                // Owner has been asked
	AskedBefore          // Owner was asked by this rep before, and has not answered
	PassReady            // the rep's next call to it may go out, until Until
	WrongPIN             // Left more tries
	PassBurnt            // too many wrong PINs: the pass is gone
	NoPass               // the rep has no pass for it
	PINMissing           // the pass has a PIN, and none was dialled
	NotOffered           // this gate cannot do it
	resultCount
)

var resultNames = [resultCount]string{
	"unserved", "free", "yours", "theirs", "said_no", "claimed", "barred", "holds_too_many", "claimed_enough", "released", "not_yours",
	"note_taken", "asked", "asked_before", "pass_ready", "wrong_pin", "pass_burnt", "no_pass", "pin_missing", "not_offered",
}

func (r Result) String() string { return nameOf(resultNames[:], uint8(r), "result") }

// MarshalText writes the name.
func (r Result) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Results lists every result, Unserved left out, in the order of the constants.
func Results() []Result {
	all := make([]Result, 0, resultCount-1)
	for r := Unserved + 1; r < resultCount; r++ {
		all = append(all, r)
	}
	return all
}

// ParseResult is the inverse of String.
func ParseResult(name string) (Result, error) {
	for r, n := range resultNames {
		if n == name {
			return Result(r), nil
		}
	}
	return Unserved, fmt.Errorf("unknown result %q", clip(name))
}

// Outcome is the answer to a feature code.
type Outcome struct {
	Result   Result
	Reason   Reason // Unserved: InvalidNumber, UnknownRep, DNC or RegistryDown
	Owner    Rep
	Until    time.Time // in the company's time zone
	Left     int       // WrongPIN: tries that are left
	Repeated bool      // the same Key had been served before; nothing was done twice
}

// Decision is an unserved errand as the blocked call that it is answered like.
func (o Outcome) Decision(c Call) Decision {
	return Decision{Verdict: Block, Reason: o.Reason, Call: c, Repeated: o.Repeated, RetryAfter: o.retryAfter()}
}

func (o Outcome) retryAfter() time.Duration {
	if o.Reason == RegistryDown {
		return retryAfterOutage
	}
	return 0
}

// errandWithin bounds an errand: several round trips, and a PIN that is slow to check on purpose. No call waits for it.
const errandWithin = 2 * time.Second

// longestRefusal is what rules.refused.cool_down may be at most, too.
const longestRefusal = 3650

// Serve has the desk do what a feature code asks for. There is always an outcome: with the registry away, one that says
// so. What did not get as far as the desk is recorded as a blocked call.
func (g *Gate) Serve(ctx context.Context, c Call) Outcome {
	p := g.policy.Load()
	e, o := g.errand(p, c)
	if o == (Outcome{}) {
		var err error
		bounded, cancel := context.WithTimeout(ctx, errandWithin)
		defer cancel()
		if o, err = g.desk.Serve(bounded, e); err == nil && o.Result < resultCount {
			if !o.Until.IsZero() {
				o.Until = o.Until.In(p.place)
			}
			return o
		}
		o = Outcome{Reason: RegistryDown}
	}
	if o.Result == Unserved {
		g.recordDecision(p, Decision{Verdict: Block, Reason: o.Reason, Call: c, Policy: p.terms.Policy, Degraded: o.Reason == RegistryDown})
	}
	return o
}

// errand is what c asks the desk for; or the outcome, when it asks for what cannot be.
func (g *Gate) errand(p *policy, c Call) (e Errand, o Outcome) {
	d := c.Dialled
	asCall := c // whoever may not call may not do anything else either
	asCall.Dialled.Kind = External
	switch _, unknown := unknownRep(g, p, asCall); {
	case d.Kind != FeatureCode || d.Number == "":
		return e, Outcome{Reason: InvalidNumber}
	case unknown || c.Rep == "":
		return e, Outcome{Reason: UnknownRep}
	case g.desk == nil:
		return e, Outcome{Result: NotOffered}
	}
	if _, listed := g.registry.Listed(d.Number); listed && d.Code != CodeRelease && d.Code != CodeRefused {
		return e, Outcome{Reason: DNC}
	}
	who := g.callerOf(p, c.Rep)
	e = Errand{
		Key: c.Key, Terms: g.claimTerms(p, c.Rep, g.now()), Code: d.Code, Number: d.Number, Peer: c.Peer,
		Extension: who.extension, Scope: who.scope, Team: who.team,
	}
	switch {
	case d.Code == CodePass:
		e.PIN = d.Argument
	case d.Code == CodeRefused && d.Argument == "":
		e.For = p.terms.CoolDown
	case d.Code == CodeRefused:
		days, err := refusalDays(d.Argument)
		if err != nil {
			return e, Outcome{Reason: InvalidNumber}
		}
		e.For = days
	}
	return e, o
}

// refusalDays reads the days between the code and the number.
func refusalDays(digits string) (time.Duration, error) {
	days, err := strconv.Atoi(digits)
	if err != nil || days < 1 || days > longestRefusal {
		return 0, errors.New("write 1 to 3650 days")
	}
	return time.Duration(days) * day, nil
}
