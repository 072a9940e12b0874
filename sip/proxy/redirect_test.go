package proxy

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/sip/message"
)

// A phone that follows a 3xx comes back to the gate, by the number in its canonical form; what cannot be decided there is
// left out.
func TestRedirection(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.ask(ask{})
		w.expectStatus(desk, 100)
		invite := w.expectMethod(trunkA, "INVITE")
		w.reply(trunkA, invite, 302, "Contact: <sip:3105550123;rn=+13105550123@192.0.2.66>;q=1, \"B\" <sip:305@192.0.2.66>\n"+
			"m: tel:+1-310-555-0124\nContact: <sip:911@192.0.2.66>, <sip:192.0.2.66;transport=tcp>, <sip:*67@x>, <https://x/>\n")
		w.expectMethod(trunkA, "ACK")
		moved := w.expectStatus(desk, 302)
		var contacts []string
		for span := range moved.Elements(message.Contact) {
			contacts = append(contacts, string(moved.Bytes(span)))
		}
		require.Equal(t, []string{"<sip:+13105550123@10.0.0.1:5060>", "<sip:305@10.0.0.1:5060>", "<sip:+13105550124@10.0.0.1:5060>"}, contacts)
		w.registry.AddDNC("+13105550123", "company")
		w.ask(ask{uri: "sip:+13105550123@10.0.0.1:5060", branch: "z9hG4bK-2", cseq: 2})
		w.expectStatus(desk, 403)
		w.quiet(trunkA, trunkB)
	})
}

// A trunk gets no Contact to follow: its calls are not decided.
func TestRedirectionOfATrunk(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.ask(ask{uri: "sip:305@10.0.0.1", source: trunkA})
		w.expectStatus(trunkA, 100)
		w.reply(pbx, w.expectMethod(pbx, "INVITE"), 302, "Contact: <sip:+13105550123@10.0.0.5>\n")
		require.Zero(t, w.expectStatus(trunkA, 302).Count(message.Contact))
	})
}

// What names a second callee does not go out; what comes without a Content-Length gets one.
func TestWhatGoesOutBesides(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		text := ask{more: "P-Called-Party-ID: <sip:+13105550123@x>\np-called-party-id: <sip:+13105550124@x>\n", body: "v=0"}.text()
		w.deliver(desk, text[:len(text)-len("Content-Length: 3\n\nv=0")]+"\nv=0")
		w.expectStatus(desk, 100)
		invite := w.expectMethod(trunkA, "INVITE")
		_, named := invite.GetName("P-Called-Party-ID")
		require.False(t, named)
		require.Equal(t, "3", value(invite, message.ContentLength))
		w.reply(trunkA, invite, 486, "")
		require.Equal(t, "0", value(w.expectStatus(desk, 486), message.ContentLength))
	})
}
