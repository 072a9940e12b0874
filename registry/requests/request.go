package requests

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// Kind is what is asked for.
type Kind string

// The kinds.
const (
	Pass      Kind = "pass"      // one call to a number that the rules keep from the rep
	Share     Kind = "share"     // to become a collaborator
	Transfer  Kind = "transfer"  // the number from its owner
	Claim     Kind = "claim"     // a number that nobody owns
	Extend    Kind = "extend"    // more time for a number
	Exemption Kind = "exemption" // that the customer's refusal be lifted
)

// Kinds are all of them, in the order of the documentation.
func Kinds() []Kind { return []Kind{Pass, Share, Transfer, Claim, Extend, Exemption} }

// State is how far a request has come.
type State string

// The states. Those after Approved are final.
const (
	Open      State = "open"      // a step has not been answered
	Approved  State = "approved"  // all have said yes; its effect is to come
	Done      State = "done"      // its effect is there
	Failed    State = "failed"    // approved, but its effect was impossible by then: see Failure
	Denied    State = "denied"    // one has said no
	Cancelled State = "cancelled" // taken back
	Expired   State = "expired"   // not decided in time
)

// States are all of them.
func States() []State { return []State{Open, Approved, Done, Failed, Denied, Cancelled, Expired} }

// Request is what a rep asks for, and what has become of it.
type Request struct {
	ID      string
	Kind    Kind
	State   State
	Number  gate.Number
	Scope   gate.Scope
	Rep     gate.Rep      // who asks
	To      gate.Rep      // whom it is for; default: who asks
	Percent int           // share: 0 to 100
	For     time.Duration // pass, extend, claim: how long; 0: by the rules
	Reason  string

	Owner    gate.Rep  // who owned the number when it was opened
	Steps    []string  // who is asked, one after the other: the rule of the day it was opened
	At       int       // the step that it waits for, or stopped at
	Opened   time.Time //
	Due      time.Time // when the step it waits for goes to the next, if there is one; else Expires
	Expires  time.Time
	Answers  []Answer
	Failure  string // failed: why
	Repeated bool   // Open found it open already: nothing was changed
}

// Answer is one thing that happened to a request after it was opened.
type Answer struct {
	What   string // approve, deny, cancel, escalate, expire
	Step   string // the step that was answered
	By     string // the rep or operator; "" when it happened by itself
	At     time.Time
	Reason string
}

// Step is who is asked now, "" when nobody is.
func (r Request) Step() string {
	if r.State != Open || r.At >= len(r.Steps) {
		return ""
	}
	return r.Steps[r.At]
}

// Longest texts, in bytes.
const (
	maxID     = 128
	maxReason = 256
)

// check says what is wrong with a request that is to be opened.
func (r Request) check() error {
	switch {
	case !slices.Contains(Kinds(), r.Kind):
		return fmt.Errorf("%.40q is no kind of request; there are pass, share, transfer, claim, extend and exemption", r.Kind)
	case r.Number == "":
		return errors.New("a request needs a number")
	case !isID(r.Rep) || !isID(r.To):
		return errors.New("a request needs the id of the rep who asks: 1 to 128 bytes without spaces and control characters")
	case r.Percent < 0 || r.Percent > 100:
		return fmt.Errorf("a share of %d%% cannot be; write 0 to 100", r.Percent)
	case r.Percent != 0 && r.Kind != Share:
		return fmt.Errorf("a %s has no percentage; only a share has", r.Kind)
	case r.For < 0:
		return errors.New("a request cannot be for less than no time")
	}
	return nil
}

func isID(rep gate.Rep) bool {
	return rep != "" && len(rep) <= maxID && !strings.ContainsFunc(string(rep), func(r rune) bool { return r <= ' ' || r == 0x7f })
}

// key is the same for requests that ask for the same thing.
func (r Request) key() string {
	return strings.Join([]string{string(r.Kind), r.Number.Digits(), string(r.Scope), string(r.Rep), string(r.To)}, sep)
}

// rule is the policy for a kind.
func rule(rules gate.RequestsRule, k Kind) gate.RequestRule {
	switch k {
	case Pass:
		return rules.Pass
	case Share:
		return rules.Share
	case Transfer:
		return rules.Transfer
	case Claim:
		return rules.Claim
	case Extend:
		return rules.Extend
	case Exemption:
		return rules.Exemption
	}
	return gate.RequestRule{}
}
