package proxy

import (
	"fmt"
	"runtime/debug"

	"github.com/ringfence/ringfence/sip/transaction"
)

// contain keeps a fault in one call from reaching the others: its caller is answered, what it held is let go, and the
// process lives. tx is nil where nobody waits for an answer.
func (p *Proxy) contain(tx *transaction.Server) {
	v := recover()
	if v == nil {
		return
	}
	p.panicked(v)
	if tx == nil || tx.Finished() {
		return
	}
	defer func() { // the same fault again, on the way out
		if v := recover(); v != nil {
			p.panicked(v)
			tx.Abandon()
		}
	}()
	r := fault(tx)
	if rc, ok := tx.Context.(*responseContext); ok {
		rc.giveUp(r)
		return
	}
	p.refuse(tx, r)
}

func (p *Proxy) panicked(v any) {
	p.Metrics.Panicked()
	p.Log.Error().Str("panic", fmt.Sprint(v)).Bytes("stack", debug.Stack()).Msg("a call failed inside the gate; please report this")
}

// giveUp ends a request in the middle of whatever was being done for it.
func (rc *responseContext) giveUp(r refusal) {
	rc.groups = nil
	rc.cancelBranches()
	rc.answer(r)
}
