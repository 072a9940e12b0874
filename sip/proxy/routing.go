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
	Name       string
	Host       string             // as the Request-URI names it, with the port if there is one: "198.51.100.1:5060"
	Protocol   transport.Protocol // that its URI asks for; 0 when it does not say
	*Addresses                    // where that is now
}

// Trunk is a way out.
type Trunk struct {
	Target
	Priority int // equal ones ring together, others one after another
	Number   Notation
	Trusted  bool          // inside the trust domain (RFC 3325 §2.4)
	Ping     time.Duration // how often its addresses are asked whether they are there; 0: never
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

// origin: a request that comes from an exact address of a trunk is the trunk's; only then are the peers matched, in order.
func (r *Routing) origin(from transport.Address) origin {
	for i := range r.Trunks {
		if r.Trunks[i].sends(from) {
			return origin{trunk: &r.Trunks[i]}
		}
	}
	o := origin{pbx: r.Extensions != nil && r.Extensions.sends(from)}
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
	if r.origin(from).known() || r.Extensions != nil && r.Extensions.read(from) || r.announces(from) {
		return true
	}
	return slices.ContainsFunc(r.Trunks, func(t Trunk) bool { return t.read(from) })
}

// configured says whether o leads only to places that the configuration sends requests to.
func (r *Routing) configured(o *outbound) bool {
	if o.at == nil {
		_, ok := r.target(o.to)
		return ok
	}
	all := o.at.now().all
	return len(all) > 0 && !slices.ContainsFunc(all, func(h hop) bool { _, ok := r.target(h.Address); return !ok })
}

// target finds an address among those that the configuration sends requests to.
func (r *Routing) target(a transport.Address) (transport.Address, bool) {
	if r.Extensions != nil {
		if found, ok := r.Extensions.find(a); ok {
			return found, true
		}
	}
	for i := range r.Trunks {
		if found, ok := r.Trunks[i].find(a); ok {
			return found, true
		}
	}
	for i := range r.Peers {
		if played := r.Peers[i].Announcement; played != nil {
			if found, ok := played.find(a); ok {
				return found, true
			}
		}
	}
	return a, false
}

// named gives a the name that the configuration knows it by. Contact and Route of a trunk are mostly bare addresses, for
// which its certificate would not do.
func (r *Routing) named(a transport.Address) transport.Address {
	if a.Protocol.Secure() {
		a, _ = r.target(a)
	}
	return a
}

// announces says whether anything from there is read because announcements are played there.
func (r *Routing) announces(from transport.Address) bool {
	return slices.ContainsFunc(r.Peers, func(p Peer) bool { return p.Announcement != nil && p.Announcement.read(from) })
}

// groups are the trunks as a call tries them: those of one group ring together. Where nothing of a group answered
// lately, it comes after the others: nobody is to wait for it while another way is open.
func (r *Routing) groups() [][]*Trunk {
	var groups, failed [][]*Trunk
	for rest := r.Trunks; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].Priority == rest[0].Priority {
			n++
		}
		group, usable := make([]*Trunk, n), false
		for i := range group {
			group[i] = &rest[i]
			usable = usable || group[i].now().usable()
		}
		if usable {
			groups = append(groups, group)
		} else {
			failed = append(failed, group)
		}
		rest = rest[n:]
	}
	return append(groups, failed...)
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
	b.WriteString(transportParam(t.Protocol))
	return []byte(b.String())
}
