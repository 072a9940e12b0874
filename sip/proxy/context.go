package proxy

import (
	"bytes"
	"strconv"
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transaction"
)

// responseContext is RFC 3261 §16's: one request received, the branches it was forwarded on, and the one final
// response that will come of it. All of it runs under its shard's lock.
type responseContext struct {
	p         *Proxy
	tx        *transaction.Server
	m         *message.Message // nil once a final response went up
	method    string
	decision  *gate.Decision // of an initial INVITE; nil for every other request
	number    gate.Number    // that the call holds in the registry; "" when it holds none
	profile   *Profile       // the answers its caller understands
	groups    [][]outbound   // targets not tried yet, in order; those of one group ring together
	branches  []*branch      // of the group that is being tried
	pending   int            // branches without a final response
	trying    transaction.Timer
	tried     bool // 100 was sent
	cancelled bool
	answered  bool // a 2xx went up
}

func newResponseContext(p *Proxy, tx *transaction.Server, m *message.Message) *responseContext {
	rc := &responseContext{p: p, tx: tx, m: m, method: m.Method}
	rc.trying.Owner = rc
	tx.Context = rc
	return rc
}

// forward sends the request to the next group of targets; with none left it answers with the best of what came.
func (rc *responseContext) forward() {
	for rc.pending == 0 && len(rc.groups) > 0 && rc.m != nil {
		group := rc.groups[0]
		rc.groups = rc.groups[1:]
		rc.branches = rc.branches[:0]
		for i := range group {
			rc.open(&group[i])
		}
		if rc.pending > 0 {
			rc.sendTrying()
		}
	}
	if rc.pending == 0 {
		rc.finish()
	}
}

// open begins one branch.
func (rc *responseContext) open(o *outbound) {
	b := &branch{rc: rc, out: o}
	b.timerC.Owner = b
	rc.branches = append(rc.branches, b)
	b.send(o.to)
}

// sendTrying: 100 as soon as the request is on its way, or when the decision takes long. Only INVITEs get one
// (RFC 4320 §4.1).
func (rc *responseContext) sendTrying() {
	if rc.tried || rc.tx.Finished() || rc.method != "INVITE" {
		return
	}
	rc.tried = true
	rc.tx.Shard.Stop(&rc.trying)
	rc.tx.Answer(message.Answer{Status: 100, Phrase: "Trying"})
}

// Expired is the wait for the decision growing long.
func (rc *responseContext) Expired(*transaction.Timer) { rc.sendTrying() }

// cancel is §16.10: pending branches are cancelled, each once it may be; targets not tried yet are dropped. When nothing was forwarded
// the proxy answers 487 itself; else the callee's 487 comes up.
func (rc *responseContext) cancel() {
	if rc.cancelled || rc.tx.Finished() {
		return
	}
	rc.cancelled = true
	rc.groups = nil
	if rc.pending == 0 {
		rc.answer(refusal{Status: 487, Phrase: "Request Terminated"})
		return
	}
	rc.cancelBranches()
}

func (rc *responseContext) cancelBranches() {
	for _, b := range rc.branches {
		b.cancel()
	}
}

// settled is told by a branch that has just got its final response.
func (rc *responseContext) settled(b *branch) {
	switch {
	case b.status/100 == 2:
		rc.groups = nil
		rc.cancelBranches()
	case b.status/100 == 6: // §16.7-5: nobody else is asked, but the answer waits for all
		rc.groups = nil
		rc.cancelBranches()
	case !rc.unreached():
		rc.groups = nil
	}
	if rc.pending == 0 && !rc.tx.Finished() {
		rc.forward()
	}
}

// unreached says whether no branch so far got as far as the called person's side, only into a trunk that is out of
// order or silent: only then is the next trunk worth a try.
func (rc *responseContext) unreached() bool {
	for _, b := range rc.branches {
		silent := b.status == 408 && b.final == nil
		if b.status != 0 && b.status/100 != 5 && !silent {
			return false
		}
	}
	return true
}

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
		rc.answer(rc.profile.refusal(&blocked))
	case best == nil || best.final == nil:
		rc.failed(best)
	case best.status == 503: // §16.7-6: our neighbour is overloaded, we are not
		rc.answer(refusal{Status: 500, Phrase: "Server Internal Error"})
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
	if best != nil {
		r = refusal{Status: best.status, Phrase: "Request Timeout"}
		if best.status != 408 {
			r.Phrase = "Trunk Unreachable"
		}
	}
	rc.answer(r)
}

// best is §16.7-6: any 6xx, else of the lowest class, where a 4xx that tells the caller how to try again goes first.
func (rc *responseContext) best() *branch {
	var best *branch
	for _, b := range rc.branches {
		if b.status != 0 && (best == nil || rank(b.status) < rank(best.status)) {
			best = b
		}
	}
	return best
}

func rank(status int) int {
	switch status {
	case 401, 407:
		return 400
	case 415, 420, 484:
		return 401
	}
	if status/100 == 6 {
		return 0
	}
	return status/100*100 + 50
}

// relayFinal passes a branch's final response on, with the challenges of the others when it is one (§16.7-7).
func (rc *responseContext) relayFinal(best *branch) {
	b := rc.upstream(best.final, func(e *message.Edit) {
		if best.status != 401 && best.status != 407 {
			return
		}
		for _, other := range rc.branches {
			if other != best && other.final != nil {
				e.Insert(best.final.HeadersEnd(), challenges(other.final))
			}
		}
	})
	rc.end(best.status, best.out.trunk != nil && rc.p.refusedByCallee(best.final))
	rc.tx.Respond(best.status, b)
	rc.p.Metrics.Response(best.final.CSeqMethod, best.status)
	rc.drop()
}

// challenges are the WWW- and Proxy-Authenticate lines of a response.
func challenges(m *message.Message) []byte {
	var lines []byte
	for _, h := range m.Headers() {
		if h.Kind == message.WWWAuthenticate || h.Kind == message.ProxyAuthenticate {
			lines = append(lines, m.Bytes(h.Line)...)
		}
	}
	return lines
}

// upstream is a response without our Via (§16.7-3).
func (rc *responseContext) upstream(m *message.Message, more func(*message.Edit)) []byte {
	e, _ := edits.Get().(*message.Edit)
	defer edits.Put(e)
	e.Reset(m)
	e.PopElement(message.Via)
	if more != nil {
		more(e)
	}
	return e.Append(make([]byte, 0, len(m.Raw)))
}

// relay passes a provisional or 2xx response on at once (§16.7-5).
func (rc *responseContext) relay(m *message.Message) {
	if m.Status/100 == 2 && !rc.answered {
		rc.answered = true
		if rc.decision != nil && rc.decision.Verdict == gate.Allow {
			rc.p.Gate.Answered(rc.decision.Reservation)
		}
	}
	rc.tx.Respond(m.Status, rc.upstream(m, nil))
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
	rc.m, rc.groups, rc.decision = nil, nil, nil
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
