package gate

import (
	"cmp"
	"context"
	"errors"
	"time"
)

// ErrListsUnknown is what Decide answers while an implementation has not been able to read the bulk do-not-call lists
// even once: nobody can say then who must not be rung. The call is blocked, whatever rules.on_registry_down says.
var ErrListsUnknown = errors.New("the do-not-call lists have not been read yet")

// Registry is what the company knows. It is the one interface between the decision and its store; package registry
// implements it on Redis, registrytest holds every implementation to the contract written here.
type Registry interface {
	// Listed says whether a bulk do-not-call list in this process's memory holds n. It never blocks and never fails.
	Listed(n Number) (Listing, bool)

	// Decide answers one question in one round trip and, when the answer lets the call out and the question is no
	// rehearsal, reserves the number in the same atomic step and writes the record. Implementations MUST return when
	// ctx ends, MUST be idempotent by (Number, Key) while the reservation lives and Terms.Remember after, and MUST
	// NOT retry on their own.
	Decide(ctx context.Context, q Question) (Answer, error)

	// Renew prolongs reservations by Terms.Lease and returns those that are no longer held (ended at another gate,
	// taken over, or run out). Order of the result is of no importance.
	Renew(ctx context.Context, held []Reservation, t Terms) (lost []Reservation, err error)

	// Write applies events in order, each at most once per (Reservation, Kind) within Terms.Remember. When it fails, some
	// may have been applied: the caller repeats the whole batch. It fails only when the registry cannot be reached: an
	// event that can never be applied would hold up all that came after it, so that is skipped.
	//
	// Firm and Ended count although the lease ran out meanwhile (the registry was away longer than that), unless another
	// rep owns or holds the number by then; a Firm that comes after the Ended of the same reservation does nothing. An
	// Ended whose Rep is empty ends the reservation with its Number, Call-ID and From-tag, whoever made it, or nothing.
	Write(ctx context.Context, events []Event) error
}

// Listing is where a number stands on a bulk list.
type Listing struct{ List, Version string }

// Terms is the part of the policy that travels with a question: Redis holds state, never policy.
type Terms struct {
	Policy     string        // version of the rules, copied into the record
	Gate       string        // name of this gate, copied into the record
	Lease      time.Duration // how long a reservation lives unless renewed
	Remember   time.Duration // how long an ended or blocked attempt is still answered alike: 64×T1
	MinTalk    time.Duration // talk that makes a claim firm
	Protection time.Duration // how long a firm claim lasts after an answered call
	CoolDown   time.Duration // how long a refusal lasts
	Keep       time.Duration // how long records are kept
	Redirect   bool          // owned.action is redirect

	Provisional    time.Duration // how long an unanswered first call keeps colleagues away; 0: it does not
	ProtectionMost time.Duration // longest ownership since its beginning, contact or not; 0: no limit
	NoDeal         time.Duration // longest ownership without a closed deal; 0: no limit
	DealProtection time.Duration // protection after a closed deal; 0: for ever
	Levels         string        // protection by customer level: "A=ms" each, in ms, parted by 0x1f
	Bar            time.Duration // how long a previous owner may not claim the number again; 0: at once
	Team           bool          // owned.by is team: the owner's team may ring it too
	Holdings       int           // most numbers this rep may hold; 0: no limit
	CountDeals     bool          // numbers with a closed deal count as held
	DailyClaims    int           // most numbers this rep may claim in a day; 0: no limit
	Offset         time.Duration // east of UTC, of the place whose midnight ends a day
	Over           string        // names of the reasons that a pass passes, parted and enclosed by commas
	Shadow         string        // names of the reasons that are only watched for this caller, likewise
}

// Question is one call to a number, as the registry needs to know it.
type Question struct {
	Reservation
	Terms
	Peer      string
	Extension string // the caller's own extension, kept with the claim so that it can be rung; "" when it has none
	Rehearsal bool   // `ringfence check`: say what would be, change and record nothing
	Recorded  string // Call-ID for the record, where the Key's is not the caller's; "" when it is

	Scope   Scope  // in which the rep sells
	Team    Team   // to which the rep belongs
	Local   Reason // by which a local rule would block the call, unless it is watched or a pass passes it; Undecided when none would
	Instead string // where Local would ring instead of blocking; "" when it would block
	Listing        // of Local, when that is DNC

	Territory Team // in whose territory the call leads though its rep is of another team: for the record
}

// RecordedCallID is the Call-ID that the record shows.
func (q *Question) RecordedCallID() string { return cmp.Or(q.Recorded, q.CallID) }

// Answer is the registry's part of a decision.
type Answer struct {
	Verdict    Verdict
	Reason     Reason        // Allowed, OwnerCalls, Collaborator, DNC, Refused, Owned, InFlight
	Owner      Rep           // OwnerCalls, Collaborator, Owned: the owner; InFlight: who is ringing it
	Extension  string        // Owned, when Verdict is Redirect
	RetryAfter time.Duration // until the obstacle ends by itself; 0 when it does not
	List       string        // DNC: the list of the single addition
	Fence      int64
	Repeated   bool

	// Shadow: a rule that is only watched would have stopped the call, for Reason; enforced, the Verdict, Allow, would have
	// been Would. Where somebody else owns or rings the number nothing was reserved, lest the watched call keep them from
	// it, and Fence is 0.
	Shadow bool
	Would  Verdict
}

// EventKind says what happened.
type EventKind uint8

// The kinds of event.
const (
	// Decided records a decision that was taken in the gate without the registry's script.
	Decided EventKind = iota + 1
	// Firm: the call has been up for Terms.MinTalk: the caller becomes owner, whatever follows.
	Firm
	// Ended ends the reservation: lets go, extends protection or starts the cool-down, and writes the record.
	Ended
)

// Event is something the registry must come to know, though nobody waits for it.
type Event struct {
	Kind EventKind
	At   time.Time // by the gate's clock; the registry adds its own

	Decision Decision // Decided

	Reservation Reservation // Firm, Ended
	Terms       Terms
	Extension   string        // Firm, Ended: the caller's own extension
	Scope       Scope         // Firm, Ended: in which the caller sells
	Team        Team          // Firm, Ended: to which the caller belongs
	Ending      Ending        // Ended
	Talk        time.Duration // Firm, Ended: since the answer; 0 when it was not answered or not known
	Status      int           // Ended: the final SIP status on the way to the caller; 0 when none was sent
}
