package phone_test

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/sip/phone"
)

func newPBX(t *testing.T) *phone.PBX {
	t.Helper()
	p, err := phone.NewPBX("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Close()) })
	return p
}

// extensions are two phones registered at one PBX, each through its own transport.
func extensions(t *testing.T, test func(t *testing.T, ctx context.Context, caller, called *phone.Phone)) {
	t.Helper()
	for _, transports := range [][2]string{{"udp", "udp"}, {"tcp", "udp"}, {"udp", "tcp"}, {"tcp", "tcp"}} {
		t.Run(transports[0]+" calls "+transports[1], func(t *testing.T) {
			ctx, pbx := within(t), newPBX(t)
			caller := newPhone(t, phone.Config{User: "201", Transport: transports[0], Proxy: pbx.Address()})
			called := newPhone(t, phone.Config{User: "202", Display: "Li Na", Transport: transports[1], Proxy: pbx.Address()})
			require.NoError(t, caller.Register(ctx))
			require.NoError(t, called.Register(ctx))
			require.NoError(t, pbx.WaitRegistered(ctx, "201", "202"))
			test(t, ctx, caller, called)
		})
	}
}

func TestExtensionIsRung(t *testing.T) {
	extensions(t, func(t *testing.T, ctx context.Context, caller, called *phone.Phone) {
		t.Helper()
		called.Answer(phone.AnswerAfter(10 * time.Millisecond))
		o, err := caller.Call(ctx, "202")
		require.NoError(t, err)
		assert.Equal(t, 200, o.Status)
		assert.True(t, o.Rang)
		assert.Equal(t, "Li Na", o.AnsweredBy)
		assert.Contains(t, called.Received()[0].RequestURI, called.Address(), "the Request-URI is the phone's Contact")
	})
}

func TestExtensionIsBusy(t *testing.T) {
	extensions(t, func(t *testing.T, ctx context.Context, caller, called *phone.Phone) {
		t.Helper()
		called.Answer(phone.Busy)
		o, err := caller.Call(ctx, "202")
		require.NoError(t, err)
		assert.Equal(t, 486, o.Status)
	})
}

func TestCallToExtensionIsCancelled(t *testing.T) {
	extensions(t, func(t *testing.T, ctx context.Context, caller, called *phone.Phone) {
		t.Helper()
		called.Answer(phone.RingForEver())
		c, err := caller.Dial(ctx, "202")
		require.NoError(t, err)
		<-c.Ringing()
		require.NoError(t, c.Cancel(ctx))
		o, err := c.Wait(ctx)
		require.NoError(t, err)
		assert.Equal(t, 487, o.Status)
	})
}

// wire is a bare UDP socket that speaks to a PBX.
type wire struct {
	t    *testing.T
	conn net.Conn
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	conn, err := net.Dial("udp", to)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(5*time.Second)))
	return &wire{t, conn}
}

// send writes a request of a method with these further header lines.
func (w *wire) send(method, uri string, lines ...string) {
	w.t.Helper()
	local := w.conn.LocalAddr().String()
	request := fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKone;rport\r\nFrom: <sip:202@x>;tag=f\r\nTo: <sip:202@x>\r\n"+
		"Call-ID: one\r\nCSeq: 1 %s\r\n%sContent-Length: 0\r\n\r\n", method, uri, local, method, strings.Join(append(lines, ""), "\r\n"))
	_, err := w.conn.Write([]byte(request))
	require.NoError(w.t, err)
}

func (w *wire) receive() string {
	w.t.Helper()
	buf := make([]byte, 65535)
	n, err := w.conn.Read(buf)
	require.NoError(w.t, err)
	return string(buf[:n])
}

func (w *wire) ask(method, uri string, lines ...string) string {
	w.t.Helper()
	w.send(method, uri, lines...)
	return w.receive()
}

func TestRegistrar(t *testing.T) {
	const there, moved = "Contact: <sip:202@127.0.0.1:7000>;q=0.5", "m: <sip:202@127.0.0.1:7001>"
	tests := []struct {
		name     string
		requests [][]string // header lines of REGISTERs, one after another
		status   string
		contact  string // in the last answer; "": none
	}{
		{"binds", [][]string{{there, "Expires: 60"}}, "200", "<sip:202@127.0.0.1:7000>;expires=60"},
		{"without a wish", [][]string{{there}}, "200", "<sip:202@127.0.0.1:7000>;expires=3600"},
		{"not for ever", [][]string{{there, "Expires: 4000000000"}}, "200", "<sip:202@127.0.0.1:7000>;expires=86400"},
		{"Contact's own wish is stronger", [][]string{{there + ";expires=7", "Expires: 60"}}, "200", "<sip:202@127.0.0.1:7000>;expires=7"},
		{"asks", [][]string{{there, "Expires: 60"}, {}}, "200", "<sip:202@127.0.0.1:7000>;expires=60"},
		{"leaves", [][]string{{there}, {there, "Expires: 0"}}, "200", ""},
		{"all leave", [][]string{{there}, {"Contact: *", "Expires: 0"}}, "200", ""},
		{"another device leaves", [][]string{{there, "Expires: 60"}, {moved, "Expires: 0"}}, "200", "<sip:202@127.0.0.1:7000>;expires=60"},
		{"moves", [][]string{{there}, {there + ";expires=0, <sip:202@127.0.0.1:7001>;expires=9"}}, "200", "<sip:202@127.0.0.1:7001>;expires=9"},
		{"all, but stays", [][]string{{"Contact: *", "Expires: 9"}}, "400", ""},
		{"no number", [][]string{{there, "Expires: soon"}}, "400", ""},
		{"no address", [][]string{{"Contact: <>"}}, "400", ""},
		{"no sip address", [][]string{{"Contact: <mailto:me@x>"}}, "400", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWire(t, newPBX(t).Address())
			var answer string
			for _, lines := range tt.requests {
				answer = w.ask("REGISTER", "sip:x", lines...)
			}
			assert.Equal(t, "SIP/2.0 "+tt.status, answer[:11])
			if tt.contact == "" {
				assert.NotContains(t, answer, "Contact:")
				return
			}
			assert.Contains(t, answer, "Contact: "+tt.contact+"\r\n")
		})
	}
}

func TestRegistrarGivesThePathBack(t *testing.T) {
	w := newWire(t, newPBX(t).Address())
	answer := w.ask("REGISTER", "sip:x", "Contact: <sip:202@127.0.0.1:7000>", `Path: <sip:a,b@127.0.0.1:7001;lr>,<sip:c@127.0.0.1:7002;lr>`)
	assert.Contains(t, answer, "Path: <sip:a,b@127.0.0.1:7001;lr>\r\nPath: <sip:c@127.0.0.1:7002;lr>\r\n")
}

// TestForwardedRequest looks at the request that leaves the PBX: the way is the Path, the target the Contact, and what
// the PBX does not understand is as it was.
func TestForwardedRequest(t *testing.T) {
	w := newWire(t, newPBX(t).Address())
	edge := w.conn.LocalAddr().String()
	w.ask("REGISTER", "sip:x", "Contact: <sip:202@127.0.0.1:7000;ob>", "Path: <sip:flow@"+edge+";lr>")

	const contact = `Contact: "A, B" <sip:9@127.0.0.1:9;ob>;+sip.instance="<urn:uuid:0>";methods="INVITE, ACK"` + "\r\n"
	branch := regexp.MustCompile(`;branch=(z9hG4bK[^;\r]+)`)
	var branches []string
	for _, method := range []string{"INVITE", "INVITE", "CANCEL", "ACK"} {
		out := w.ask(method, "sip:202@x", "Max-Forwards: 7", strings.TrimSpace(contact))
		assert.Equal(t, method+" sip:202@127.0.0.1:7000;ob SIP/2.0", strings.SplitN(out, "\r\n", 2)[0])
		assert.Contains(t, out, "Route: <sip:flow@"+edge+";lr>\r\n")
		assert.Contains(t, out, "Max-Forwards: 6\r\n")
		assert.Contains(t, out, contact)
		assert.Equal(t, 2, strings.Count(out, "Via: "))
		branches = append(branches, branch.FindStringSubmatch(out)[1])
	}
	for _, b := range branches {
		assert.Equal(t, branches[0], b, "RFC 3261 §16.11: repetitions, CANCEL and ACK go the INVITE's way")
	}
}

func TestPBXRefuses(t *testing.T) {
	w := newWire(t, newPBX(t).Address())
	w.ask("REGISTER", "sip:x", "Contact: <sip:202@127.0.0.1:7000>")
	assert.Contains(t, w.ask("INVITE", "sip:203@x"), "SIP/2.0 404 ")
	assert.Contains(t, w.ask("INVITE", "sip:202@x", "Max-Forwards: 0"), "SIP/2.0 483 ")
	assert.Contains(t, w.ask("OPTIONS", "sip:x"), "SIP/2.0 200 ")
	first, again := w.ask("INVITE", "sip:203@x"), w.ask("INVITE", "sip:203@x")
	assert.Equal(t, first, again, "RFC 3261 §8.2.7: a repeated request gets the same answer, To-tag included")
}

func TestWaitRegisteredSaysWhoIsMissing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorContains(t, newPBX(t).WaitRegistered(ctx, "204"), "204")
}
