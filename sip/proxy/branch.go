package proxy

import (
	"errors"

	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transaction"
	"github.com/ringfence/ringfence/sip/transport"
)

// branch is one copy of the request on its way, and what came back on it.
type branch struct {
	rc        *responseContext
	out       *outbound
	client    *transaction.Client
	timerC    transaction.Timer // §16.6-11
	cancels   bool              // to be cancelled as soon as a provisional response allows it
	cancelled bool              // the CANCEL was sent; there is only one
	heard     bool              // a provisional response above 100 has come
	upgraded  bool              // sent by TCP for its size, though the target is a UDP one
	status    int               // the final one; 0 while there is none
	final     *message.Message  // nil when the status is of our own making
}

// send starts the branch's client transaction, by TCP when the copy is too large for a datagram (RFC 3261 §18.1.1).
func (b *branch) send(to transport.Address) {
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
		b.status = notSecured.Status
		return
	case err != nil:
		rc.p.Log.Error().Err(err).Str("to", to.String()).Msg("a request cannot be sent there")
		b.status = 503
		return
	}
	rc.pending++
	r := transaction.Request{Method: rc.method, Branch: id, Bytes: bytes, To: o.to, From: listener, For: rc.tx, Context: b}
	if rc.method == "INVITE" {
		r.Patience = rc.p.Timers.NoAnswer
		rc.tx.Shard.Start(&b.timerC, rc.patience(false))
	}
	b.client = rc.tx.Shard.Send(r)
}

// received is §16.7 for one response.
func (b *branch) received(m *message.Message) {
	if m.Vias < 2 { // step 3: it was meant for us
		return
	}
	switch {
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
	default:
		b.settle(m.Status, m)
		b.rc.settled(b)
	}
}

// rings restarts Timer C (§16.7-2). An announcement's starts anew once, however often it says that it goes on.
func (b *branch) rings() {
	if !b.rc.announcing || !b.heard {
		b.heard = true
		b.rc.tx.Shard.Start(&b.timerC, b.rc.patience(true))
	}
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

// failed is a branch without a final response: Timer B or F, or a transport failure (§16.8, §16.9).
func (b *branch) failed(err error) {
	rc := b.rc
	if b.upgraded && b.client.To.Protocol == transport.TCP && !rc.cancelled && rc.m != nil {
		// The target takes no TCP: by datagram after all (§18.1.1).
		udp := b.client.To
		udp.Protocol = transport.UDP
		rc.p.tcpOnly.refuse(udp)
		rc.pending--
		if b.send(udp); b.status != 0 {
			rc.settled(b)
		}
		return
	}
	status := 503
	if errors.Is(err, transaction.ErrTimeout) {
		status = 408
	}
	b.settle(status, nil)
	rc.settled(b)
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
		if b.rc.announcing {
			b.settle(408, nil)
			b.rc.settled(b)
		}
		return
	}
	b.client.Abandon()
	b.failed(transaction.ErrTimeout)
}
