package gate

import "time"

// Kind says what a dialled string is.
type Kind uint8

// The kinds. The zero value is refused.
const (
	Unreadable    Kind = iota // none of the others: blocked as invalid_number
	EmergencyCall             // exactly a configured emergency number, or urn:service:sos
	Extension                 // fits extensions.pattern: inside the company
	External                  // an E.164 number
	FeatureCode               // one of sip.codes, for the gate itself: never forwarded
)

// Dialled is what a rep dialled, read once by the Normaliser. What is forwarded is built from it, never from the text.
type Dialled struct {
	Kind       Kind
	Code       Code   // FeatureCode only: what is asked for
	Incomplete bool   // with Why: it may become a number by more digits
	Text       string // as it came: the user part or the tel: subscriber, undecoded; its first 256 bytes at most. FeatureCode: the code alone
	Number     Number // External; FeatureCode: what it is about, "" when that cannot be read
	Local      string // EmergencyCall and Extension: the digits to send on
	Argument   string // FeatureCode only: days or PIN, digits. A PIN belongs in no log and no record
	Why        string // Unreadable, and FeatureCode without a number: what is wrong with it, for the rep and the record
}

// Key names one call attempt. Repeating a reservation with an equal Key and Number returns the first answer; Call-ID
// alone would be a way round the gate, since the caller chooses it.
type Key struct {
	Rep     Rep
	CallID  string
	FromTag string
}

// Call is an initial INVITE in the gate's words.
type Call struct {
	Key
	Peer    string // name of the configured peer it came from
	Dialled Dialled
}

// Reservation is what an allowed external call holds in the registry until it ends. The zero value holds nothing, and
// ending it does nothing.
type Reservation struct {
	Key
	Number Number
}

// Held says whether there is something to end.
func (r Reservation) Held() bool { return r.Number != "" }

// Decision is the answer to one call.
type Decision struct {
	Verdict Verdict
	Reason  Reason
	Call    Call

	Owner      Rep           // owned, in_flight: who holds the number
	Extension  string        // Redirect: where the owner is rung, or the team whose territory it is
	Territory  Team          // in whose territory the call leads though its rep is of another team; "" when it does not
	RetryAfter time.Duration // when asking again may help; 0 when it will not
	List       string        // dnc: name of the list
	Lists      string        // version of that list
	Policy     string        // version of the rules that decided
	Fence      int64         // grows with every reservation of this number; 0 when there is none
	Repeated   bool          // the same Key had been answered before; nothing was counted twice
	Degraded   bool          // decided without the registry
	Shadow     bool          // the rule of Reason is only watched: enforced, the Verdict would not have been Allow ...
	Would      Verdict       // ... but this; of no meaning otherwise

	Reservation Reservation
	Took        time.Duration // from the question to the answer, in the gate
}
