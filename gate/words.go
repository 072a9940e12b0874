package gate

import (
	"fmt"
	"strings"
)

// Number is an E.164 number: "+" and 5 to 15 digits. Only a Normaliser makes one, for calls and for lists alike.
type Number string

// Digits is the number without its "+".
func (n Number) Digits() string { return strings.TrimPrefix(string(n), "+") }

// Masked is the number as logs show it: the first four and the last two digits, stars between.
func (n Number) Masked() string { return Mask(string(n)) }

// Mask hides the middle of anything that may be a number: of "+12125550100" it leaves "+1212*****00".
func Mask(s string) string {
	const head, tail = 5, 2
	if len(s) <= head+tail {
		return strings.Repeat("*", len(s))
	}
	return s[:head] + strings.Repeat("*", len(s)-head-tail) + s[len(s)-tail:]
}

// Rep is the id of the person who dials: digest user, extension or certificate name.
type Rep string

// Verdict is what becomes of a call. Its zero value blocks: a decision that somebody forgot to make lets nothing out.
type Verdict uint8

// The verdicts.
const (
	Block Verdict = iota
	Allow
	Redirect
	verdictCount
)

var verdictNames = [verdictCount]string{"block", "allow", "redirect"}

func (v Verdict) String() string {
	if v < verdictCount {
		return verdictNames[v]
	}
	return fmt.Sprintf("verdict(%d)", uint8(v))
}

// MarshalText writes the verdict's name.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Reason says why, from a closed set. If you add one: its name here, its verdict in rules.go, its answers in sip/answer
// (builtin.go, words.go, custom.go), its rows in docs/rules.md and docs/answers.md and, when Redis decides it, its word
// in registry/scripts/decide.lua.
type Reason uint8

// The reasons. The first is the zero value and never decided on purpose.
const (
	Undecided Reason = iota
	Emergency
	Internal
	Allowed
	OwnerCalls
	Collaborator
	Pass
	DNC
	Refused
	Owned
	InFlight
	Frequency
	Hours
	Territory
	Quota
	InvalidNumber
	UnknownRep
	RegistryDown
	reasonCount
)

var reasonNames = [reasonCount]string{
	"undecided", "emergency", "internal", "allowed", "owner", "collaborator", "pass", "dnc", "refused", "owned",
	"in_flight", "frequency", "hours", "territory", "quota", "invalid_number", "unknown_rep", "registry_down",
}

func (r Reason) String() string {
	if r < reasonCount {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason(%d)", uint8(r))
}

// MarshalText writes the reason's name.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a reason's name.
func (r *Reason) UnmarshalText(text []byte) (err error) {
	*r, err = ParseReason(string(text))
	return err
}

// Reasons lists every reason that a decision can carry, in the order of the constants.
func Reasons() []Reason {
	all := make([]Reason, 0, reasonCount-1)
	for r := Undecided + 1; r < reasonCount; r++ {
		all = append(all, r)
	}
	return all
}

// ParseReason is the inverse of String.
func ParseReason(name string) (Reason, error) {
	for r, n := range reasonNames {
		if n == name {
			return Reason(r), nil
		}
	}
	return Undecided, fmt.Errorf("unknown reason %q", name)
}

// Ending is how a call that was reserved came to its end.
type Ending uint8

// The endings. EndUnknown is what a lease that ran out leaves behind.
const (
	EndUnknown Ending = iota
	EndAnswered
	EndRefused    // the called person said no: 603 or 607 on the trunk's branch
	EndUnanswered // rang, or was cancelled, or was busy
	EndFailed     // the network could not carry it
	endingCount
)

var endingNames = [endingCount]string{"unknown", "answered", "refused", "unanswered", "failed"}

func (e Ending) String() string {
	if e < endingCount {
		return endingNames[e]
	}
	return fmt.Sprintf("ending(%d)", uint8(e))
}

// MarshalText writes the ending's name.
func (e Ending) MarshalText() ([]byte, error) { return []byte(e.String()), nil }
