package proxy

import (
	"errors"

	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transaction"
	"github.com/ringfence/ringfence/sip/transport"
)

// branch is the request on its way to one target, and what came back. A target may have several addresses; they are
// tried one after another, each by a client transaction of its own (RFC 3263 §4.3).
type branch struct {
	rc        *responseContext
	out       *outbound
	client    *transaction.Client
	timerC    transaction.Timer // §16.6-11
	hops      *hops             // the target's addresses when the branch began; nil: out.to alone
	hop       int               // of these the one that is being tried
	tried     uint64            // and those that were, it included
	heard     bool              // something came back from it
	rang      bool              // 101 to 199 came: it got as far as the called person's side
	cancels   bool              // to be cancelled as soon as a provisional response allows it
	cancelled bool              // the CANCEL was sent; there is only one
	upgraded  bool              // sent by TCP for its size, though the target is a UDP one
	unsent    int               // the status when there is no way to any address; 0: 503, as §16.9 has it
	status    int               // the final one; 0 while there is none
	final     *message.Message  // nil when the status is of our own making
}

// next sends to the address that is to be tried next, and says whether there was any. One that failed lately is not
// waited for while another trunk is left.
func (b *branch) next() bool {
	b.heard, b.upgraded = false, false
	if b.hops == nil {
		again := b.tried != 0
		b.tried = 1
		return !again && b.send(b.out.to)
	}
	for {
		i := b.hops.next(b.tried, b.tried == 0 || len(b.rc.groups) == 0)
		if i < 0 {
			return false
		}
		b.hop, b.tried = i, b.tried|1<<i
		if b.send(b.hops.all[i].Address) {
			return true
		}
	}
}

// send starts a client transaction, by TCP when the copy is too large for a datagram (RFC 3261 §18.1.1). It says whether
// there is a way.
func (b *branch) send(to transport.Address) bool {
	rc := b.rc
	o := *b.out
	o.to = to
	id := rc.p.newBranch(rc.m)
	bytes, listener, err := rc.p.copyOf(rc.m, rc.tx.Source, &o, id)
	if err == nil && len(bytes) > maxDatagram && to.Protocol == transport.UDP && !b.upgraded && !rc.p.tcpOnly.spared(to) {
		o.to.Protocol = transport.TCP
		if large, l, err := rc.p.copyOf(rc.m, rc.tx.Source, &o, id); err == nil {
			bytes, listener, b.upgraded = large, l, true
		} else {
			o.to = to
		}
	}
	switch {
	case errors.Is(err, errInsecure):
		b.unsent = notSecured.Status
		return false
	case err != nil:
		rc.p.Log.Error().Err(err).Str("to", to.String()).Msg("a request cannot be sent there")
		return false
	}
	rc.pending++
	r := transaction.Request{Method: rc.method, Branch: id, Bytes: bytes, To: o.to, From: listener, For: rc.tx, Context: b}
	if rc.method == "INVITE" {
		r.Patience = rc.p.Timers.NoAnswer
		rc.tx.Shard.Start(&b.timerC, rc.patience(false))
	} else if b.hops != nil && b.hops.next(b.tried, false) >= 0 {
		r.Patience = rc.p.Timers.NoAnswer // Timer F would outlive the client's own
	}
	b.client = rc.tx.Shard.Send(r)
	return true
}

// again goes on to the target's next address and says whether it did: not when the branch is to end.
func (b *branch) again() bool {
	rc := b.rc
	if rc.m == nil || rc.cancelled || b.cancels || b.cancelled {
		return false
	}
	rc.tx.Shard.Stop(&b.timerC)
	rc.pending--
	if b.next() {
		return true
	}
	rc.pending++
	return false
}

// received is §16.7 for one response.
func (b *branch) received(m *message.Message) {
	b.answers()
	switch {
	case m.Vias < 2: // step 3: it was meant for us, who asked nothing
		if m.Status >= 200 {
			b.settle(502, nil)
			b.rc.settled(b)
		}
	case m.Status == 100:
		b.provisional()
	case m.Status < 200:
		b.provisional()
		b.rings()
		if !b.rc.tx.Finished() {
			b.rc.relay(b, m)
		}
	case m.Status < 300:
		first := b.status == 0
		b.settle(m.Status, nil)
		b.rc.relay(b, m)
		if first {
			b.rc.settled(b)
		}
	case m.Status == 503 && b.overloaded(m):
	default:
		b.settle(m.Status, m)
		b.rc.settled(b)
	}
}

// rings restarts Timer C (§16.7-2). An announcement's starts anew once, however often it says that it goes on.
func (b *branch) rings() {
	if b.rc.method == "INVITE" && !(b.rc.announced != nil && b.rang) {
		b.rc.tx.Shard.Start(&b.timerC, b.rc.patience(true))
	}
	b.rang = true
}

// late is a response to an INVITE that was given up for its silence. Whoever rings now is told to stop, or the called
// person would be rung twice; who answers has the call if nobody else has (§16.7-5: every 2xx goes up).
func (b *branch) late(c *transaction.Client, m *message.Message) {
	rc := b.rc
	switch {
	case m.Status < 200:
		if c.Proceeding() && !c.Cancelled() {
			c.Cancel()
		}
	case m.Status < 300 && m.Vias > 1:
		rc.groups = nil
		rc.cancelBranches()
		rc.relay(b, m)
	}
}

// overloaded is RFC 3261 §21.5.4: the server is spared for as long as it says, and another one is tried.
func (b *branch) overloaded(m *message.Message) bool {
	if wait := retryAfter(m); wait > 0 {
		b.penalise(min(wait, maxRetryAfter), true)
	}
	return b.again()
}

// provisional: from here on the branch may be cancelled (§9.1).
func (b *branch) provisional() {
	if b.cancels && b.client.Proceeding() {
		b.sendCancel()
	}
}

func (b *branch) sendCancel() {
	if !b.cancelled {
		b.cancelled = true
		b.client.Cancel()
	}
}

// failed is a client transaction without a final response: Timer B or F, or a transport failure (§16.8, §16.9).
func (b *branch) failed(err error) {
	if b.byDatagram() {
		return
	}
	timeout := errors.Is(err, transaction.ErrTimeout)
	if !b.heard {
		b.penalise(b.rc.p.Timers.Penalty, false)
	}
	if (!timeout || !b.heard) && b.again() {
		return
	}
	status := 503
	if timeout {
		status = 408
	}
	b.settle(status, nil)
	b.rc.settled(b)
}

// byDatagram sends by UDP after all what was too large for it, when the target takes no TCP (§18.1.1).
func (b *branch) byDatagram() bool {
	rc := b.rc
	if !b.upgraded || b.client.To.Protocol != transport.TCP || rc.cancelled || rc.m == nil {
		return false
	}
	udp := b.client.To
	udp.Protocol = transport.UDP
	rc.p.tcpOnly.refuse(udp)
	rc.tx.Shard.Stop(&b.timerC)
	rc.pending--
	if b.send(udp) {
		return true
	}
	rc.pending++
	return false
}

// settle notes the first final response.
func (b *branch) settle(status int, m *message.Message) {
	if b.status != 0 {
		return
	}
	b.status, b.final = status, m
	b.rc.tx.Shard.Stop(&b.timerC)
	b.rc.pending--
}

// cancel is §16.10 for one branch.
func (b *branch) cancel() {
	if b.status != 0 || b.client == nil || b.rc.method != "INVITE" {
		return
	}
	if b.client.Proceeding() {
		b.sendCancel()
		return
	}
	b.cancels = true
}

// Expired is Timer C (§16.8): a branch that rings is cancelled, a silent one is given up. Nobody waits for what an
// announcement says to that.
func (b *branch) Expired(*transaction.Timer) {
	if b.client.Proceeding() {
		b.sendCancel()
		if b.rc.announced != nil {
			b.settle(408, nil)
			b.rc.settled(b)
		}
		return
	}
	b.client.Abandon()
	b.failed(transaction.ErrTimeout)
}
