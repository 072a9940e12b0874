package proxy

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
)

var mediaServer = at("udp", "10.2.0.9:5060")

// announcing gives the desk an announcement.
func announcing(r *Routing) {
	r.Peers[0].Announcement = &Announcement{
		Target:   Target{Name: "announcement", Addresses: At(mediaServer), Host: mediaServer.AddrPort.String()},
		Template: "sip:annc@10.2.0.9:5060;play=/{language}/{reason}.wav", Language: "zh",
	}
}

// A blocked call goes to the announcement, and to nobody else; the dialog comes back through us until BYE. It is never
// a call to the number.
func TestAnnouncementIsHeard(t *testing.T) {
	inWorld(t, setUp{routing: announcing}, func(w *world) {
		w.owned("202")
		records := len(w.registry.Records("+12125550100"))
		w.ask(ask{more: "Reason: SIP;cause=200;text=\"mine\"\nx-ringfence-REASON: mine\nP-Asserted-Identity: <sip:boss@x>\n"})
		w.expectStatus(desk, 100)
		invite := w.expectMethod(mediaServer, "INVITE")
		require.Equal(t, "sip:annc@10.2.0.9:5060;play=/zh/owned.wav", string(invite.Bytes(invite.RequestURI)))
		require.Equal(t, `SIP;cause=403;text="Customer of 202"`, value(invite, message.Reason))
		require.Equal(t, 1, invite.Count(message.Reason))
		why, _ := invite.GetName("X-Ringfence-Reason")
		require.Equal(t, "owned", string(why))
		require.Equal(t, 1, strings.Count(strings.ToLower(string(invite.Raw)), "x-ringfence-reason"))
		require.Zero(t, invite.Count(message.PAssertedIdentity))
		require.Equal(t, 1, strings.Count(string(invite.Raw), "2125550100"), "in To, which no proxy may change, and nowhere else")
		require.NotContains(t, value(invite, message.RecordRoute), "2125550100")

		w.reply(mediaServer, invite, 183, "")
		w.expectStatus(desk, 183)
		w.reply(mediaServer, invite, 200, "")
		ok := w.expectStatus(desk, 200)
		require.Zero(t, w.gate.CallsUp())
		time.Sleep(15 * time.Second)
		require.Equal(t, gate.Rep("202"), w.registry.Owner("+12125550100"), "nobody owns anything by listening")

		require.True(t, w.proxy.Admit(mediaServer))
		bye := "BYE sip:201@10.0.0.9:5070 SIP/2.0\nVia: SIP/2.0/UDP 10.2.0.9:5060;branch=z9hG4bK-ms\nMax-Forwards: 70\n" + routeSet(invite, false) +
			"From: <sip:x@10.0.0.1>;tag=callee\nTo: <sip:201@10.0.0.1>;tag=caller\nCall-ID: call-1\nCSeq: 9 BYE\nContent-Length: 0\n\n"
		w.deliver(mediaServer, bye)
		w.reply(desk, w.expectMethod(desk, "BYE"), 200, "")
		w.expectStatus(mediaServer, 200)
		require.NotEmpty(t, routeSet(ok, true))
		w.quiet(trunkA, trunkB, pbx)
		require.Len(t, w.registry.Records("+12125550100"), records+1, "the decision; no call ended")
	})
}

// Whatever goes wrong there, the rep gets the refusal that the announcement would have told of, once and soon.
func TestAnnouncementFails(t *testing.T) {
	for name, c := range map[string]struct {
		answers func(w *world, invite *message.Message)
		within  time.Duration
	}{
		"refused":           {func(w *world, m *message.Message) { w.reply(mediaServer, m, 404, "") }, 0},
		"overloaded":        {func(w *world, m *message.Message) { w.reply(mediaServer, m, 503, "") }, 0},
		"declined":          {func(w *world, m *message.Message) { w.reply(mediaServer, m, 603, "") }, 0},
		"redirected":        {func(w *world, m *message.Message) { w.reply(mediaServer, m, 302, "Contact: <sip:x@10.1.0.1>\n") }, 0},
		"silent":            {func(*world, *message.Message) {}, 6 * time.Second},
		"only trying":       {func(w *world, m *message.Message) { w.reply(mediaServer, m, 100, "") }, 6 * time.Second},
		"early media, ends": {func(w *world, m *message.Message) { w.reply(mediaServer, m, 183, ""); w.reply(mediaServer, m, 480, "") }, 0},
		"rings for ever": {func(w *world, m *message.Message) {
			for range 5 {
				w.reply(mediaServer, m, 180, "")
				time.Sleep(5 * time.Second)
			}
		}, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, setUp{routing: announcing}, func(w *world) {
				w.owned("202")
				w.ask(ask{})
				w.expectStatus(desk, 100)
				c.answers(w, w.expectMethod(mediaServer, "INVITE"))
				time.Sleep(c.within)
				var final *message.Message
				for final == nil {
					if m := w.next(desk); m.Status >= 200 {
						final = m
					}
				}
				require.Equal(t, 403, final.Status)
				require.Equal(t, "Customer of 202", string(final.Bytes(final.Phrase)))
				w.ask(ask{method: "ACK"})
				w.drain(desk)
				time.Sleep(time.Minute)
				w.quiet(desk, trunkA, trunkB, pbx)
			})
		})
	}
}

// The caller may hang up while it rings or plays.
func TestAnnouncementIsCancelled(t *testing.T) {
	inWorld(t, setUp{routing: announcing}, func(w *world) {
		w.owned("202")
		w.ask(ask{})
		w.expectStatus(desk, 100)
		invite := w.expectMethod(mediaServer, "INVITE")
		w.reply(mediaServer, invite, 183, "")
		w.expectStatus(desk, 183)
		w.ask(ask{method: "CANCEL"})
		w.expectStatus(desk, 200)
		cancel := w.expectMethod(mediaServer, "CANCEL")
		require.Equal(t, string(invite.Bytes(invite.RequestURI)), string(cancel.Bytes(cancel.RequestURI)))
		w.reply(mediaServer, cancel, 200, "")
		w.reply(mediaServer, invite, 487, "")
		w.expectMethod(mediaServer, "ACK")
		w.expectStatus(desk, 487)
		w.ask(ask{method: "ACK"})
		w.quiet(desk, trunkA, trunkB, pbx)
	})
}

// An owner who does not pick up leaves a blocked call behind, which is announced like any other. What is not decided is
// not announced.
func TestAnnouncementAfterTheOwner(t *testing.T) {
	redirect := func(r *gate.Rules) { r.Owned.Action = gate.OwnedRedirect }
	inWorld(t, setUp{routing: announcing, rules: redirect}, func(w *world) {
		w.owned("202")
		w.ask(ask{})
		w.expectStatus(desk, 100)
		w.reply(pbx, w.expectMethod(pbx, "INVITE"), 480, "")
		invite := w.expectMethod(mediaServer, "INVITE")
		w.reply(mediaServer, invite, 200, "")
		w.expectStatus(desk, 200)
		w.drain(pbx)

		w.ask(ask{callID: "hops", branch: "z9hG4bK-hops", more: "Max-Forwards: 0\n"})
		w.expectStatus(desk, 483)
		w.proxy.Drain()
		w.ask(ask{callID: "drain", branch: "z9hG4bK-drain"})
		w.expectStatus(desk, 503)
		w.drain(mediaServer)
		w.quiet(trunkA, trunkB, pbx)
	})
}

func TestParseAnnouncement(t *testing.T) {
	for _, good := range []string{
		"sip:denied@10.0.0.5", "sip:denied-{reason}@10.0.0.5:5070", "sip:annc@ms.example;play=http://x/{language}/{reason}.wav",
		"sip:denied-{reason}@[2001:db8::5]:5060;transport=tcp",
	} {
		_, err := ParseAnnouncement(good)
		require.NoError(t, err, good)
	}
	for _, bad := range []string{
		"", "denied@10.0.0.5", "tel:+1212", "sips:denied@10.0.0.5", "sip:10.0.0.5", "sip:denied-{why}@10.0.0.5", "sip:x@{reason}.example",
		"sip:x@ms-{language}.example", "sip:x@10.0.0.5?Subject=a", "sip:a b@10.0.0.5", "sip:x@10.0.0.5:{reason}",
	} {
		_, err := ParseAnnouncement(bad)
		require.Error(t, err, bad)
	}
	for _, reason := range gate.Reasons() { // every reason's word makes a URI
		a := Announcement{Template: "sip:{reason}-{language}@10.0.0.5", Language: "zh"}
		_, err := message.ParseURI(a.uri(reason))
		require.NoError(t, err, reason)
	}
}
