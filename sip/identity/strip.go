package identity

import (
	"strings"

	"github.com/ringfence/ringfence/sip/message"
)

// identities are the headers by which a request says who calls, for whom, or who sent the call on. A trunk or PBX that
// trusts the gate believes them, so from a peer outside the trust domain none passes. Identity (RFC 8224) is not among
// them: whoever receives it verifies its signature, and a proxy that takes it away only hides a forgery.
const identities = 1<<message.PAssertedIdentity | 1<<message.PPreferredIdentity | 1<<message.RemotePartyID |
	1<<message.Diversion | 1<<message.HistoryInfo | 1<<message.ReferredBy

// moreIdentities are those without a message.Kind. P-Charging-Vector names the network that is to be billed, and RFC 7315
// §4.5 and §4.6 keep both charging headers inside the trust domain.
var moreIdentities = []string{
	"P-Asserted-Service", "P-Preferred-Service", "P-Served-User", "P-Charging-Vector", "P-Charging-Function-Addresses",
}

// Strip says which headers of a peer's requests stay here.
type Strip struct {
	kinds message.Kinds
	names []string
}

// Stripping says what to take away from the requests of a peer whose identity is s. others are all identities of the
// configuration: a header that names the rep of one peer must not be brought by another, and is nobody's business behind
// the gate.
func (s Source) Stripping(others []Source) Strip {
	var strip Strip
	for _, o := range others {
		if o.header != "" {
			strip.names = append(strip.names, o.header)
		}
	}
	if !s.Trusted() {
		strip.kinds = identities
		strip.names = append(strip.names, moreIdentities...)
	}
	return strip
}

// Apply takes the headers out of a copy, every instance in every spelling.
func (s *Strip) Apply(e *message.Edit) { e.DropAll(s.kinds, s.names) }

// callerKinds say who calls.
const callerKinds = 1<<message.PAssertedIdentity | 1<<message.RemotePartyID

// HideCaller takes the caller's asserted identity away when the caller wants that (RFC 3325 §7 and §9.3: Privacy: id, or
// the wider user and header of RFC 3323 §4.2) and the next hop is outside the trust domain.
func HideCaller(e *message.Edit, m *message.Message) {
	for _, h := range m.Headers() {
		if h.Kind == message.Privacy && wantsPrivacy(string(m.Bytes(h.Value))) {
			e.DropAll(callerKinds, nil)
			return
		}
	}
}

func wantsPrivacy(value string) bool {
	for v := range strings.FieldsFuncSeq(value, func(r rune) bool { return strings.ContainsRune("; ,\t\r\n", r) }) {
		switch strings.ToLower(v) {
		case "id", "user", "header":
			return true
		}
	}
	return false
}
