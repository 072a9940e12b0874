package proxy

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/guard"
	"github.com/ringfence/ringfence/sip/identity"
	"github.com/ringfence/ringfence/sip/transport"
)

// Routing is who may send us what and where things go: the configuration, resolved. It is never changed, only replaced.
type Routing struct {
	Peers      []Peer
	Trunks     []Trunk         // in order of priority
	Extensions *Target         // where internal numbers are rung; nil when there is none
	Realm      *identity.Realm // what digest peers are asked for; nil without such peers
	Limited    bool            // some peer has a Limit
	Trusted    []netip.Prefix  // who has none, whatever the peer's

	stranger Peer // an emergency call's, from whoever is no peer
}

// ready computes what follows from the rest. To be called once, before r is used.
func (r *Routing) ready() *Routing {
	var all []identity.Source
	for i := range r.Peers {
		all = append(all, r.Peers[i].Identity)
	}
	for i := range r.Peers {
		r.Peers[i].strip = r.Peers[i].Identity.Stripping(all)
	}
	r.stranger.strip = r.stranger.Identity.Stripping(all)
	return r
}

// Peer is somebody who may send us calls.
type Peer struct {
	Name     string
	From     []netip.Prefix
	Identity identity.Source
	Profile  *Profile
	Plan     gate.Dialplan
	Limit    *guard.Limit // what each of its addresses may send; nil: as much as it likes

	Mode         Mode
	Lease        time.Duration // how long a number stays reserved for a call that the gate does not carry
	Announcement *Announcement // what a blocked caller hears; nil: nothing, the refusal comes at once
	Notify       bool          // tell the rep's phone by MESSAGE why a call was refused

	strip identity.Strip // what its requests may not bring
}

// Target is a place to send requests to.
type Target struct {
	Name    string
	Address transport.Address
	Host    string // as the Request-URI names it, with the port: "198.51.100.1:5060"
}

// Trunk is a way out.
type Trunk struct {
	Target
	Priority int // equal ones ring together, others one after another
	Number   Notation
	Trusted  bool // inside the trust domain (RFC 3325 §2.4)
}

// Notation is how a trunk wants its numbers.
type Notation uint8

// The notations.
const (
	E164     Notation = iota // +12125550100
	Digits                   // 12125550100
	National                 // 2125550100
)

// origin says who sent a request: a trunk, a peer, the extensions' server, or nobody we know.
type origin struct {
	trunk *Trunk
	peer  *Peer
	pbx   bool // it came from where the extensions are
}

func (o origin) known() bool { return o.trunk != nil || o.peer != nil || o.pbx }

// byRep: a peer's, whose calls are decided.
func (o origin) byRep() bool { return o.peer != nil && o.trunk == nil }

// strip is what its requests may not bring; nil when they may bring anything.
func (o origin) strip() *identity.Strip {
	if !o.byRep() {
		return nil
	}
	return &o.peer.strip
}

// origin: a request that comes from a trunk's exact address is the trunk's; only then are the peers matched, in order.
func (r *Routing) origin(from transport.Address) origin {
	for i := range r.Trunks {
		if sameSender(r.Trunks[i].Address, from) {
			return origin{trunk: &r.Trunks[i]}
		}
	}
	o := origin{pbx: r.Extensions != nil && sameSender(r.Extensions.Address, from)}
	for i := range r.Peers {
		if contains(r.Peers[i].From, from.Addr()) {
			o.peer = &r.Peers[i]
			break
		}
	}
	return o
}

// sameSender matches a datagram by address and port; a stream, whose port is the kernel's choice, by address.
func sameSender(configured, from transport.Address) bool {
	if configured.Addr() != from.Addr() {
		return false
	}
	return from.Protocol.Reliable() && configured.Protocol.Reliable() || configured.AddrPort == from.AddrPort
}

// Admits says whether anything from this address is read at all. A target's address is let in with any port: what it
// may do there is decided by origin, and by what we signed.
func (r *Routing) Admits(from transport.Address) bool {
	if r.origin(from).known() || r.Extensions != nil && r.Extensions.Address.Addr() == from.Addr() ||
		r.announces(func(t *Target) bool { return t.Address.Addr() == from.Addr() }) {
		return true
	}
	return slices.ContainsFunc(r.Trunks, func(t Trunk) bool { return t.Address.Addr() == from.Addr() })
}

// configured says whether a is one of the places that the configuration sends requests to.
func (r *Routing) configured(a transport.Address) bool {
	if r.Extensions != nil && r.Extensions.Address.Same(a) || r.announces(func(t *Target) bool { return t.Address.Same(a) }) {
		return true
	}
	return slices.ContainsFunc(r.Trunks, func(t Trunk) bool { return t.Address.Same(a) })
}

// named gives a the name that the configuration knows it by. Contact and Route of a trunk are mostly bare addresses, for
// which its certificate would not do.
func (r *Routing) named(a transport.Address) transport.Address {
	if !a.Protocol.Secure() {
		return a
	}
	if r.Extensions != nil && r.Extensions.Address.Same(a) {
		return r.Extensions.Address
	}
	for i := range r.Trunks {
		if r.Trunks[i].Address.Same(a) {
			return r.Trunks[i].Address
		}
	}
	return a
}

// announces says whether an announcement's target is such.
func (r *Routing) announces(such func(*Target) bool) bool {
	return slices.ContainsFunc(r.Peers, func(p Peer) bool { return p.Announcement != nil && such(&p.Announcement.Target) })
}

// groups are the trunks as a call tries them: those of one group ring together.
func (r *Routing) groups() [][]*Trunk {
	var groups [][]*Trunk
	for i := range r.Trunks {
		t := &r.Trunks[i]
		if n := len(groups); n > 0 && groups[n-1][0].Priority == t.Priority {
			groups[n-1] = append(groups[n-1], t)
			continue
		}
		groups = append(groups, []*Trunk{t})
	}
	return groups
}

// uri is the Request-URI that rings user at t.
func (t *Target) uri(user string) []byte {
	var b strings.Builder
	b.WriteString("sip:")
	if user != "" {
		b.WriteString(user)
		b.WriteByte('@')
	}
	b.WriteString(t.Host)
	b.WriteString(transportParam(t.Address.Protocol))
	return []byte(b.String())
}
