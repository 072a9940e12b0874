package proxy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfence/ringfence/gate"
)

// Mode is what the gate does with a peer's calls once they are decided. docs/modes.md tells each one.
type Mode uint8

// The modes. The zero value carries calls.
const (
	Proxying    Mode = iota // carry what is allowed, refuse the rest
	Redirecting             // say where the call is to go (302); the peer sends it there itself
	TeleBlock               // a dip: 499 allowed, 403 or 433 blocked
	Galaxtel                // a dip: 503 clean, 403 stop
	Sippy                   // carry what is allowed, refuse the rest as a Sippy softswitch does: 470
)

// modeNames in the order of the constants, as the configuration writes them.
var modeNames = []string{"proxy", "redirect", "teleblock", "galaxtel", "sippy"}

// ModeNames are all that ParseMode knows.
func ModeNames() []string { return slices.Clone(modeNames) }

// ParseMode reads the configuration's word; "" is proxy.
func ParseMode(name string) (Mode, bool) {
	if name == "" {
		return Proxying, true
	}
	i := slices.Index(modeNames, name)
	return Mode(max(i, 0)), i >= 0
}

// Carries says whether allowed calls pass through the gate, so that it sees how they end.
func (m Mode) Carries() bool { return m == Proxying || m == Sippy }

// carries: in mode redirect urn:service:sos is the one call that the gate carries all the same, since no Contact can say
// both what is meant and where it is to go; and an emergency call is not to be sent back and forth.
func (peer *Peer) carries(d *gate.Dialled) bool {
	return peer.Mode.Carries() || peer.Mode == Redirecting && d.Kind == gate.EmergencyCall && strings.HasPrefix(d.Local, "urn:")
}

// refusal answers a call that may not go out in the words of the peer's mode, where that has any, else of its profile.
func (peer *Peer) refusal(d *gate.Decision) refusal {
	return peer.stopped(peer.worded(d), d.Reason, d.Reason)
}

// stopped is a refusal in the code that the peer's mode has for a stop, where it has one.
func (peer *Peer) stopped(own refusal, reason gate.Reason, why fmt.Stringer) refusal {
	if r, ok := peer.Mode.stop(reason); ok {
		r.Headers = told(r.Status, own.text(), why)
		return r
	}
	return own
}

// instead answers a decided call that the gate does not carry. Exactly one final response ends it, nothing reaches a
// trunk, and no ending will be seen: what was reserved runs out by itself.
func (p *Proxy) instead(rc *responseContext, in *inbound, d *gate.Decision) {
	switch peer := in.from.peer; {
	case in.tx.Finished(): // cancelled while we asked
		p.Gate.Forgo(d.Reservation)
	case peer.Mode == Redirecting && d.Verdict != gate.Block:
		p.redirect(rc, in, d)
	case d.Verdict == gate.Allow:
		r := peer.Mode.pass()
		r.Headers = reasonHeader(d.Reason)
		rc.answer(r)
	default:
		*d = d.Blocked()
		p.block(rc, d)
	}
}
