package proxy

import (
	"bytes"
	"strconv"
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
)

// finish sends the best final response up (§16.7-6).
func (rc *responseContext) finish() {
	if rc.tx.Finished() || rc.m == nil {
		return
	}
	best := rc.best()
	d := rc.decision
	switch {
	case d != nil && d.Verdict == gate.Redirect && !rc.cancelled:
		// The owner did not take the call: it stays what it was, somebody else's customer.
		blocked := d.Blocked()
		rc.p.block(rc, &blocked)
	case rc.announced != nil:
		rc.unheard()
	case best == nil || best.final == nil:
		rc.failed(best)
	case best.status == 503: // §16.7-6: our neighbour is overloaded, we are not
		rc.answer(refusal{Status: 500, Phrase: "Server Internal Error"})
	case rc.baits(best):
		rc.answer(refusal{Status: 403, Phrase: "Called side wants a password"})
	default:
		rc.relayFinal(best)
	}
}

// failed answers for branches that got no response at all. RFC 4320 §4.2: a non-INVITE is left without one.
func (rc *responseContext) failed(best *branch) {
	if rc.method != "INVITE" && best != nil && best.status == 408 {
		rc.tx.Abandon()
		rc.drop()
		return
	}
	r := refusal{Status: 500, Phrase: "No Route"}
	switch {
	case best == nil:
	case best.status == 408:
		r = refusal{Status: 408, Phrase: "Request Timeout"}
	case best.status == notSecured.Status:
		r = notSecured
	case best.status == 503: // §16.9 takes it for a 503, and §16.7-6 lets no 503 pass: we can serve others
		r.Phrase = "Trunk Unreachable"
	default:
		r = refusal{Status: best.status, Phrase: "Bad Gateway"}
	}
	rc.answer(r)
}

// best is §16.7-6: any 6xx, else of the lowest class, where a 4xx that tells the caller how to try again goes first.
func (rc *responseContext) best() *branch {
	var best *branch
	for _, b := range rc.branches {
		if b.status != 0 && (best == nil || b.rank() < best.rank()) {
			best = b
		}
	}
	return best
}

// rank is lower for the better response. Of two alike one that somebody gave is better than one that we made up.
func (b *branch) rank() int {
	class := b.status / 100 * 100
	made := 0
	if b.final == nil || b.status == 503 { // a 503 will not be passed on
		made = 1
	}
	switch {
	case b.status == 401 || b.status == 407:
		return class
	case b.status == 415 || b.status == 420 || b.status == 484:
		return class + 1
	case class == 600:
		return 0
	case b.status == notSecured.Status && b.final == nil: // nobody was asked
		return 560
	}
	return class + 50 + made
}

// relayFinal passes a branch's final response on, with the challenges of the others when it is one (§16.7-7).
func (rc *responseContext) relayFinal(best *branch) {
	b := upstream(best.final, func(e *message.Edit) {
		if best.status/100 == 3 {
			rc.redirected(e, best.final)
		}
		if !challenges(best.status) {
			return
		}
		for _, other := range rc.branches {
			if other != best && other.final != nil && challenges(other.status) {
				e.Insert(best.final.HeadersEnd(), challengesOf(other.final))
			}
		}
	})
	rc.end(best.status, best.out.trunk != nil && rc.p.refusedByCallee(best.final))
	rc.tx.Respond(best.status, b)
	rc.p.Metrics.Response(best.final.CSeqMethod, best.status)
	rc.drop()
}

func challenges(status int) bool { return status == 401 || status == 407 }

// challengesOf are the WWW- and Proxy-Authenticate lines of a response.
func challengesOf(m *message.Message) []byte {
	var lines []byte
	for _, h := range m.Headers() {
		if h.Kind == message.WWWAuthenticate || h.Kind == message.ProxyAuthenticate {
			lines = append(lines, m.Bytes(h.Line)...)
		}
	}
	return lines
}

// upstream is a response without our Via (§16.7-3).
func upstream(m *message.Message, more func(*message.Edit)) []byte {
	e, _ := edits.Get().(*message.Edit)
	defer edits.Put(e)
	e.Reset(m)
	e.PopElement(message.Via)
	if more != nil {
		more(e)
	}
	if length := appendLength(nil, m); length != nil {
		e.Insert(m.HeadersEnd(), length)
	}
	return e.Append(nil)
}

// relay passes a provisional or 2xx response of a branch on at once (§16.7-5).
func (rc *responseContext) relay(b *branch, m *message.Message) {
	if m.Status/100 == 2 && !rc.answered {
		rc.answered = true
		if rc.decision != nil && rc.decision.Verdict == gate.Allow {
			rc.p.Gate.Answered(rc.decision.Reservation)
		}
	}
	if m.Status/100 == 2 && rc.method == "REGISTER" && rc.m != nil {
		rc.registered(m)
	}
	rc.tx.Respond(m.Status, upstream(m, func(e *message.Edit) { b.vouchUpstream(e, m) }))
	rc.p.Metrics.Response(m.CSeqMethod, m.Status)
	if m.Status/100 == 2 {
		rc.refreshed(m)
		rc.drop()
	}
}

// refreshed reads the session timer that a 2xx to INVITE or UPDATE agrees on (RFC 4028 §8.2).
func (rc *responseContext) refreshed(m *message.Message) {
	v, ok := m.Get(message.SessionExpires)
	if !ok || rc.number == "" || rc.method != "INVITE" && rc.method != "UPDATE" {
		return
	}
	seconds, _, _ := bytes.Cut(v, []byte{';'})
	if n, err := strconv.ParseUint(string(bytes.TrimSpace(seconds)), 10, 31); err == nil && n > 0 {
		rc.p.Gate.Refreshed(rc.number, string(m.CallID), time.Duration(n)*time.Second, string(m.FromTag), string(m.ToTag))
	}
}

// answer is a final response of our own.
func (rc *responseContext) answer(r refusal) {
	rc.end(r.Status, false)
	rc.p.refuse(rc.tx, r)
	rc.drop()
}

// drop lets go of what is not needed while the transaction lingers.
func (rc *responseContext) drop() {
	rc.tx.Shard.Stop(&rc.trying)
	rc.m, rc.groups, rc.decision, rc.peer = nil, nil, nil, nil
	for _, b := range rc.branches {
		b.out = nil
	}
}

// end tells the gate how a call that was never answered ended.
func (rc *responseContext) end(status int, refused bool) {
	if rc.decision == nil || rc.answered {
		return
	}
	ending := gate.EndUnanswered
	switch {
	case refused:
		ending = gate.EndRefused
	case status/100 == 5 || status == 404 || status == 484 || status == 604:
		ending = gate.EndFailed
	}
	if letOut(rc.decision) {
		rc.p.Metrics.CallEnded(ending)
	}
	rc.p.Gate.End(rc.decision.Reservation, ending, status)
}
