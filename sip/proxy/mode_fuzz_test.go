package proxy

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transaction"
	"github.com/ringfence/ringfence/sip/transport"
)

// modeNetwork holds what the proxy sends to what a mode may send.
type modeNetwork struct {
	fuzzNetwork
	mode   Mode
	finals map[string]string // the final response of each INVITE, by its branch
}

func (n *modeNetwork) Send(to transport.Address, l *transport.Listener, b []byte, failed func(error)) {
	n.fuzzNetwork.Send(to, l, b, failed)
	m, err := message.Parse(append([]byte(nil), b...))
	if err != nil || m.Method != "INVITE" || !m.Request {
		return
	}
	urn := strings.HasPrefix(strings.ToLower(string(m.Bytes(m.RequestURI))), "urn:") // the one call that mode redirect carries
	if !n.mode.Carries() && !(n.mode == Redirecting && urn) {
		n.t.Fatalf("mode %s carried a call:\n%s", modeNames[n.mode], b)
	}
}

func (n *modeNetwork) Reply(to transport.Source, b []byte, failed func(error)) {
	n.fuzzNetwork.Reply(to, b, failed)
	m, err := message.Parse(append([]byte(nil), b...))
	if err != nil || m.CSeqMethod != "INVITE" || m.Status < 200 || n.fault {
		return
	}
	branch := string(m.Via.Branch)
	if before, ok := n.finals[branch]; ok && before != string(b) {
		n.t.Fatalf("two final responses to one INVITE:\n%s\n%s", before, b)
	}
	n.finals[branch] = string(b)
}

// FuzzModes feeds bytes from a rep's phone to a proxy in each mode, with announcements and notices: what is not to be
// carried is not, an INVITE has one final response, and FuzzGate's demands hold too.
func FuzzModes(f *testing.F) {
	for mode := range modeNames {
		for _, q := range []ask{
			{},
			{uri: "sip:305@10.0.0.1"},
			{uri: "sip:911@10.0.0.1"},
			{uri: "urn:service:sos"},
			{uri: "sip:+13105550100@10.0.0.1"},
			{uri: "tel:+1-310-555-0100"},
			{toTag: "t"},
			{from: "zhang"},
			{method: "CANCEL"},
			{method: "MESSAGE", uri: "sip:201@10.0.0.1"},
		} {
			f.Add([]byte(strings.ReplaceAll(q.text(), "\n", "\r\n")), byte(mode))
		}
	}
	fuzzGate()
	f.Fuzz(func(t *testing.T, raw []byte, mode byte) {
		synctest.Test(t, func(t *testing.T) { feedMode(t, raw, Mode(mode)%Mode(len(modeNames))) })
	})
}

func feedMode(t *testing.T, raw []byte, mode Mode) {
	keys, _ := NewKeys([]byte("0123456789abcdef"))
	network := &modeNetwork{fuzzNetwork: fuzzNetwork{t: t}, mode: mode, finals: map[string]string{}}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r := routing(t)
	announcing(r)
	notifying(r)
	inMode(mode)(r)
	p := New(ctx, Config{
		Gate: fuzzGate(), Metrics: fuzzMetrics(), Log: zerolog.New(panicWriter{t}), Transport: network, Keys: keys, Routing: r,
		Timers: Timers{C: 190 * time.Second, NoAnswer: 5 * time.Second, Trying: 20 * time.Millisecond},
	})
	layer := transaction.New(transaction.Config{User: p, Sender: network})
	for range 2 {
		m, err := message.Parse(append([]byte(nil), raw...))
		from := transport.Source{Address: desk}
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
