package proxy

import (
	"strconv"
	"sync"
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/identity"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transaction"
	"github.com/ringfence/ringfence/sip/transport"
)

// outbound is how one copy of a request is to go out.
type outbound struct {
	uri     []byte            // Request-URI; nil leaves it
	routes  [][]byte          // the whole Route set of the copy
	at      *Target           // where it goes; nil: to
	to      transport.Address // of at the address that is being tried
	breadth int               // its share of Max-Breadth; 0 leaves the header as it is
	record  bool              // put ourselves into the dialog's route set
	number  gate.Number       // what the Record-Route's token is signed for
	extra   string            // complete header lines
	strip   *identity.Strip   // headers that the peer may not send; nil for none
	private bool              // outside the trust domain: a caller who wants privacy is not named there
	path    string            // user part of our Path; "" adds none
	trunk   *Trunk            // the branch goes to a trunk: its refusals are the customer's

	flow      bool   // to is a connection that the phone made
	emergency bool   // goes out over whatever there is, though it asked for TLS
	referTo   []byte // value of Refer-To; nil leaves it
	vouch     bool   // the caller's Contact is believed, and signed for those who answer (target.go)
	announces bool   // it goes to an announcement: only we say why
}

var edits = sync.Pool{New: func() any { return new(message.Edit) }}

// copyOf is RFC 3261 §16.6 steps 1 to 9: the request as it goes out, spliced from the bytes that came in.
func (p *Proxy) copyOf(m *message.Message, from transport.Source, o *outbound, branch string) ([]byte, *transport.Listener, error) {
	sips := isSIPS(m.Bytes(m.RequestURI)) && !o.emergency
	if (sips || isSIPS(o.uri)) && !o.to.Protocol.Secure() {
		return nil, nil, errInsecure
	}
	listener, sentBy, err := p.sentBy(o.to)
	if err != nil {
		return nil, nil, err
	}
	e, _ := edits.Get().(*message.Edit)
	defer edits.Put(e)
	e.Reset(m)
	// 2. Request-URI: what was decided is what is sent
	switch {
	case o.uri != nil && sips: // it came as sips and stays so (RFC 5630 §5.3)
		e.Replace(m.RequestURI, sipsOf(o.uri))
	case o.uri != nil:
		e.Replace(m.RequestURI, o.uri)
	}
	// 8. Via, and RFC 3581 §4 in the one below
	m.MarkReceived(e, from.AddrPort)
	head := make([]byte, 0, 512)
	head = append(head, "Via: SIP/2.0/"...)
	head = append(head, o.to.Protocol.String()...)
	head = append(head, ' ')
	head = append(head, sentBy...)
	head = append(head, ";branch="...)
	head = append(head, branch...)
	head = append(head, "\r\n"...)
	// 3. Max-Forwards
	head = decreaseMaxForwards(e, m, head)
	head = setMaxBreadth(e, m, head, o.breadth)
	// 4. Record-Route
	if o.record {
		head = p.recordRoute(head, m, from, o, sentBy, sips)
	}
	// 6. Route
	e.Drop(message.Route)
	head = appendRoutes(head, o.routes)
	if o.path != "" {
		head = p.appendPath(head, m, o, sentBy)
	}
	if o.record && o.number != "" {
		e.DropName("P-Called-Party-ID") // RFC 7315 §4.2: a second number, which nobody decided on
	}
	if o.referTo != nil {
		h, _ := m.Find(message.ReferTo)
		e.Replace(h.Value, o.referTo)
	}
	p.keepIdentities(e, m, o)
	if o.announces {
		e.Drop(message.Reason)
		e.DropName(reasonName)
	}
	head = append(head, o.extra...)
	// 9. Content-Length: a datagram may do without, a stream may not
	head = appendLength(head, m)
	e.Insert(m.HeadersStart(), head)
	return e.Append(nil), listener, nil
}

// appendLength writes the Content-Length that a datagram may do without. In a stream the body would else be read as the
// next request (RFC 3261 §18.3), which nobody decided on.
func appendLength(head []byte, m *message.Message) []byte {
	if _, ok := m.Find(message.ContentLength); ok {
		return head
	}
	head = append(head, "Content-Length: "...)
	head = strconv.AppendInt(head, int64(m.Body.End-m.Body.Start), 10)
	return append(head, "\r\n"...)
}

func decreaseMaxForwards(e *message.Edit, m *message.Message, head []byte) []byte {
	if m.MaxForwards < 0 {
		return append(head, "Max-Forwards: 70\r\n"...)
	}
	for _, h := range m.Headers() {
		if h.Kind == message.MaxForwards {
			e.Replace(h.Value, strconv.AppendInt(nil, int64(m.MaxForwards-1), 10))
			break
		}
	}
	return head
}

// recordRoute writes one Record-Route, or two where the two sides differ in transport or in our address (RFC 5658):
// the one that faces the callee first. What came as sips stays so for the whole dialog (RFC 3261 §16.6-4).
func (p *Proxy) recordRoute(head []byte, m *message.Message, from transport.Source, o *outbound, sentBy string, sips bool) []byte {
	token := p.Keys.signCall(o.number, m.CallID, m.FromTag)
	if o.vouch {
		token += p.vouch(m, token)
	}
	one := func(head []byte, flow, sentBy string, proto transport.Protocol) []byte {
		head = append(head, "Record-Route: <sip"...)
		if sips {
			head = append(head, 's')
		}
		head = append(head, ':')
		if flow != "" {
			head = append(append(head, flow...), '@')
		}
		head = append(head, sentBy...)
		if !sips || proto.Web() {
			head = append(head, transportParam(proto)...)
		}
		head = append(head, ";lr;"+tokenParam+"="...)
		head = append(head, token...)
		return append(head, ">\r\n"...)
	}
	var callerFlow, calleeFlow string
	if byFlow(m, from) {
		callerFlow = p.Keys.signCallFlow(from.Address, callerSide, m.CallID)
	}
	if o.flow {
		calleeFlow = p.Keys.signCallFlow(o.to, calleeSide, m.CallID)
	}
	inner, err := p.facing(from)
	if err != nil || inner == sentBy && from.Protocol == o.to.Protocol && calleeFlow == "" {
		return one(head, callerFlow, sentBy, o.to.Protocol)
	}
	head = one(head, calleeFlow, sentBy, o.to.Protocol)
	return one(head, callerFlow, inner, from.Protocol)
}

// byFlow says whether the dialog's requests are to reach who sent m by the way that m came, and not by its Contact: over a
// connection always; by UDP when a phone says that its Contact leads nowhere by itself, being meant for this flow alone
// (;ob, RFC 5626 §5.3) or a GRUU, whose host is the registrar's (RFC 5627 §3.3).
func byFlow(m *message.Message, from transport.Source) bool {
	if from.Protocol.Reliable() {
		return true
	}
	v, _ := m.Get(message.Contact)
	u, ok := uriOf(v)
	if !ok {
		return false
	}
	_, outbound := u.Param("ob")
	_, gruu := u.Param("gr")
	return (outbound || gruu) && m.Vias == 1
}

// facing is how whoever sent us something knows us.
func (p *Proxy) facing(from transport.Source) (string, error) {
	if from.Listener == nil {
		_, sentBy, err := p.sentBy(from.Address)
		return sentBy, err
	}
	local, err := from.Listener.Local(from.Addr())
	return p.named(local), err
}

func appendRoutes(head []byte, routes [][]byte) []byte {
	for _, r := range routes {
		head = append(head, "Route: "...)
		head = append(head, r...)
		head = append(head, "\r\n"...)
	}
	return head
}

// appendPath is RFC 3327: the registrar sends what is for this phone through us, and the token says which flow is its.
// Many phones do not know Path, which they need not: what it asks for is ours to do. Registrars that go by §5.3 would refuse
// them (420), so that we say it for them.
func (p *Proxy) appendPath(head []byte, m *message.Message, o *outbound, sentBy string) []byte {
	head = append(head, "Path: <sip:"+o.path+"@"+sentBy...)
	head = append(head, transportParam(o.to.Protocol)...)
	head = append(head, ";lr>\r\n"...)
	if !m.HasToken(message.Supported, "path") {
		head = append(head, "Supported: path\r\n"...)
	}
	return head
}

// maxDatagram is the size above which a request must not go by UDP when another way is open (RFC 3261 §18.1.1).
const maxDatagram = 1300

// tcpRetry is how long a target that refused a large message's TCP connection is spared the next attempt.
const tcpRetry = 10 * time.Minute

// largeMessages remembers which targets take no TCP.
type largeMessages struct {
	mu      sync.Mutex
	refused map[transport.Address]time.Time
}

func (l *largeMessages) refuse(a transport.Address) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refused == nil || len(l.refused) > 1000 {
		l.refused = map[transport.Address]time.Time{}
	}
	l.refused[a] = time.Now()
}

func (l *largeMessages) spared(a transport.Address) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, ok := l.refused[a]
	return ok && time.Since(t) < tcpRetry
}

// newBranch is unguessable, and ends in the mark that finds loops.
func (p *Proxy) newBranch(m *message.Message) string {
	return transaction.NewBranch() + "." + p.loopMark(m)
}
