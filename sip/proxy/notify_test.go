package proxy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/gate/registrytest"
	"github.com/ringfence/ringfence/metrics"
	"github.com/ringfence/ringfence/sip/answer"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

func notifying(r *Routing) { r.Peers[0].Notify = true }

func (w *world) noticed() func(outcome string) float64 { return w.counted("ringfence_notices_total") }

// One MESSAGE for one refused call, at the rep's extension; the refusal does not wait for it.
func TestNoticeOfARefusal(t *testing.T) {
	inWorld(t, setUp{routing: func(r *Routing) {
		notifying(r)
		zh, err := answer.Profiles{Language: "zh"}.Named("phone")
		require.NoError(t, err)
		r.Peers[0].Profile = &Profile{zh}
	}}, func(w *world) {
		count := w.noticed()
		w.owned("202")
		w.ask(ask{})
		w.expectStatus(desk, 403)
		m := w.expectMethod(pbx, "MESSAGE")
		require.Equal(t, "sip:201@10.0.0.5:5060", string(m.Bytes(m.RequestURI)))
		require.Equal(t, "text/plain; charset=utf-8", value(m, message.ContentType))
		require.Equal(t, "该客户属于 202", string(m.Bytes(m.Body)))
		require.Equal(t, 1, m.Vias)
		require.Zero(t, m.Count(message.Contact), "RFC 3428 §4: a MESSAGE makes no dialog")
		require.NotEqual(t, "call-1", string(m.CallID))
		w.reply(pbx, m, 202, "")
		require.InDelta(t, 1, count(metrics.NoticeDelivered), 0)

		w.ask(ask{}) // a retransmission
		w.ask(ask{method: "ACK"})
		w.ask(ask{branch: "z9hG4bK-again", cseq: 2}) // the same call once more, as after a challenge
		w.drain(desk)
		time.Sleep(time.Minute)
		w.quiet(pbx, trunkA, trunkB)
		require.Zero(t, w.proxy.notices.under.Load())
	})
}

// A rep whose extension was entered is told there, whichever phone it was.
func TestNoticeAtTheExtensionOfAPerson(t *testing.T) {
	zhang := gate.Person{Rep: "zhang", Extension: "204"}
	people := registrytest.NewPeople(zhang)
	people["zhang.wei"] = zhang
	inWorld(t, setUp{routing: notifying, people: people}, func(w *world) {
		w.registry.AddDNC("+12125550100", "company")
		w.ask(ask{from: "zhang.wei"})
		w.expectStatus(desk, 403)
		m := w.expectMethod(pbx, "MESSAGE")
		require.Equal(t, "sip:204@10.0.0.5:5060", string(m.Bytes(m.RequestURI)))
	})
}

// A rep whose id is no extension is told at the phone that the call came from, over its own flow.
func TestNoticeDownTheFlow(t *testing.T) {
	for _, source := range []transport.Address{desk, deskTCP} {
		inWorld(t, setUp{routing: notifying}, func(w *world) {
			w.registry.AddDNC("+12125550100", "company")
			w.ask(ask{from: "zhang", source: source})
			no, m := w.next(source), w.next(source)
			if no.Request { // the two do not wait for each other
				no, m = m, no
			}
			require.Equal(t, 403, no.Status)
			require.Equal(t, "MESSAGE", m.Method)
			require.Equal(t, "sip:zhang@"+source.AddrPort.String(), string(m.Bytes(m.RequestURI)))
			require.Equal(t, "This number is on a do-not-call list", string(m.Bytes(m.Body)))
			w.reply(source, m, 200, "")
			w.quiet(pbx)
		})
	}
}

// What is let out, redirected or never decided is no refusal.
func TestNoNoticeWithoutARefusal(t *testing.T) {
	redirect := func(r *gate.Rules) { r.Owned.Action = gate.OwnedRedirect }
	inWorld(t, setUp{routing: notifying, rules: redirect}, func(w *world) {
		w.up(ask{})
		time.Sleep(12 * time.Second) // long enough to own it
		w.ask(ask{from: "203", callID: "call-2", branch: "z9hG4bK-2"})
		w.expectStatus(desk, 100)
		invite := w.expectMethod(pbx, "INVITE")
		w.quiet(pbx)
		w.ask(ask{uri: "sip:911@10.0.0.1", callID: "call-3", branch: "z9hG4bK-3"})
		w.ask(ask{callID: "call-4", branch: "z9hG4bK-4", more: "Max-Forwards: 0\n"})
		w.quiet(pbx)
		w.reply(pbx, invite, 480, "") // the owner does not pick up: now it is one
		w.expectMethod(pbx, "ACK")
		w.expectMethod(pbx, "MESSAGE")
	})
}

// A phone that refuses the MESSAGE or does not answer costs a count and no second try; there are never too many at once.
func TestNoticesFailQuietly(t *testing.T) {
	inWorld(t, setUp{routing: notifying}, func(w *world) {
		count := w.noticed()
		w.registry.AddDNC("+12125550100", "company")
		w.ask(ask{})
		w.reply(pbx, w.expectMethod(pbx, "MESSAGE"), 405, "")
		require.InDelta(t, 1, count(metrics.NoticeFailed), 0)
		for i := range mostNotices + 10 {
			id := fmt.Sprint("flood-", i)
			w.ask(ask{callID: id, branch: "z9hG4bK-" + id})
			w.ask(ask{callID: id, branch: "z9hG4bK-" + id, method: "ACK"})
		}
		require.InDelta(t, 10, count(metrics.NoticeDropped), 0)
		w.drain(pbx)
		time.Sleep(noticePatience + time.Second)
		require.InDelta(t, 1+mostNotices, count(metrics.NoticeFailed), 0)
		require.Zero(t, w.proxy.notices.under.Load())
		w.drain(pbx)
		time.Sleep(time.Minute)
		w.quiet(pbx)
	})
}

// A phone's Contact is the phone's own word: what cannot be sent to is not sent.
func TestNoticeNeedsAContact(t *testing.T) {
	inWorld(t, setUp{routing: notifying}, func(w *world) {
		count := w.noticed()
		w.registry.AddDNC("+12125550100", "company")
		for i, contact := range []string{"<sip:zhang@10.0.0.9?Route=%3Csip:x%3E>", "<tel:+12125550199>", "*"} {
			text := ask{from: "zhang", callID: fmt.Sprint(i), branch: fmt.Sprint("z9hG4bK-", i)}.text()
			w.deliver(desk, strings.Replace(text, "<sip:zhang@"+desk.AddrPort.String()+">", contact, 1))
			require.InDelta(t, i+1, count(metrics.NoticeFailed), 0)
		}
	})
}
