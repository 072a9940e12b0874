package proxy

import (
	"context"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/gate/registrytest"
	"github.com/ringfence/ringfence/metrics"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transaction"
	"github.com/ringfence/ringfence/sip/transport"
)

// listedRegistry has 212-555 on a bulk list and 310-555 among the single additions.
type listedRegistry struct{ *registrytest.Memory }

func (l listedRegistry) Listed(n gate.Number) (gate.Listing, bool) {
	return gate.Listing{List: "national", Version: "1"}, strings.HasPrefix(string(n), "+1212555")
}

func (l listedRegistry) Decide(ctx context.Context, q gate.Question) (gate.Answer, error) {
	if strings.HasPrefix(string(q.Number), "+1310555") {
		return gate.Answer{Verdict: gate.Block, Reason: gate.DNC}, nil
	}
	return l.Memory.Decide(ctx, q)
}

// listed is a reading of its own of what a gateway would dial: decoded, everything but digits dropped.
var (
	listed   = regexp.MustCompile(`^(0*1)?(212|310)555\d{4}`)
	noDigits = regexp.MustCompile(`\D`)
)

// fuzzNetwork looks at what the proxy sends.
type fuzzNetwork struct {
	t     *testing.T
	fault bool // what came in was malformed: the answer repeats its headers, faults and all
}

func (n *fuzzNetwork) Reply(_ transport.Source, b []byte, _ func(error)) { n.look(b, false) }
func (n *fuzzNetwork) Send(to transport.Address, _ *transport.Listener, b []byte, _ func(error)) {
	n.look(b, to.Addr() == trunkA.Addr() || to.Addr() == trunkB.Addr() || to.Addr() == nobody.Addr())
}

func (n *fuzzNetwork) Route(transport.Address) (*transport.Listener, netip.AddrPort, error) {
	return nil, gateUDP, nil
}
func (n *fuzzNetwork) Connected(transport.Address) bool { return true }
func (n *fuzzNetwork) IsLocal(ip netip.Addr, port uint16, _ transport.Protocol) bool {
	return netip.AddrPortFrom(ip, port) == gateUDP
}

func (n *fuzzNetwork) look(b []byte, outside bool) {
	m, err := message.Parse(append([]byte(nil), b...))
	if err != nil && n.fault {
		return
	}
	if err != nil {
		n.t.Fatalf("the proxy sent something that its own reader refuses: %v\n%q", err, b)
	}
	if !outside || !m.Request || !couldRing(m.Method) {
		return
	}
	n.rings(m.Bytes(m.RequestURI), b)
	for span := range m.Elements(message.ReferTo) {
		if a, err := message.ParseNameAddr(m.Bytes(span)); err == nil && m.Method == "REFER" {
			n.rings(a.URI, b)
		}
	}
	if m.Count(message.ContentLength) != 1 {
		n.t.Fatalf("in a stream its body would be a request of its own:\n%s", b)
	}
}

// rings fails when a URI names what is listed.
func (n *fuzzNetwork) rings(uri, b []byte) {
	u, err := message.ParseURI(uri)
	if err != nil {
		n.t.Fatalf("unreadable URI sent: %q", b)
	}
	user, err := url.PathUnescape(string(u.User))
	if err != nil {
		user = string(u.User)
	}
	if listed.MatchString(noDigits.ReplaceAllString(user, "")) {
		n.t.Fatalf("a number on a do-not-call list went out:\n%s", b)
	}
}

// panicWriter fails the test when the proxy contained a panic.
type panicWriter struct{ t *testing.T }

func (p panicWriter) Write(b []byte) (int, error) {
	if strings.Contains(string(b), `"panic"`) {
		p.t.Errorf("contained panic: %s", b)
	}
	return len(b), nil
}

// senders are who may have sent what FuzzGate feeds.
var senders = []transport.Address{desk, deskTCP, pbx, trunkA, callee}

// FuzzGate feeds bytes from a rep's phone, the PBX, a trunk or somebody else to the whole of reader, transactions, proxy
// and gate: nothing stops the process, what goes out is well-formed, and nothing on a do-not-call list is ever rung.
func FuzzGate(f *testing.F) {
	for _, q := range []ask{
		{},
		{uri: "sip:212.555.0100@10.0.0.1;user=phone"},
		{uri: "tel:+1-310-555-0100;phone-context=+1"},
		{uri: "sip:%2B12125550100;isub=1@x"},
		{uri: "sip:911@10.0.0.1"},
		{uri: "urn:service:sos"},
		{uri: "sip:305@10.0.0.1"},
		{method: "CANCEL"},
		{method: "ACK", toTag: "t"},
		{method: "BYE", toTag: "t", uri: "sip:x@10.1.0.1:5060"},
		{toTag: "t", more: "Route: <sip:10.0.0.1;lr;rf=0.AAAA>,<sip:192.0.2.66;lr>\n"},
		{method: "REGISTER", uri: "sip:10.0.0.1"},
		{method: "OPTIONS", uri: "sip:10.0.0.1"},
		{method: "REFER", toTag: "t", more: "r: <sip:+12125550100@x>\n"},
		{uri: "sip:9012125550100@10.0.0.1"},
		{uri: "sip:0012125550100@10.0.0.1"},
		{uri: "sip:12125550100p1@10.0.0.1"},
		{more: "Proxy-Require: x\n"},
		{method: "invite", uri: "sip:+12125550100@10.1.0.1:5060", toTag: "t"},
		{method: "DIAL", uri: "sip:+12125550100@10.1.0.1:5060", toTag: "t"},
		{uri: "sip:+14155550123@10.0.0.1", to: "<sip:+12125550100@x>"},
		{uri: "urn:service:sos.12125550100"},
		{uri: "sip:+12125550100@10.1.0.1:5060", toTag: "t", more: fuzzRoute("")},
		{uri: "sip:*6712125550100@10.1.0.1:5060", toTag: "t", more: fuzzRoute("+14155550123")},
		{method: "UPDATE", uri: "sip:x@10.1.0.1:5060", toTag: "t", more: fuzzRoute("+14155550123") + "Route: <sip:+12125550100@10.1.0.1>\n"},
		{method: "REFER", uri: "sip:x@10.1.0.1:5060", toTag: "t", more: fuzzRoute("") + "Refer-To: <sip:305@x?Route=%3Csip:+12125550100@x%3E>\n"},
		{method: "REFER", uri: "sip:x@10.1.0.1:5060", toTag: "t", more: fuzzRoute("") + "r: <sip:+14155550123;x=1@h:1;method=INVITE;transport=tcp?Replaces=a>\n"},
	} {
		f.Add([]byte(strings.ReplaceAll(q.text(), "\n", "\r\n")), uint8(0))
	}
	for i, raw := range tortures(f) {
		f.Add(raw, uint8(i))
	}
	fuzzGate()
	f.Fuzz(func(t *testing.T, raw []byte, who uint8) {
		synctest.Test(t, func(t *testing.T) { feed(t, raw, senders[int(who)%len(senders)]) })
	})
}

// fuzzRoute is a Route with a good token for a number: what a rep holds after a call that was allowed.
func fuzzRoute(n gate.Number) string {
	keys, _ := NewKeys([]byte("0123456789abcdef"))
	return "Route: <sip:10.0.0.1:5060;lr;rf=" + keys.signCall(n, []byte("call-1"), []byte("caller")) + ">\n"
}

// feed gives raw to a fresh proxy twice: the second time it is a retransmission, or a call made again.
func feed(t *testing.T, raw []byte, sender transport.Address) {
	keys, _ := NewKeys([]byte("0123456789abcdef"))
	network := &fuzzNetwork{t: t}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	p := New(ctx, Config{
		Gate: fuzzGate(), Metrics: fuzzMetrics(), Log: zerolog.New(panicWriter{t}), Transport: network, Keys: keys, Routing: routing(t),
		Timers: Timers{C: 190 * time.Second, NoAnswer: 5 * time.Second, Trying: 20 * time.Millisecond},
	})
	layer := transaction.New(transaction.Config{User: p, Sender: network})
	for range 2 {
		m, err := message.Parse(append([]byte(nil), raw...))
		from := transport.Source{Address: sender}
		switch fault, _ := err.(*message.Fault); { //nolint:errorlint // Parse returns it bare
		case err == nil:
			layer.Receive(m, from)
		case m != nil:
			network.fault = true
			p.Malformed(m, from, fault)
		}
		synctest.Wait()
	}
}

// fuzzGate and fuzzMetrics are made once: each would cost more than a run.
var fuzzGate = sync.OnceValue(func() *gate.Gate {
	cfg := gate.Defaults("US")
	cfg.Extension = "^[2-8][0-9]{2,3}$"
	g, err := gate.New(gate.Options{Config: cfg, Registry: listedRegistry{registrytest.NewMemory(time.Now)}, Gate: "g1", Now: time.Now})
	if err != nil {
		panic(err)
	}
	return g
})

var fuzzMetrics = sync.OnceValue(func() *metrics.Metrics { return metrics.New(metrics.NewRegistry()) })
