package transports

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/phone"
)

// browser is a phone in a web page, as its peer sees it: a WebSocket, and a host that there is not (RFC 7118 §5).
type browser struct {
	t      *testing.T
	socket *websocket.Conn
	via    string // WS or WSS
	callID string
}

const browserHost = "df7jal23ls0d.invalid"

func (h *house) browser(protocol string) *browser {
	h.t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: h.authority.Pool()}}
	h.t.Cleanup(transport.CloseIdleConnections)
	c, _, err := websocket.Dial(h.t.Context(), protocol+"://"+h.listens[protocol].String()+"/", //nolint:bodyclose // the library says that nobody need
		&websocket.DialOptions{Subprotocols: []string{"sip"}, HTTPClient: &http.Client{Transport: transport}})
	require.NoError(h.t, err)
	h.t.Cleanup(func() { _ = c.CloseNow() })
	return &browser{t: h.t, socket: c, via: strings.ToUpper(protocol), callID: number()}
}

// contact is where the page says it can be reached.
const contact = "Contact: <sip:page@" + browserHost + ";transport=ws>\n"

func (b *browser) says(text string) {
	b.t.Helper()
	require.NoError(b.t, b.socket.Write(b.t.Context(), websocket.MessageText, []byte(strings.ReplaceAll(text, "\n", "\r\n"))))
}

// asks sends a request without a Content-Length, which a WebSocket does not need.
func (b *browser) asks(method, uri, toTag string, cseq int, more string) {
	b.t.Helper()
	if toTag != "" {
		toTag = ";tag=" + toTag
	}
	b.says(fmt.Sprintf("%s %s SIP/2.0\nVia: SIP/2.0/%s %s;branch=z9hG4bK%s%d%s\nMax-Forwards: 70\nFrom: <sip:202@gate.example>;tag=page\nTo: <%s>%s\n"+
		"Call-ID: %s\nCSeq: %d %s\n%s\n", method, uri, b.via, browserHost, b.callID[1:], cseq, method, uri, toTag, b.callID, cseq, method, more))
}

// hears waits for a request of that method, or a response of that status.
func (b *browser) hears(what string) *message.Message {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.t.Context(), 10*time.Second)
	defer stop()
	for {
		_, raw, err := b.socket.Read(ctx)
		require.NoError(b.t, err, "waiting for %s", what)
		m, err := message.Parse(raw)
		require.NoError(b.t, err, "%s", raw)
		if m.Request && m.Method == what || !m.Request && fmt.Sprint(m.Status) == what {
			return m
		}
	}
}

// answers sends the response to a request, with a tag of the page's.
func (b *browser) answers(m *message.Message, status, more string) {
	b.t.Helper()
	var lines strings.Builder
	for _, h := range m.Headers() {
		switch h.Kind {
		case message.Via, message.RecordRoute, message.From, message.CallID, message.CSeq:
			lines.Write(m.Bytes(h.Line))
		case message.To:
			line := strings.TrimSpace(string(m.Bytes(h.Line)))
			if m.ToTag == nil {
				line += ";tag=page"
			}
			lines.WriteString(line + "\n")
		}
	}
	b.says("SIP/2.0 " + status + "\n" + strings.ReplaceAll(lines.String(), "\r\n", "\n") + more + "\n")
}

// routes are the Record-Routes of m as the Route of whoever sent the INVITE; else of who took it.
func routes(m *message.Message, reverse bool) (lines string) {
	for span := range m.Elements(message.RecordRoute) {
		line := "Route: " + string(m.Bytes(span)) + "\n"
		if reverse {
			lines = line + lines
		} else {
			lines += line
		}
	}
	return lines
}

// A page calls; the called side hangs up, and the page hears it over the WebSocket it opened.
func TestBrowserCalls(t *testing.T) {
	binary := build(t)
	for _, c := range [][2]string{{"ws", "udp4"}, {"wss", "udp4"}, {"wss", "tls4"}} {
		t.Run(c[0]+" to "+c[1], func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, binary, c[1])
			callee := phone.AnswerAfter(10 * time.Millisecond)
			callee.Talk = talk
			h.trunk.Answer(callee)
			page := h.browser(c[0])
			page.asks("INVITE", "sip:+12125550177@gate.example", "", 1, contact+"Content-Type: application/sdp\n")
			page.hears("180")
			ok := page.hears("200")
			to, err := message.ParseNameAddr(first(ok, message.Contact))
			require.NoError(t, err)
			page.asks("ACK", string(to.URI), string(ok.ToTag), 1, routes(ok, true))
			page.answers(page.hears("BYE"), "200 OK", "")
			require.Contains(t, h.trunk.Received()[0].Message, ";transport=ws;lr;", "the Record-Route that faces the page")
		})
	}
}

// A page that is registered through the gate is rung by the PBX, and hangs up.
func TestBrowserIsCalled(t *testing.T) {
	for _, protocol := range []string{"ws", "wss"} {
		t.Run(protocol, func(t *testing.T) {
			h := newHouse(t, build(t), "udp4")
			page := h.browser(protocol)
			page.asks("REGISTER", "sip:202@gate.example", "", 1, contact+"Expires: 600\nSupported: path\n")
			page.hears("200")
			require.NoError(t, h.pbx.WaitRegistered(t.Context(), "202"))

			caller := h.phone("201", "udp4", "127.0.0.5", h.listens["udp4"].String())
			outcome := make(chan *phone.Outcome, 1)
			go func() {
				o, err := caller.Call(t.Context(), "202")
				if err != nil {
					t.Error(err)
				}
				outcome <- o
			}()
			invite := page.hears("INVITE")
			page.answers(invite, "180 Ringing", contact)
			page.answers(invite, "200 OK", contact+"Content-Type: application/sdp\n")
			page.hears("ACK")
			to, err := message.ParseNameAddr(first(invite, message.Contact))
			require.NoError(t, err)
			page.callID = string(invite.CallID)
			from, _ := invite.Get(message.From)
			page.says(fmt.Sprintf("BYE %s SIP/2.0\nVia: SIP/2.0/%s %s;branch=z9hG4bKbye\nMax-Forwards: 70\n%sFrom: <sip:202@gate.example>;tag=page\nTo: %s\n"+
				"Call-ID: %s\nCSeq: 7 BYE\n\n", to.URI, page.via, browserHost, routes(invite, false), from, invite.CallID))
			page.hears("200")
			o := <-outcome
			require.Equal(t, 200, o.Status)
			require.Less(t, o.Talk, longTalk, "the page's BYE did not arrive")
		})
	}
}

func first(m *message.Message, k message.Kind) []byte {
	v, _ := m.Get(k)
	return v
}
