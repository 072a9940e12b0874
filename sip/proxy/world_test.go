package proxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/gate/registrytest"
	"github.com/ringfence/ringfence/metrics"
	"github.com/ringfence/ringfence/sip/answer"
	"github.com/ringfence/ringfence/sip/identity"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transaction"
	"github.com/ringfence/ringfence/sip/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Who is who in these tests.
var (
	desk    = at("udp", "10.0.0.9:5070")  // a rep's phone
	deskTCP = at("tcp", "10.0.0.9:40001") // another one, by TCP
	pbx     = at("udp", "10.0.0.5:5060")
	trunkA  = at("udp", "10.1.0.1:5060")
	trunkB  = at("udp", "10.1.0.2:5060")
	callee  = at("udp", "10.1.0.7:5062") // where the callee's Contact points
	nobody  = at("udp", "192.0.2.66:5060")

	gateUDP = netip.MustParseAddrPort("10.0.0.1:5060")
)

func at(proto, addr string) transport.Address {
	a, err := transport.ParseAddress(proto + "://" + addr)
	if err != nil {
		panic(err)
	}
	return a
}

// world is a proxy with its transactions, a gate on a registry in memory, and a network that only remembers, all on
// synctest's clock.
type world struct {
	t        *testing.T
	proxy    *Proxy
	layer    *transaction.Layer
	gate     *gate.Gate
	registry *registrytest.Memory

	echoes bool // what came in was malformed: its answer repeats its headers, faults and all

	mu    sync.Mutex
	queue map[transport.Address][]*message.Message // sent there and not yet taken
	dead  map[transport.Address]bool               // TCP addresses that refuse
	fault transport.Address                        // to send there panics

	listens []transport.Address // one for each protocol and family; nil: gateUDP for all
}

// setUp is what a test may change before the world begins.
type setUp struct {
	region   string // default US
	registry func(*registrytest.Memory) gate.Registry
	rules    func(*gate.Rules)
	routing  func(*Routing)
	observe  func(gate.Decision)
	people   gate.People
	users    identity.Directory
	codes    gate.Codes
	desk     gate.Desk
	still    bool      // no timer runs, and what is counted is counted with other worlds: for fuzzing, which makes many
	log      io.Writer // nil: nowhere
	resolve  func(context.Context, message.URI) ([]Hop, error)
}

func inWorld(t *testing.T, s setUp, f func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, queue: map[transport.Address][]*message.Message{}, dead: map[transport.Address]bool{}}
		if s.resolve == nil {
			s.resolve = func(context.Context, message.URI) ([]Hop, error) { return []Hop{{callee, 0, 1}}, nil }
		}
		w.registry = registrytest.NewMemory(time.Now)
		cfg := gate.Defaults(cmp.Or(s.region, "US"))
		cfg.Extension, cfg.Codes = "^[2-8][0-9]{2,3}$", s.codes
		if s.rules != nil {
			s.rules(&cfg.Rules)
		}
		var registry gate.Registry = w.registry
		if s.registry != nil {
			registry = s.registry(w.registry)
		}
		g, err := gate.New(gate.Options{Config: cfg, Registry: registry, People: s.people, Desk: s.desk, Gate: "g1", Now: time.Now})
		require.NoError(t, err)
		w.gate = g
		keys, err := NewKeys([]byte("0123456789abcdef"))
		require.NoError(t, err)
		routing := routing(t)
		if s.routing != nil {
			s.routing(routing)
		}
		log := zerolog.Nop()
		if s.log != nil {
			log = zerolog.New(s.log)
		}
		ctx, stop := context.WithCancel(t.Context())
		counts := fuzzMetrics
		if !s.still {
			counts = func() *metrics.Metrics { return metrics.New(metrics.NewRegistry()) }
		}
		w.proxy = New(ctx, Config{
			Gate: g, Metrics: counts(), Log: log, Wait: 25 * time.Millisecond, Transport: w, Keys: keys, Routing: routing, Observe: s.observe, Directory: s.users,
			Timers:  Timers{C: 190 * time.Second, NoAnswer: 5 * time.Second, Trying: 150 * time.Millisecond, Penalty: 30 * time.Second},
			Resolve: func(ctx context.Context, u message.URI) ([]Hop, error) { return s.resolve(ctx, u) },
		})
		w.layer = transaction.New(transaction.Config{User: w.proxy, Sender: w})
		w.proxy.Known = w.layer.Known
		var running sync.WaitGroup
		if !s.still {
			running.Go(func() { _ = w.layer.Run(ctx) })
			running.Go(func() { _ = g.Run(ctx) })
		}
		f(w)
		stop()
		running.Wait()
	})
}

// named is a built-in answer profile.
func named(t *testing.T, profile string) *Profile {
	p, err := answer.Profiles{}.Named(profile)
	require.NoError(t, err)
	return &Profile{p}
}

func routing(t *testing.T) *Routing {
	from, err := identity.Parse("from")
	require.NoError(t, err)
	plan, err := gate.NewDialplan(map[string]string{"9": ""})
	require.NoError(t, err)
	target := func(name string, a transport.Address) Target {
		return Target{Name: name, Host: a.AddrPort.String(), Addresses: At(a)}
	}
	x := target("pbx", pbx)
	return &Routing{
		Peers:      []Peer{{Name: "desk", From: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}, Identity: from, Profile: named(t, "phone"), Plan: plan}},
		Trunks:     []Trunk{{Target: target("a", trunkA), Priority: 1}, {Target: target("b", trunkB), Priority: 2}},
		Extensions: &x,
	}
}

// The network.

func (w *world) Reply(to transport.Source, b []byte, failed func(error)) {
	w.Send(to.Address, nil, b, failed)
}

func (w *world) Send(to transport.Address, _ *transport.Listener, b []byte, failed func(error)) {
	m, err := message.Parse(append([]byte(nil), b...))
	if err != nil && w.echoes {
		return
	}
	if err != nil {
		w.t.Errorf("the proxy sent something that its own reader refuses: %v\n%s", err, b)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if to == w.fault {
		panic("on purpose")
	}
	if w.dead[to] {
		go failed(errors.New("connection refused"))
		return
	}
	w.queue[to] = append(w.queue[to], m)
}

func (w *world) Route(to transport.Address) (*transport.Listener, netip.AddrPort, error) {
	for _, l := range w.listens {
		if l.Protocol == to.Protocol && l.Addr().Is4() == to.Addr().Is4() {
			return nil, l.AddrPort, nil
		}
	}
	if w.listens != nil {
		return nil, netip.AddrPort{}, errors.New("nothing listens there")
	}
	return nil, gateUDP, nil
}
func (w *world) Connected(to transport.Address) bool { return !w.dead[to] }
func (w *world) IsLocal(ip netip.Addr, port uint16, p transport.Protocol) bool {
	at := netip.AddrPortFrom(ip, port)
	if w.listens == nil {
		return at == gateUDP
	}
	return slices.Contains(w.listens, transport.Address{Protocol: p, AddrPort: at})
}

// strike makes the next sendings to a panic; the zero value ends it.
func (w *world) strike(a transport.Address) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = a
}

// next takes the oldest message that was sent to a; it fails the test when there is none.
func (w *world) next(a transport.Address) *message.Message {
	w.t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	q := w.queue[a]
	require.NotEmpty(w.t, q, "nothing was sent to %v", a)
	w.queue[a] = q[1:]
	return q[0]
}

// quiet fails the test when something waits at a.
func (w *world) quiet(addresses ...transport.Address) {
	w.t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range addresses {
		for _, m := range w.queue[a] {
			require.Fail(w.t, "not expected", "%v got\n%s", a, m.Raw)
		}
	}
}

// drain forgets what was sent to a.
func (w *world) drain(a transport.Address) {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue[a] = nil
}

func (w *world) expectStatus(a transport.Address, status int) *message.Message {
	w.t.Helper()
	m := w.next(a)
	require.False(w.t, m.Request, "%s", m.Raw)
	require.Equal(w.t, status, m.Status, "%s", m.Raw)
	return m
}

func (w *world) expectMethod(a transport.Address, method string) *message.Message {
	w.t.Helper()
	m := w.next(a)
	require.True(w.t, m.Request, "%s", m.Raw)
	require.Equal(w.t, method, m.Method, "%s", m.Raw)
	return m
}

// deliver hands the proxy a message that came from a. Lines may end in LF.
func (w *world) deliver(a transport.Address, text string) {
	w.t.Helper()
	raw := []byte(crlf(text))
	if w.proxy.Look(raw, transport.Source{Address: a}) {
		m, err := message.Parse(raw)
		require.NoError(w.t, err)
		w.layer.Receive(m, transport.Source{Address: a})
	}
	synctest.Wait()
}

func crlf(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
}

// ask builds a request as a phone would.
type ask struct {
	method string
	uri    string
	from   string // user
	callID string
	branch string
	cseq   int
	toTag  string
	to     string // the whole value; default: the Request-URI, with toTag
	more   string // complete lines
	body   string
	source transport.Address
}

func (q ask) text() string {
	set := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	set(&q.method, "INVITE")
	set(&q.uri, "sip:+12125550100@10.0.0.1")
	set(&q.from, "201")
	set(&q.callID, "call-1")
	set(&q.branch, "z9hG4bK-1")
	if q.cseq == 0 {
		q.cseq = 1
	}
	if !q.source.IsValid() {
		q.source = desk
	}
	to := "<" + q.uri + ">"
	if q.toTag != "" {
		to += ";tag=" + q.toTag
	}
	if q.to != "" {
		to = q.to
	}
	maxForwards := "Max-Forwards: 70\n"
	if strings.Contains(q.more, "Max-Forwards") {
		maxForwards = ""
	}
	return fmt.Sprintf("%s %s SIP/2.0\nVia: SIP/2.0/%s %s;rport;branch=%s\n%s%sFrom: \"A\" <sip:%s@10.0.0.1>;tag=caller\nTo: %s\nCall-ID: %s\nCSeq: %d %s\n"+
		"Contact: <sip:%s@%s>\nX-Other: kept,  as it is\nContent-Length: %d\n\n%s",
		q.method, q.uri, q.source.Protocol, q.source.AddrPort, q.branch, maxForwards, q.more, q.from, to, q.callID, q.cseq, q.method,
		q.from, q.source.AddrPort, len(q.body), q.body)
}

func (w *world) ask(q ask) {
	w.t.Helper()
	if !q.source.IsValid() {
		q.source = desk
	}
	w.deliver(q.source, q.text())
}

// askTagged is ask with a From-tag.
func (w *world) askTagged(q ask, tag string) {
	w.t.Helper()
	if !q.source.IsValid() {
		q.source = desk
	}
	w.deliver(q.source, strings.Replace(q.text(), ";tag=caller\nTo", ";tag="+tag+"\nTo", 1))
}

// reply answers a request that the proxy sent to a, as the callee behind it would.
func (w *world) reply(a transport.Address, to *message.Message, status int, more string) {
	w.t.Helper()
	w.replyEdited(a, to, status, func(s string) string { return s }, more)
}

// replyFrom is reply with a Contact, and with Record-Routes of proxies behind a.
func (w *world) replyFrom(a transport.Address, to *message.Message, status int, target, routes string) {
	w.t.Helper()
	w.replyEdited(a, to, status, func(s string) string { return strings.Replace(s, "Record-Route:", routes+"Record-Route:", 1) }, "Contact: <"+target+">\n")
}

// replyEdited is reply with the last word on the text.
func (w *world) replyEdited(a transport.Address, to *message.Message, status int, edit func(string) string, lines ...string) {
	w.t.Helper()
	more := strings.Join(lines, "")
	contact := ""
	if status > 100 && status < 300 && !strings.Contains(more, "Contact") {
		contact = "Contact: <sip:callee@" + callee.AddrPort.String() + ">\n"
	}
	var vias, rr strings.Builder
	for _, h := range to.Headers() {
		switch h.Kind {
		case message.Via:
			vias.Write(to.Bytes(h.Line))
		case message.RecordRoute:
			rr.Write(to.Bytes(h.Line))
		}
	}
	from, _ := to.Get(message.From)
	toValue, _ := to.Get(message.To)
	tag := ";tag=callee"
	if to.ToTag != nil || status == 100 {
		tag = ""
	}
	text := fmt.Sprintf("SIP/2.0 %d Whatever\n%s%sFrom: %s\nTo: %s%s\nCall-ID: %s\nCSeq: %d %s\n%s%sContent-Length: 0\n\n",
		status, vias.String(), rr.String(), from, toValue, tag, to.CallID, to.CSeq, to.CSeqMethod, contact, more)
	w.deliver(a, edit(strings.ReplaceAll(text, "\r\n", "\n")))
}

// routeSet is the Record-Route of m as Route lines; reversed for the caller (§12.1.2).
func routeSet(m *message.Message, reverse bool) string {
	var all []string
	for s := range m.Elements(message.RecordRoute) {
		line := "Route: " + string(m.Bytes(s)) + "\n"
		if reverse {
			all = append([]string{line}, all...)
		} else {
			all = append(all, line)
		}
	}
	return strings.Join(all, "")
}

func value(m *message.Message, k message.Kind) string {
	v, _ := m.Get(k)
	return string(v)
}

// up brings an allowed call up and returns what the callee saw and what the caller got.
func (w *world) up(q ask) (invite, ok *message.Message) {
	w.t.Helper()
	if !q.source.IsValid() {
		q.source = desk
	}
	w.ask(q)
	w.expectStatus(q.source, 100)
	invite = w.expectMethod(trunkA, "INVITE")
	w.reply(trunkA, invite, 200, "")
	ok = w.expectStatus(q.source, 200)
	return invite, ok
}
