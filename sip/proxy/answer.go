package proxy

import (
	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/answer"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transaction"
)

// refusal is a response of the proxy's own; refuse is the only place that writes one on the wire.
type refusal answer.Refusal

func (p *Proxy) refuse(tx *transaction.Server, r refusal) {
	if tx.Finished() {
		return
	}
	method := tx.Request.Method
	tx.Answer(message.Answer{Status: r.Status, Phrase: r.Phrase, Headers: []byte(r.Headers)})
	p.Metrics.Response(method, r.Status)
}

// Profile is how a peer is told of a decision.
type Profile struct{ *answer.Profile }

// refusal puts a decision that blocks into the peer's words.
func (p *Profile) refusal(d *gate.Decision) refusal { return refusal(p.Refusal(d)) }

// fault is the answer to a request that failed inside the gate. An INVITE that was to be decided is refused in the
// peer's words: after a 500 a PBX would send it, undecided, by its next trunk.
func fault(tx *transaction.Server) refusal {
	if rc, ok := tx.Context.(*responseContext); ok && rc.peer != nil && rc.peer.Profile != nil {
		return rc.peer.refusal(&gate.Decision{})
	}
	return refusal{Status: 500, Phrase: "Server Internal Error"}
}
