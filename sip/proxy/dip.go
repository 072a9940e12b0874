package proxy

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ringfence/ringfence/gate"
)

// A dip is an INVITE that only asks: a switch sends it to a service that never carries a call, reads the status of the
// answer as yes or no, and goes on by itself. docs/modes.md says where each word comes from.

// pass is how a dip says that the call may go on.
func (m Mode) pass() refusal {
	if m == Galaxtel {
		return refusal{Status: 503, Phrase: "Service Unavailable"}
	}
	return refusal{Status: 499, Phrase: "Allowed"}
}

// stop is how a mode says that a call may not go on. ok is false where that is the profile's to say.
//
// A Galaxtel dip must say nothing but 403 then: to the switch a 503 is a clean number.
func (m Mode) stop(why gate.Reason) (r refusal, ok bool) {
	switch {
	case m == TeleBlock && why == gate.UnknownRep: // who calls is not known (RFC 5079)
		return refusal{Status: 433, Phrase: "Anonymity Disallowed"}, true
	case m == TeleBlock:
		return refusal{Status: 403, Phrase: "Do-Not-Contact"}, true
	case m == Galaxtel:
		return refusal{Status: 403, Phrase: "Forbidden"}, true
	case m == Sippy:
		return refusal{Status: 470, Phrase: "Consent Needed"}, true
	}
	return refusal{}, false
}

// noYes makes of a refusal that is no decision what the peer's switch cannot take for a yes.
func (m Mode) noYes(r refusal) refusal {
	if m == Galaxtel && r.Status == 503 {
		r.Status, r.Phrase = 403, "Forbidden"
	}
	return r
}

// told are the lines that say why, for a person and for a dial plan. text stands in quotes already where it comes from.
func told(status int, text string, why fmt.Stringer) string {
	return "Reason: SIP;cause=" + strconv.Itoa(status) + ";text=\"" + text + "\"\r\n" + reasonHeader(why)
}

// reasonName is the header that names the reason in one word: for dial plans that act on it.
const reasonName = "X-Ringfence-Reason"

func reasonHeader(why fmt.Stringer) string { return reasonName + ": " + why.String() + "\r\n" }

// text is what a refusal tells a person: that of its Warning, which is in their language, else the phrase.
func (r *refusal) text() string {
	for line := range strings.Lines(r.Headers) {
		if warning, ok := strings.CutPrefix(line, "Warning: "); ok {
			if _, rest, ok := strings.Cut(warning, `"`); ok {
				text, _, _ := strings.Cut(rest, `"`) // quoted leaves no quote inside
				return text
			}
		}
	}
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == '"' || c == '\\' {
			return -1
		}
		return c
	}, r.Phrase)
}
