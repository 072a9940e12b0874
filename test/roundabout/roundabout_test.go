// Package roundabout plays a rep who wants past the gate: raw datagrams to the built program with a real Redis, and a
// trunk that writes down everything it hears.
package roundabout

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/test/site"
)

// world is the gate with everybody round it.
type world struct {
	*testing.T
	gate                         netip.AddrPort
	program                      *site.Gate
	phone, trunk, pbx, foreigner *end
	routes                       map[string]string // route sets of the dialogs that are up
}

func start(t *testing.T) *world {
	dir := t.TempDir()
	binary, err := site.Build(t.Context(), dir)
	require.NoError(t, err)
	w := &world{T: t, routes: map[string]string{}, phone: listen(t, "127.0.0.5", nil), foreigner: listen(t, "127.0.0.9", nil)}
	w.pbx, w.trunk = listen(t, "127.0.0.4", callee), listen(t, "127.0.0.2", callee)
	w.gate, err = site.FreeAddress(netip.MustParseAddr("127.0.0.1"))
	require.NoError(t, err)
	w.program, err = site.Ringfence{Binary: binary, Prepare: [][]string{{"dnc", "add", listed}}}.StartGate(t.Context(), site.Plan{
		Gate: w.gate, Phones: netip.MustParsePrefix("127.0.0.5/32"), PBX: netip.MustParseAddrPort(w.pbx.LocalAddr().String()),
		Trunks: []site.Trunk{{At: netip.MustParseAddrPort(w.trunk.LocalAddr().String()), Protocol: site.UDP}}, Dir: dir,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.program.Stop()) })
	return w
}

// callee answers every call; one number it redirects to the listed one.
func callee(at *end, m *message.Message) string {
	switch {
	case !m.Request || m.Method == "ACK":
		return ""
	case strings.Contains(string(m.Bytes(m.RequestURI)), redirects):
		return answered(m, 302, "sip:"+listed+"@"+at.LocalAddr().String())
	}
	return answered(m, 200, "sip:callee@"+at.LocalAddr().String())
}

// send sends a request and returns the answer to it; nil when none is to come.
func (w *world) send(r request, id, dialog string, wants bool) *message.Message {
	callID, from := id, w.phone
	if dialog != "" {
		callID, r.to, r.lines = dialog, "<sip:x@gate>;tag=callee", w.routes[dialog]+r.lines
	}
	if r.stranger {
		from = w.foreigner
	}
	gate := net.UDPAddrFromAddrPort(w.gate)
	_, err := from.WriteTo([]byte(r.text(from.LocalAddr(), w.gate.String(), id, callID, "caller")), gate)
	require.NoError(w, err)
	if !wants {
		return nil
	}
	method := r.method
	if method == "" {
		method = "INVITE"
	}
	return from.final(w.T, gate, callID, method)
}

// call brings a dialog up.
func (w *world) call(dialog, uri string) {
	ok := w.send(request{uri: uri}, dialog, "", true)
	require.Equal(w, 200, ok.Status, "%s", ok.Raw)
	for span := range ok.Elements(message.RecordRoute) {
		w.routes[dialog] = "Route: " + string(ok.Bytes(span)) + "\r\n" + w.routes[dialog]
	}
}

// TestAttempts: none of them rings the listed number, and each is told what the table says. Calls that may go out do, so
// that silence at the trunk means something.
func TestAttempts(t *testing.T) {
	w := start(t)
	w.call("outside", "sip:"+free+"@gate")
	w.call("inside", "sip:305@gate")
	for i, a := range attempts(w.trunk.LocalAddr().String()) {
		answer := w.send(a.is, fmt.Sprint("attempt-", i), a.in, a.status != 0)
		if a.status == 0 {
			continue
		}
		assert.Equalf(t, a.status, answer.Status, "%s: %s", a.name, answer.Raw)
		if a.status == 302 {
			contact, _ := answer.Get(message.Contact)
			assert.Equal(t, "<sip:"+listed+"@"+w.gate.String()+">", string(contact), "back to the gate")
		}
	}
	w.keepToken()
	w.call("last", "sip:"+free+"@gate") // what was sent before it has been dealt with
	calls := 0
	for _, end := range []*end{w.trunk, w.pbx} {
		for _, heard := range end.all() {
			w.judge(heard)
			if strings.HasPrefix(heard, "INVITE sip:"+free+"@"+w.trunk.LocalAddr().String()+" ") {
				calls++
			}
		}
	}
	assert.GreaterOrEqual(t, calls, 5, "two calls, and three attempts that rang the number that is free")
	assert.Empty(t, w.foreigner.all(), "a stranger hears nothing")
}

// keepToken tries again by the token of a call that is over, when its number has come on the list meanwhile.
func (w *world) keepToken() {
	const once = "+13105550188"
	w.call("past", "sip:"+once+"@gate")
	bye := w.send(request{method: "BYE", uri: "sip:callee@" + w.trunk.LocalAddr().String()}, "bye", "past", true)
	require.Equal(w, 200, bye.Status)
	require.NoError(w, w.program.Command(w.Context(), "dnc", "add", once))
	again := w.send(request{uri: "sip:" + once + "@" + w.trunk.LocalAddr().String()}, "again", "past", true)
	assert.Equalf(w, 403, again.Status, "%s", again.Raw)
}

// judge looks at one datagram that came out of the gate: what could ring by it, however it is read?
func (w *world) judge(heard string) {
	m, err := message.Parse([]byte(heard))
	require.NoError(w, err, "%s", heard)
	assert.Equal(w, 1, m.Count(message.ContentLength), "where does it end?\n%s", heard)
	head := heard[:m.HeadersEnd()]
	if plain, err := url.PathUnescape(head); err == nil {
		head = plain
	}
	digits := strings.NewReplacer("-", "", ".", "", "(", "", ")", "").Replace(head)
	assert.NotContains(w, digits, listed[2:], "%s", heard)
}
