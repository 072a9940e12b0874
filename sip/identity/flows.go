package identity

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

// Bounds of Flows.
const (
	maxBindings     = 1 << 17        // at about 200 bytes each
	maxFlowsOfRep   = 16             // a rep's phones, and connections that are gone but not yet expired
	maxRepsOfFlow   = 64             // lines of one phone or gateway
	defaultExpires  = 3600           // s, RFC 3261 §10.2: when nobody says
	longestBinding  = 30 * 24 * 3600 // s
	bindingsPerTurn = 64             // looked at for expired ones at each registration
)

// Flows remembers who registered over which flow: the registrar's 2xx to a REGISTER that passed here binds the flow that
// it came over to the user of its AOR, until the registration expires. A flow over TCP or TLS is that very connection; a
// later one from the same address is another flow. Nothing of it outlives the process.
type Flows struct {
	now func() time.Time
	max int

	mu     sync.Mutex
	byFlow map[transport.Flow][]binding
	byRep  map[gate.Rep][]transport.Flow // the oldest first
	count  int
}

type binding struct {
	rep   gate.Rep
	until time.Time
}

// NewFlows makes an empty one.
func NewFlows(now func() time.Time) *Flows {
	return &Flows{now: now, max: maxBindings, byFlow: map[transport.Flow][]binding{}, byRep: map[gate.Rep][]transport.Flow{}}
}

// Rep is who registered over this flow; of several the one whom From names. "" is nobody.
func (f *Flows) Rep(flow transport.Flow, m *message.Message) gate.Rep {
	from, _ := m.Get(message.From)
	claimed := user(from)
	f.mu.Lock()
	defer f.mu.Unlock()
	var only gate.Rep
	live, now := 0, f.now()
	for _, b := range f.byFlow[flow] {
		if !now.Before(b.until) {
			continue
		}
		if b.rep == claimed {
			return claimed
		}
		only = b.rep
		live++
	}
	if live == 1 {
		return only
	}
	return ""
}

// Registration is a REGISTER on its way to the registrar: what will be bound when it is answered with 2xx.
type Registration struct {
	flow     transport.Flow
	rep      gate.Rep
	contacts [][]byte // URIs
	all      bool     // Contact: *
	expires  int      // s, as the request asks; -1 when it does not say
}

// Registering reads a REGISTER that came over flow. The AOR is To's (RFC 3261 §10.2); its registrar is trusted to let
// only its owner register it.
func Registering(m *message.Message, flow transport.Flow) Registration {
	to, _ := m.Get(message.To)
	r := Registration{flow: flow, rep: user(to), expires: expiresHeader(m)}
	for span := range m.Elements(message.Contact) {
		contact := m.Bytes(span)
		if string(contact) == "*" {
			r.all = true
			continue
		}
		a, err := message.ParseNameAddr(contact)
		if err != nil {
			continue
		}
		r.contacts = append(r.contacts, bytes.Clone(a.URI))
		if e, ok := expiresOf(a); ok {
			r.expires = max(r.expires, e)
		}
	}
	return r
}

// Registered takes the registrar's 2xx: it binds, renews or ends. A REGISTER without a Contact only asks, and changes
// nothing.
func (f *Flows) Registered(r Registration, ok *message.Message) {
	switch {
	case r.rep == "" || !r.all && len(r.contacts) == 0:
	case r.all || r.expires == 0:
		f.unbind(r.flow, r.rep)
	default:
		if seconds := r.granted(ok); seconds > 0 {
			f.bind(r.flow, r.rep, f.now().Add(time.Duration(seconds)*time.Second))
		} else {
			f.unbind(r.flow, r.rep)
		}
	}
}

// granted is how long the registrar keeps the contact of this REGISTER, in seconds. Its 2xx lists every contact of the
// AOR (RFC 3261 §10.3-8); one that writes contacts in its own way lists ours among others, of which the first to end
// counts.
func (r *Registration) granted(ok *message.Message) int {
	shortest, listed := longestBinding, false
	header := expiresHeader(ok)
	for span := range ok.Elements(message.Contact) {
		a, err := message.ParseNameAddr(ok.Bytes(span))
		if err != nil {
			continue
		}
		e, says := expiresOf(a)
		if !says {
			e = r.or(header)
		}
		for _, own := range r.contacts {
			if bytes.Equal(own, a.URI) {
				return min(e, longestBinding)
			}
		}
		shortest, listed = min(shortest, e), true
	}
	if listed {
		return shortest
	}
	return 0 // it keeps none
}

// or is the header's say, else what was asked for, else the default.
func (r *Registration) or(header int) int {
	switch {
	case header >= 0:
		return header
	case r.expires >= 0:
		return r.expires
	}
	return defaultExpires
}

func expiresOf(a message.NameAddr) (int, bool) {
	v, ok := a.Param("expires")
	if !ok {
		return 0, false
	}
	return seconds(v), true
}

func expiresHeader(m *message.Message) int {
	v, ok := m.Get(message.Expires)
	if !ok {
		return -1
	}
	return seconds(v)
}

// seconds reads delta-seconds. RFC 3261 §20.19 and §10.2.1.1: what cannot be read is an hour.
func seconds(v []byte) int {
	n, err := strconv.ParseUint(strings.TrimSpace(string(v)), 10, 32)
	if err != nil {
		return defaultExpires
	}
	return int(min(n, longestBinding))
}

func (f *Flows) bind(flow transport.Flow, rep gate.Rep, until time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	bs := f.byFlow[flow]
	for i := range bs {
		if bs[i].rep == rep {
			bs[i].until = until
			return
		}
	}
	f.expire()
	if flows := f.byRep[rep]; len(flows) >= maxFlowsOfRep {
		f.drop(flows[0], rep)
	}
	if bs = f.byFlow[flow]; len(bs) >= maxRepsOfFlow {
		f.drop(flow, bs[0].rep)
	}
	if f.count >= f.max {
		for other, bs := range f.byFlow { // a random one; its phone registers again before long
			f.drop(other, bs[0].rep)
			break
		}
	}
	f.byFlow[flow] = append(f.byFlow[flow], binding{rep, until})
	f.byRep[rep] = append(f.byRep[rep], flow)
	f.count++
}

func (f *Flows) unbind(flow transport.Flow, rep gate.Rep) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(flow, rep)
}

// expire forgets some of what has expired: more than one registration brings.
func (f *Flows) expire() {
	now, looked := f.now(), 0
	for flow, bs := range f.byFlow {
		for _, b := range bs { // drop leaves bs as it is
			if !now.Before(b.until) {
				f.drop(flow, b.rep)
			}
		}
		if looked++; looked == bindingsPerTurn {
			return
		}
	}
}

// drop forgets one binding. The lock is held.
func (f *Flows) drop(flow transport.Flow, rep gate.Rep) {
	bs, had := f.byFlow[flow], false
	for i := range bs {
		if bs[i].rep == rep {
			bs = append(bs[:i:i], bs[i+1:]...)
			had = true
			break
		}
	}
	if !had {
		return
	}
	f.count--
	if f.byFlow[flow] = bs; len(bs) == 0 {
		delete(f.byFlow, flow)
	}
	flows := f.byRep[rep]
	for i := range flows {
		if flows[i] == flow {
			flows = append(flows[:i:i], flows[i+1:]...)
			break
		}
	}
	if f.byRep[rep] = flows; len(flows) == 0 {
		delete(f.byRep, rep)
	}
}
