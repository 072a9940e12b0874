package proxy

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/gate/registrytest"
	"github.com/ringfence/ringfence/metrics"
	"github.com/ringfence/ringfence/sip/answer"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transaction"
	"github.com/ringfence/ringfence/sip/transport"
)

// benchNetwork hands on the INVITEs that go out.
type benchNetwork struct {
	forwarded chan []byte
}

func (n *benchNetwork) Reply(transport.Source, []byte, func(error)) {}
func (n *benchNetwork) Send(_ transport.Address, _ *transport.Listener, b []byte, _ func(error)) {
	if strings.HasPrefix(string(b[:6]), "INVITE") {
		select {
		case n.forwarded <- b:
		default: // a retransmission
		}
	}
}

func (n *benchNetwork) Route(transport.Address) (*transport.Listener, netip.AddrPort, error) {
	return nil, gateUDP, nil
}
func (n *benchNetwork) Connected(transport.Address) bool                    { return true }
func (n *benchNetwork) IsLocal(netip.Addr, uint16, transport.Protocol) bool { return false }

// allowAll is a registry that costs nothing and lets everything out, except 310-555, which stands on a bulk list.
type allowAll struct{ *registrytest.Memory }

func (allowAll) Listed(n gate.Number) (gate.Listing, bool) {
	return gate.Listing{List: "bench", Version: "1"}, strings.HasPrefix(string(n), "+1310555")
}

func (allowAll) Decide(context.Context, gate.Question) (gate.Answer, error) {
	return gate.Answer{Verdict: gate.Allow, Reason: gate.Allowed, Fence: 1}, nil
}

func benchLayer(b *testing.B) (*transaction.Layer, *benchNetwork) {
	g, err := gate.New(gate.Options{Config: gate.Defaults("US"), Registry: allowAll{registrytest.NewMemory(time.Now)}, Gate: "g", Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	b.Cleanup(stop)
	go func() { _ = g.Run(ctx) }()
	keys, _ := NewKeys([]byte("0123456789abcdef"))
	phone, _ := answer.Profiles{}.Named("phone")
	n := &benchNetwork{forwarded: make(chan []byte, 1)}
	p := New(ctx, Config{
		Gate: g, Metrics: metrics.New(metrics.NewRegistry()), Log: zerolog.Nop(), Transport: n, Keys: keys,
		Routing: &Routing{
			Peers:  []Peer{{Name: "desk", From: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}, Profile: &Profile{phone}}},
			Trunks: []Trunk{{Target: Target{Name: "a", Host: trunkA.AddrPort.String(), Addresses: At(trunkA)}}},
		},
		Timers: Timers{C: 190 * time.Second, NoAnswer: 5 * time.Second, Trying: 20 * time.Millisecond},
	})
	layer := transaction.New(transaction.Config{User: p, Sender: n, Timers: transaction.Timers{T1: 20 * time.Millisecond}})
	go func() { _ = layer.Run(ctx) }()
	return layer, n
}

func feedBench(layer *transaction.Layer, from transport.Address, raw []byte) {
	m, err := message.Parse(raw)
	if err != nil {
		panic(err)
	}
	layer.Receive(m, transport.Source{Address: from})
}

// BenchmarkAllowedCall is INVITE to the forwarded INVITE, 180 and 200 back: everything but sockets and Redis.
func BenchmarkAllowedCall(b *testing.B) {
	layer, n := benchLayer(b)
	invite := strings.ReplaceAll(ask{callID: "CALL", branch: "z9hG4bKBRANCH"}.text(), "\n", "\r\n")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		id := fmt.Sprint(i)
		feedBench(layer, desk, []byte(strings.NewReplacer("CALL", id, "BRANCH", id).Replace(invite)))
		sent := <-n.forwarded
		m, _ := message.Parse(sent)
		from, _ := m.Get(message.From)
		to, _ := m.Get(message.To)
		for _, status := range []string{"180 Ringing", "200 OK"} {
			feedBench(layer, trunkA, []byte("SIP/2.0 "+status+"\r\nVia: "+string(m.Bytes(m.Via.Element))+"\r\nVia: SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bK"+id+
				"\r\nFrom: "+string(from)+"\r\nTo: "+string(to)+";tag=x\r\nCall-ID: "+id+"\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"))
		}
	}
}

// BenchmarkListedCall is a call that a bulk list refuses: no registry, one answer, and the ACK of it.
func BenchmarkListedCall(b *testing.B) {
	layer, _ := benchLayer(b)
	invite := strings.ReplaceAll(ask{uri: "sip:+13105550100@10.0.0.1", callID: "CALL", branch: "z9hG4bKBRANCH"}.text(), "\n", "\r\n")
	ack := strings.ReplaceAll(invite, "INVITE", "ACK")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		id := strings.NewReplacer("CALL", fmt.Sprint(i), "BRANCH", fmt.Sprint(i))
		feedBench(layer, desk, []byte(id.Replace(invite)))
		feedBench(layer, desk, []byte(id.Replace(ack)))
	}
}
