package proxy

import (
	"fmt"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// mostErrands is how many feature codes are served at once. They share the way to the registry with calls, which come
// first: a code above that is told to come again.
const mostErrands = 32

// serve has the gate do what a feature code asks for, beside the calls, and answers with what came of it. Nothing of it
// goes anywhere: whatever happens here, the INVITE ends in a refusal of the gate's own.
func (p *Proxy) serve(rc *responseContext, in *inbound, call gate.Call) {
	if p.errands.Add(1) > mostErrands {
		p.errands.Add(-1)
		p.served(rc, in, call, gate.Outcome{Reason: gate.RegistryDown})
		return
	}
	shard := in.tx.Shard
	shard.Start(&rc.trying, p.Timers.Trying)
	go func() {
		o := p.errand(call)
		p.errands.Add(-1)
		shard.Do(func() {
			defer p.contain(in.tx)
			p.served(rc, in, call, o)
		})
	}()
}

// errand waits for the desk. A fault in it is this code's alone.
func (p *Proxy) errand(call gate.Call) (o gate.Outcome) {
	defer func() {
		if v := recover(); v != nil {
			p.panicked(v)
			o = gate.Outcome{}
		}
	}()
	return p.Gate.Serve(p.life, call)
}

// served tells the rep. One who has hung up meanwhile can still be told by MESSAGE: it is done all the same.
func (p *Proxy) served(rc *responseContext, in *inbound, call gate.Call, o gate.Outcome) {
	p.Metrics.Served(o)
	p.logOutcome(&call, &o)
	peer := in.from.peer
	words := refusal(peer.Profile.Outcome(o, call, time.Now()))
	if peer.Notify && !o.Repeated {
		p.notify(rc, call.Rep, words.text())
	}
	if in.tx.Finished() {
		return
	}
	why := outcomeWord(&o)
	p.say(rc, peer.stopped(words, o.Reason, why), why)
}

// outcomeWord names what came of a code in one word, for announcements and dial plans.
func outcomeWord(o *gate.Outcome) fmt.Stringer {
	if o.Result == gate.Unserved {
		return o.Reason
	}
	return o.Result
}

// logOutcome is the one line a feature code leaves. Of what was dialled it shows the code and the number alone: the rest
// may be a PIN.
func (p *Proxy) logOutcome(c *gate.Call, o *gate.Outcome) {
	number := string(c.Dialled.Number)
	if !p.Full {
		number = c.Dialled.Number.Masked()
	}
	p.Log.Info().Str("call_id", clip(c.CallID)).Str("rep", p.rep(c.Rep)).Str("peer", c.Peer).Stringer("code", c.Dialled.Code).
		Str("number", number).Stringer("result", outcomeWord(o)).Str("owner", p.rep(o.Owner)).Bool("repeated", o.Repeated).Msg("feature code")
}
