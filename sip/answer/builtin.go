package answer

import (
	"maps"
	"slices"

	"github.com/ringfence/ringfence/gate"
)

// code is a SIP status and the Q.850 cause that goes with it. Most PBXs translate the status into a cause and decide by
// that whether they try their next trunk; where both come, some go by the one and some by the other, so the two agree.
type code struct{ status, cause int }

// Q.850 causes.
const (
	unallocated = 1  // unallocated number
	userBusy    = 17 // what every PBX here takes for "do not ask another trunk"
	callDenied  = 21 // call rejected
	badFormat   = 28 // invalid number format
	failure     = 41 // temporary failure
)

// rejected is RFC 8688's status: something on the way, not the called person, said no.
const rejected = 608

// The answers that end a PBX's route search. Busy is not what happened, but it is the one answer after which all of them
// stop; the text says what did happen.
var (
	later = code{486, userBusy} // asking again later may help
	never = code{600, userBusy}
)

// builtin is each profile with its answers; docs/answers.md says who does what with them and how that is known.
var builtin = map[string]profile{
	"phone":      {answers: towardsPhones, served: code{403, callDenied}},
	"asterisk":   {answers: towardsPBX, served: never, causeFirst: true},
	"freepbx":    {answers: with(towardsPBX, gate.InvalidNumber, code{484, badFormat}), served: never, causeFirst: true},
	"3cx":        {answers: towardsPBX, served: never, causeFirst: true},
	"freeswitch": {answers: towardsPBX, served: never, causeFirst: true},
	"cisco":      {answers: always(later), served: later, causeFirst: true},
	"608":        {answers: towardsOperators, served: code{603, callDenied}, hidden: true, card: true},
}

// profile is a built-in one.
type profile struct {
	answers    map[gate.Reason]code
	served     code // a feature code; asking again changes nothing, so that no phone is to be tempted to
	causeFirst bool // Q.850 is the first Reason
	hidden     bool // the owner is not named
	card       bool // points to the business card
}

// A phone has no other trunk. It shows a text of its own for the code, or the phrase, or Reason.
var towardsPhones = map[gate.Reason]code{
	gate.Undecided:     {500, failure},
	gate.DNC:           {403, callDenied},
	gate.Refused:       {403, callDenied},
	gate.Owned:         {403, callDenied},
	gate.InFlight:      {403, userBusy},
	gate.Frequency:     {403, callDenied},
	gate.Hours:         {403, callDenied},
	gate.Territory:     {403, callDenied},
	gate.Quota:         {403, callDenied},
	gate.InvalidNumber: {404, badFormat},
	gate.UnknownRep:    {403, callDenied},
	gate.RegistryDown:  {503, failure},
}

// A PBX is told "busy" even where the registry does not answer: after a 503 the number, undecided, would leave by the
// next trunk, and the gate be left alone for a while, emergency calls included (RFC 3261 §21.5.4).
var towardsPBX = map[gate.Reason]code{
	gate.Undecided:     later,
	gate.DNC:           never,
	gate.Refused:       never,
	gate.Owned:         never,
	gate.InFlight:      later,
	gate.Frequency:     later,
	gate.Hours:         later,
	gate.Territory:     never,
	gate.Quota:         later,
	gate.InvalidNumber: never,
	gate.UnknownRep:    never,
	gate.RegistryDown:  later,
}

// An operator's network that understands RFC 8688. All are 6xx, after which nobody may search on (RFC 3261 §16.7-5).
var towardsOperators = map[gate.Reason]code{
	gate.Undecided:     {603, callDenied},
	gate.DNC:           {rejected, callDenied},
	gate.Refused:       {rejected, callDenied},
	gate.Owned:         {rejected, callDenied},
	gate.InFlight:      {rejected, callDenied},
	gate.Frequency:     {rejected, callDenied},
	gate.Hours:         {rejected, callDenied},
	gate.Territory:     {rejected, callDenied},
	gate.Quota:         {rejected, callDenied},
	gate.InvalidNumber: {604, unallocated},
	gate.UnknownRep:    {rejected, callDenied},
	gate.RegistryDown:  {603, callDenied},
}

// with is a table with one answer changed.
func with(table map[gate.Reason]code, reason gate.Reason, c code) map[gate.Reason]code {
	changed := maps.Clone(table)
	changed[reason] = c
	return changed
}

// always is a table with one answer.
func always(c code) map[gate.Reason]code {
	table := maps.Clone(towardsPBX)
	for reason := range table {
		table[reason] = c
	}
	return table
}

// standard is the profile of a peer that names none.
const standard = "phone"

// Names lists the built-in profiles.
func Names() []string { return slices.Sorted(maps.Keys(builtin)) }
