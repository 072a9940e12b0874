package proxy

import (
	"cmp"

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
	peer      *Peer          // whose call it is, of an initial INVITE that is decided
	groups    [][]outbound   // targets not tried yet, in order; those of one group ring together
	branches  []*branch      // of every group that was tried: the best response is looked for among all (§16.7-6)
	pending   int            // branches without a final response
	trying    transaction.Timer
	tried     bool // 100 was sent
	cancelled bool
	answered  bool // a 2xx went up

	announced *refusal // the call is on its way to the announcement that says this, and ends with it; else nil
}

func newResponseContext(p *Proxy, tx *transaction.Server, m *message.Message) *responseContext {
	rc := &responseContext{p: p, tx: tx, m: m, method: m.Method}
	rc.trying.Owner = rc
	tx.Context = rc
	return rc
}

// responseContextOf is the one that in has already, when its rep had to be asked for, or a new one.
func responseContextOf(p *Proxy, in *inbound) *responseContext {
	if rc, ok := in.tx.Context.(*responseContext); ok {
		return rc
	}
	return newResponseContext(p, in.tx, in.m)
}

// forward sends the request to the next group of targets; with none left it answers with the best of what came.
func (rc *responseContext) forward() {
	for rc.pending == 0 && len(rc.groups) > 0 && rc.m != nil {
		group := rc.divide()
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
	if o.at != nil {
		b.hops = o.at.now()
	}
	if !b.next() {
		b.status = cmp.Or(b.unsent, 503)
	}
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

// cancel is §16.10: pending branches are cancelled, each once it may be; targets not tried yet are dropped. When nothing
// was forwarded the proxy answers 487 itself; else the callee's 487 comes up.
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
		// Silent, or never asked. Who rang may still ring.
		ours := b.final == nil && (b.status == 408 && !b.rang || b.status == notSecured.Status)
		if b.status != 0 && b.status/100 != 5 && !ours {
			return false
		}
	}
	return true
}
