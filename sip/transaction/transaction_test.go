package transaction

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a layer between a recording User and a recording network, on synctest's clock.
type world struct {
	t     *testing.T
	layer *Layer
	began time.Time
	mu    sync.Mutex
	sent  []event // what went out
	told  []string
	tx    *Server
	onReq func(*Server, *message.Message)
}

// event is a first line (or a status and method) and when it went out.
type event struct {
	at   time.Duration
	line string
	text string
}

func (w *world) Request(tx *Server, m *message.Message) {
	w.tell("request " + m.Method)
	w.tx = tx
	if w.onReq != nil {
		w.onReq(tx, m)
	}
}
func (w *world) Ack(*Shard, *message.Message, transport.Source) { w.tell("ack") }
func (w *world) Cancel(*Server)                                 { w.tell("cancel") }
func (w *world) Response(_ *Client, m *message.Message)         { w.tell(fmt.Sprint("response ", m.Status)) }

func (w *world) Repeated(m *message.Message, _ transport.Source) {
	w.tell(fmt.Sprint("repeated ", m.Status))
}

func (w *world) Failed(_ *Client, err error) { w.tell("failed " + err.Error()) }
func (w *world) Unacknowledged(*Server)      { w.tell("unacknowledged") }

func (w *world) tell(s string) {
	w.told = append(w.told, fmt.Sprintf("%v %s", time.Since(w.began).Round(10*time.Millisecond), s))
}

// heard is what the User was told so far.
func (w *world) heard() []string {
	synctest.Wait()
	return w.told
}

func (w *world) Reply(_ transport.Source, b []byte, _ func(error)) { w.record(b) }
func (w *world) Send(_ transport.Address, _ *transport.Listener, b []byte, _ func(error)) {
	w.record(b)
}

func (w *world) record(b []byte) {
	line, _, _ := strings.Cut(string(b), "\r\n")
	fields := strings.Fields(line)
	if fields[0] == "SIP/2.0" {
		line = fields[1]
	} else {
		line = fields[0]
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, event{time.Since(w.began).Round(10 * time.Millisecond), line, string(b)})
}

// lines are what went out as "time line", in quarters of a second: each start of a timer may add a tick.
func (w *world) lines() string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, e := range w.sent {
		all = append(all, fmt.Sprintf("%v %s", e.at.Round(250*time.Millisecond), e.line))
	}
	return strings.Join(all, ", ")
}

func (w *world) count(line string) int {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, e := range w.sent {
		if e.line == line {
			n++
		}
	}
	return n
}

var (
	udp = transport.Address{Protocol: transport.UDP, AddrPort: netip.MustParseAddrPort("127.0.0.1:5070")}
	tcp = transport.Address{Protocol: transport.TCP, AddrPort: netip.MustParseAddrPort("127.0.0.1:5070")}
)

// run plays f against a layer whose timers run.
func run(t *testing.T, f func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, began: time.Now()}
		w.layer = New(Config{User: w, Sender: w})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.layer.Run(ctx) }()
		f(w)
		stop()
		require.NoError(t, <-done)
	})
}

func (w *world) receive(text string, from transport.Address) {
	w.t.Helper()
	m, err := message.Parse([]byte(strings.ReplaceAll(strings.TrimLeft(text, "\n"), "\n", "\r\n")))
	require.NoError(w.t, err)
	w.layer.Receive(m, transport.Source{Address: from})
}

func request(method, branch string) string {
	return "\n" + method + " sip:+12125550100@127.0.0.1 SIP/2.0\n" +
		"Via: SIP/2.0/UDP 127.0.0.1:5070;rport;branch=z9hG4bK" + branch + "\n" +
		"From: <sip:201@127.0.0.1>;tag=a\nTo: <sip:+12125550100@127.0.0.1>\nCall-ID: c1\n" +
		"CSeq: 1 " + method + "\nMax-Forwards: 70\nContent-Length: 0\n\n"
}

func response(status int, method, branch string) string {
	return fmt.Sprintf("\nSIP/2.0 %d Whatever\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=%s\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKx\n"+
		"From: <sip:201@127.0.0.1>;tag=a\nTo: <sip:+12125550100@127.0.0.1>;tag=b\nCall-ID: c1\nCSeq: 1 %s\nContent-Length: 0\n\n", status, branch, method)
}

// send starts a client transaction the way the User would.
func (w *world) send(method string, to transport.Address) (*Client, string) {
	branch := NewBranch()
	text := strings.Replace(request(method, "x"), "Via: SIP/2.0/UDP 127.0.0.1:5070;rport;branch=z9hG4bKx", "Via: SIP/2.0/UDP 127.0.0.1:5060;branch="+branch, 1)
	text = strings.ReplaceAll(strings.TrimLeft(text, "\n"), "\n", "\r\n")
	shard := w.layer.Shard([]byte("c1"))
	var c *Client
	shard.Do(func() {
		c = shard.Send(Request{Method: method, Branch: branch, Bytes: []byte(text), To: to, For: w.tx})
	})
	return c, branch
}

// answer responds to the last request as the User would.
func (w *world) answer(status int) {
	w.tx.Shard.Do(func() { w.tx.Answer(message.Answer{Status: status, Phrase: "Whatever"}) })
}

// RFC 3261 §17.1.1.2 over UDP: Timer A doubles, Timer B ends it.
func TestInviteClientTimesOut(t *testing.T) {
	run(t, func(w *world) {
		w.send("INVITE", udp)
		time.Sleep(40 * time.Second)
		require.Equal(t, "0s INVITE, 500ms INVITE, 1.5s INVITE, 3.5s INVITE, 7.5s INVITE, 15.5s INVITE, 31.5s INVITE", w.lines())
		require.Len(t, w.heard(), 1)
		require.Contains(t, w.heard()[0], "32.03s failed "+ErrTimeout.Error())
		require.Zero(t, w.layer.Size())
	})
}

// Over TCP nothing is sent again.
func TestInviteClientOverTCPSendsOnce(t *testing.T) {
	run(t, func(w *world) {
		w.send("INVITE", tcp)
		time.Sleep(40 * time.Second)
		require.Equal(t, "0s INVITE", w.lines())
		require.Len(t, w.heard(), 1)
	})
}

// A provisional response stops both timers: how long it may ring is the User's Timer C.
func TestInviteClientProceeding(t *testing.T) {
	run(t, func(w *world) {
		c, branch := w.send("INVITE", udp)
		time.Sleep(600 * time.Millisecond)
		w.receive(response(180, "INVITE", branch), udp)
		time.Sleep(10 * time.Minute)
		require.Equal(t, 2, w.count("INVITE"))
		require.True(t, c.Proceeding())
		require.Equal(t, []string{"600ms response 180"}, w.heard())
	})
}

// §17.1.1.3: a non-2xx is acknowledged here, and again when it comes again; Timer D then forgets it.
func TestInviteClientAcknowledgesRefusal(t *testing.T) {
	run(t, func(w *world) {
		_, branch := w.send("INVITE", udp)
		w.receive(response(486, "INVITE", branch), udp)
		w.receive(response(486, "INVITE", branch), udp)
		require.Equal(t, 2, w.count("ACK"))
		require.Equal(t, []string{"0s response 486"}, w.heard(), "the User hears of it once")
		ack := w.sent[1].text
		require.Contains(t, ack, "CSeq: 1 ACK")
		require.Contains(t, ack, "branch="+branch)
		require.Contains(t, ack, ";tag=b")
		time.Sleep(33 * time.Second)
		require.Zero(t, w.layer.Size())
		w.receive(response(486, "INVITE", branch), udp)
		require.Equal(t, 2, w.count("ACK"), "after Timer D it is a stray")
	})
}

// RFC 6026 §7.2: every 2xx goes up until Timer M; nothing is acknowledged here.
func TestInviteClientPassesEvery2xx(t *testing.T) {
	run(t, func(w *world) {
		w.receive(request("INVITE", "1"), udp)
		_, branch := w.send("INVITE", udp)
		w.tx.Respond(200, []byte("SIP/2.0 200 as the User does\r\n\r\n"))
		for range 3 {
			w.receive(response(200, "INVITE", branch), udp)
		}
		w.receive(response(486, "INVITE", branch), udp)
		require.Equal(t, []string{"0s request INVITE", "0s response 200", "0s repeated 200", "0s repeated 200"}, w.heard())
		require.Zero(t, w.count("ACK"))
		time.Sleep(33 * time.Second)
		require.Zero(t, w.layer.Size())
		w.receive(response(200, "INVITE", branch), udp)
		require.Len(t, w.heard(), 4, "a stray 2xx is dropped (RFC 6026 §8.9)")
	})
}

// §17.1.2.2: Timer E doubles up to T2, in Proceeding it is T2; Timer F ends it.
func TestNonInviteClient(t *testing.T) {
	run(t, func(w *world) {
		w.send("BYE", udp)
		time.Sleep(40 * time.Second)
		require.Equal(t, "0s BYE, 500ms BYE, 1.5s BYE, 3.5s BYE, 7.5s BYE, 11.5s BYE, 15.5s BYE, 19.5s BYE, 23.5s BYE, 27.5s BYE, 31.5s BYE",
			w.lines())
		require.Len(t, w.heard(), 1)
	})
	run(t, func(w *world) {
		_, branch := w.send("BYE", udp)
		w.receive(response(200, "BYE", branch), udp)
		w.receive(response(200, "BYE", branch), udp)
		require.Equal(t, []string{"0s response 200"}, w.heard())
		time.Sleep(6 * time.Second)
		require.Zero(t, w.layer.Size(), "Timer K")
	})
}

// §9.1: the CANCEL shares the INVITE's branch, and the INVITE ends when no final response follows within 64×T1.
func TestCancelOfAClientInvite(t *testing.T) {
	run(t, func(w *world) {
		c, branch := w.send("INVITE", udp)
		w.receive(response(180, "INVITE", branch), udp)
		c.Shard.Do(c.Cancel)
		require.Equal(t, 1, w.count("CANCEL"))
		require.Contains(t, w.sent[1].text, "branch="+branch)
		require.Contains(t, w.sent[1].text, "CSeq: 1 CANCEL")
		w.receive(response(200, "CANCEL", branch), udp)
		w.receive(response(487, "INVITE", branch), udp)
		require.Equal(t, []string{"0s response 180", "0s response 487"}, w.heard(), "the CANCEL's own response is nobody's business")
	})
	run(t, func(w *world) {
		c, branch := w.send("INVITE", udp)
		w.receive(response(180, "INVITE", branch), udp)
		c.Shard.Do(c.Cancel)
		time.Sleep(40 * time.Second)
		require.Len(t, w.heard(), 2)
		require.Contains(t, w.heard()[1], "failed")
		require.Zero(t, w.layer.Size())
	})
}

// §17.2.1: retransmissions get the last response; Timer G repeats the final one until the ACK; Timer H gives up.
func TestInviteServerRefusal(t *testing.T) {
	run(t, func(w *world) {
		w.receive(request("INVITE", "1"), udp)
		w.answer(100)
		w.receive(request("INVITE", "1"), udp)
		require.Equal(t, "0s 100, 0s 100", w.lines())
		w.answer(403)
		require.Equal(t, 1, w.layer.Active(), "its ACK is still to come")
		time.Sleep(4 * time.Second)
		require.Equal(t, "0s 100, 0s 100, 0s 403, 500ms 403, 1.5s 403, 3.5s 403", w.lines())
		w.receive(request("ACK", "1"), udp)
		time.Sleep(time.Second)
		require.Equal(t, 4, w.count("403"), "the ACK stops Timer G")
		require.Equal(t, []string{"0s request INVITE"}, w.heard(), "the ACK of a refusal is not the User's")
		require.Zero(t, w.layer.Active())
		require.Equal(t, 1, w.layer.Size(), "it lingers")
		time.Sleep(5 * time.Second)
		require.Zero(t, w.layer.Size(), "Timer I")
	})
	run(t, func(w *world) {
		w.receive(request("INVITE", "1"), udp)
		w.answer(403)
		time.Sleep(40 * time.Second)
		require.Equal(t, 11, w.count("403"))
		require.Len(t, w.heard(), 2)
		require.Contains(t, w.heard()[1], "unacknowledged")
		require.Zero(t, w.layer.Size(), "Timer H")
	})
}

// Over TCP the final response is sent once, yet the transaction waits for its ACK.
func TestInviteServerOverTCPWaitsForAck(t *testing.T) {
	run(t, func(w *world) {
		w.receive(request("INVITE", "1"), tcp)
		w.answer(403)
		time.Sleep(10 * time.Second)
		require.Equal(t, 1, w.count("403"))
		require.Equal(t, 1, w.layer.Size())
		w.receive(request("ACK", "1"), tcp)
		require.Zero(t, w.layer.Size())
		require.Equal(t, []string{"0s request INVITE"}, w.heard())
	})
}

// RFC 6026 §7.1: after a 2xx retransmissions are absorbed, further 2xx pass, and the ACK is the User's.
func TestInviteServerAccepted(t *testing.T) {
	run(t, func(w *world) {
		w.receive(request("INVITE", "1"), udp)
		w.answer(200)
		require.Nil(t, w.tx.Request)
		w.receive(request("INVITE", "1"), udp)
		require.Equal(t, "0s 200", w.lines())
		w.tx.Shard.Do(func() { w.tx.Respond(200, []byte("SIP/2.0 200 again\r\n\r\n")) })
		w.tx.Shard.Do(func() { w.tx.Respond(486, []byte("SIP/2.0 486 no\r\n\r\n")) })
		require.Equal(t, "0s 200, 0s 200", w.lines())
		w.receive(request("ACK", "1"), udp)
		require.Equal(t, []string{"0s request INVITE", "0s ack"}, w.heard())
		time.Sleep(33 * time.Second)
		require.Zero(t, w.layer.Size(), "Timer L")
	})
}

// One To-tag for all responses of a transaction (§8.2.6.2).
func TestServerKeepsItsTag(t *testing.T) {
	run(t, func(w *world) {
		w.receive(request("INVITE", "1"), udp)
		w.answer(180)
		w.answer(486)
		tag := func(s string) string {
			_, rest, _ := strings.Cut(s, "To: ")
			line, _, _ := strings.Cut(rest, "\r\n")
			return line
		}
		require.Contains(t, tag(w.sent[0].text), ";tag=")
		require.Equal(t, tag(w.sent[0].text), tag(w.sent[1].text))
	})
}

// §17.2.2: a non-INVITE's retransmissions get its final response until Timer J.
func TestNonInviteServer(t *testing.T) {
	run(t, func(w *world) {
		w.receive(request("BYE", "1"), udp)
		w.receive(request("BYE", "1"), udp)
		require.Empty(t, w.sent, "nothing to repeat yet")
		w.answer(200)
		w.receive(request("BYE", "1"), udp)
		require.Equal(t, 2, w.count("200"))
		require.Equal(t, []string{"0s request BYE"}, w.heard())
		time.Sleep(33 * time.Second)
		require.Zero(t, w.layer.Size())
	})
}

// §9.2 and §16.10: the CANCEL is answered here; 487 is not ours to send.
func TestCancelIsAnsweredAndPassedOn(t *testing.T) {
	run(t, func(w *world) {
		w.receive(request("INVITE", "1"), udp)
		w.receive(request("CANCEL", "1"), udp)
		w.receive(request("CANCEL", "1"), udp)
		require.Equal(t, "0s 200, 0s 200", w.lines(), "a repeated CANCEL gets its answer again")
		require.Equal(t, []string{"0s request INVITE", "0s cancel"}, w.heard())
	})
}

// A CANCEL that overtook its INVITE waits T1 for it.
func TestCancelBeforeItsInvite(t *testing.T) {
	run(t, func(w *world) {
		w.receive(request("CANCEL", "1"), udp)
		time.Sleep(250 * time.Millisecond)
		w.receive(request("INVITE", "1"), udp)
		require.Equal(t, "250ms 200", w.lines())
		require.Equal(t, []string{"250ms request INVITE", "250ms cancel"}, w.heard())
	})
	run(t, func(w *world) {
		w.receive(request("CANCEL", "1"), udp)
		time.Sleep(time.Second)
		require.Equal(t, "500ms 481", w.lines())
		require.Empty(t, w.heard())
		time.Sleep(40 * time.Second)
		require.Zero(t, w.layer.Size())
		require.Empty(t, w.layer.Shard([]byte("c1")).early)
	})
}

// §18.2.2 and RFC 3581 §4: without rport the answer goes to the port in Via.
func TestReplyPort(t *testing.T) {
	from := transport.Source{Address: transport.Address{Protocol: transport.UDP, AddrPort: netip.MustParseAddrPort("10.0.0.9:33333")}}
	for via, want := range map[string]uint16{
		"SIP/2.0/UDP 10.0.0.9:5099;branch=z9hG4bK1":       5099,
		"SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1":            5060,
		"SIP/2.0/UDP 10.0.0.9:5099;rport;branch=z9hG4bK1": 33333,
	} {
		text := strings.Replace(request("OPTIONS", "1"), "SIP/2.0/UDP 127.0.0.1:5070;rport;branch=z9hG4bK1", via, 1)
		m, err := message.Parse([]byte(strings.ReplaceAll(strings.TrimLeft(text, "\n"), "\n", "\r\n")))
		require.NoError(t, err)
		require.Equal(t, want, ReplyTo(m, from).Port(), via)
	}
}
