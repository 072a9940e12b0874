// Package proxy is the stateful proxy of RFC 3261 §16 with the gate in the middle of it: it validates requests, asks
// the gate about calls, forwards copies, and brings exactly one final response back for each. It knows the gate and
// never the registry.
//
// Way of an initial INVITE: Request (this file) → validate.go → route.go → invite.go (who, what, may it) →
// context.go and forward.go (targets, branches, responses) or answer.go (a refusal in the peer's words).
package proxy

import (
	"context"
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/metrics"
	"github.com/ringfence/ringfence/sip/guard"
	"github.com/ringfence/ringfence/sip/identity"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transaction"
	"github.com/ringfence/ringfence/sip/transport"
)

// Config is what a Proxy is made of.
type Config struct {
	Gate      *gate.Gate
	Metrics   *metrics.Metrics
	Log       zerolog.Logger
	Transport Transport
	Keys      *Keys
	Routing   *Routing
	Directory identity.Directory // digest users beyond the users file; nil: there are none
	Advertise string             // host others reach us by; "" for the local address towards each of them
	Timers    Timers
	Sources   *guard.Sources      // what each has sent; nil: a table of this proxy's own
	Wait      time.Duration       // how long a new call may have to wait for its turn with the registry; 0: for ever
	Full      bool                // show whole numbers in the log
	Observe   func(gate.Decision) // told of every decision; may be nil
	// Resolve finds where a URI leads whose host is a name (RFC 3263), and may wait; nil: nowhere. With an error there may
	// still be addresses, known from before.
	Resolve func(ctx context.Context, u message.URI) ([]Hop, error)
}

// Timers are the proxy's own; the transactions' are transaction.Timers.
type Timers struct {
	C        time.Duration // how long a branch may ring (§16.6-11), more than 3 minutes
	NoAnswer time.Duration // how long a target may stay silent before the next one is tried
	Trying   time.Duration // when 100 is sent though the decision is not there yet
	Penalty  time.Duration // how long an address that failed comes after the others of its target
}

// Transport is what the proxy needs of transport.Transport.
type Transport interface {
	transaction.Sender
	Route(to transport.Address) (*transport.Listener, netip.AddrPort, error)
	Connected(to transport.Address) bool
	IsLocal(host netip.Addr, port uint16, p transport.Protocol) bool
}

// Proxy is a transaction.User.
type Proxy struct {
	Config
	Known    func(*message.Message) bool // a request repeats one that its transaction remembers; transaction.Layer.Known
	routing  atomic.Pointer[Routing]
	draining atomic.Bool
	loop     maphash.Seed
	life     context.Context // ends what was asked on behalf of calls when the proxy stops
	askers   *askers
	refused  refused
	late     func(transport.Source) guard.Excess // how far the message that is looked at has waited for too long
	waited   func(transport.Source) time.Duration
	aloud    guard.Refusals
	strained atomic.Int64 // ns since 1970: until when the gate is taken to have too much to do
	tcpOnly  largeMessages
	garbled  lineLimit
	digest   *identity.Digest
	flows    *identity.Flows
	notices  notices
	errands  atomic.Int32 // feature codes that are being served
	lookups  atomic.Int64 // requests that wait for a name
}

// New makes a proxy. What it asks of gate and resolver on behalf of calls ends with life.
func New(life context.Context, c Config) *Proxy {
	if c.Resolve == nil {
		c.Resolve = func(context.Context, message.URI) ([]Hop, error) { return nil, errNoAddress }
	}
	if c.Observe == nil {
		c.Observe = func(gate.Decision) {}
	}
	if c.Sources == nil {
		c.Sources = guard.NewSources(time.Now())
	}
	budget := func() time.Duration { return c.Gate.Config().Rules.Budget.Std() }
	p := &Proxy{
		Config: c, Known: func(*message.Message) bool { return false }, loop: maphash.MakeSeed(), life: life,
		askers: newAskers(life, budget, c.Wait), late: transport.Source.Late, waited: transport.Source.Waited,
		digest: identity.NewDigest(c.Keys, c.Directory, time.Now), flows: identity.NewFlows(time.Now),
	}
	p.routing.Store(c.Routing.ready())
	c.Gate.BusyWhen(func() bool { return time.Now().UnixNano() < p.strained.Load() })
	return p
}

// Reroute replaces peers and targets; calls that are up keep theirs.
func (p *Proxy) Reroute(r *Routing) { p.routing.Store(r.ready()) }

// Admit says whether anything from this address is read.
func (p *Proxy) Admit(from transport.Address) bool { return p.routing.Load().Admits(from) }

// Drain makes the proxy refuse new calls with 503; what is up goes on.
func (p *Proxy) Drain() { p.draining.Store(true) }

// inbound is a request on its way through the proxy.
type inbound struct {
	tx   *transaction.Server
	m    *message.Message
	from origin
	uri  message.URI
	path route
	rep  gate.Rep // who sent it, once identify has found out

	referTo []byte // REFER only: what its Refer-To says on the way out; nil leaves it
}

func (in *inbound) byRep() bool { return in.from.byRep() }

func (in *inbound) strip() *identity.Strip { return in.from.strip() }

// Request implements transaction.User: RFC 3261 §16.3 to §16.5.
func (p *Proxy) Request(tx *transaction.Server, m *message.Message) {
	defer p.contain(tx)
	p.Metrics.Request(m.Method)
	in := &inbound{tx: tx, m: m, from: p.routing.Load().origin(tx.Source.Address)}
	in.path = p.route(m)
	uri, err := message.ParseURI(in.path.uri)
	if err != nil {
		p.refuse(tx, refusal{Status: 400, Phrase: "Unreadable Request-URI"})
		return
	}
	in.uri = uri
	if m.Method == "OPTIONS" && p.forUs(in) {
		p.options(tx)
		return
	}
	if r := p.validate(m, uri); r != nil {
		p.refuse(tx, *r)
		return
	}
	switch {
	case p.exposed(in):
		p.refuse(tx, refusal{Status: 403, Phrase: "SIPS Came Without TLS"})
	case m.Method == "INVITE" && m.ToTag == nil:
		p.invite(in)
	case !in.from.known() && !(m.ToTag != nil && in.path.signed):
		p.refuse(tx, refusal{Status: 403, Phrase: "Not a configured peer"})
	case m.ToTag != nil:
		p.inDialog(in)
	case m.Method == "REGISTER":
		p.register(in)
	default:
		p.outOfDialog(in)
	}
}

// Cancel implements transaction.User: RFC 3261 §16.10.
func (p *Proxy) Cancel(tx *transaction.Server) {
	p.Metrics.Request("CANCEL")
	if rc, ok := tx.Context.(*responseContext); ok {
		rc.cancel()
	}
}

// Response implements transaction.User: RFC 3261 §16.7.
func (p *Proxy) Response(c *transaction.Client, m *message.Message) {
	switch x := c.Context.(type) {
	case *branch:
		defer p.contain(x.rc.tx)
		if c.GivenUp() {
			x.late(c, m)
		} else {
			x.received(m)
		}
	case *notice:
		defer p.contain(nil)
		x.done(m.Status)
	case *ping:
		x.received(m)
	}
}

// Repeated implements transaction.User: RFC 6026 §7.2 for a call whose first 2xx has gone up.
func (p *Proxy) Repeated(m *message.Message, to transport.Source) {
	defer p.contain(nil)
	if m.Vias < 2 {
		return
	}
	p.Metrics.Response(m.CSeqMethod, m.Status)
	p.Transport.Reply(to, upstream(m, func(e *message.Edit) { p.vouchAgain(e, m, to) }), nil)
}

// Failed implements transaction.User: RFC 3261 §16.8 and §16.9.
func (p *Proxy) Failed(c *transaction.Client, err error) {
	switch x := c.Context.(type) {
	case *branch:
		defer p.contain(x.rc.tx)
		x.failed(err)
	case *notice:
		x.done(0)
	case *ping:
		x.failed()
	}
}

// Unacknowledged implements transaction.User. The caller is gone; its reservation ended with the final response.
func (p *Proxy) Unacknowledged(*transaction.Server) {}

// forUs: the Request-URI names this proxy itself and nobody behind it (§11, §16.4).
func (p *Proxy) forUs(in *inbound) bool { return len(in.uri.User) == 0 && p.ours(in.uri) }

// options answers a ping. It never asks anybody, so that it says how the gate is and not how Redis is.
func (p *Proxy) options(tx *transaction.Server) {
	if p.draining.Load() {
		p.refuse(tx, refusal{Status: 503, Phrase: "Draining", Headers: "Retry-After: 5\r\n"})
		return
	}
	p.refuse(tx, refusal{Status: 200, Phrase: "OK", Headers: "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, UPDATE, PRACK, INFO, REFER, SUBSCRIBE, NOTIFY, MESSAGE, PUBLISH\r\nAccept: application/sdp\r\n"})
}
