package transaction

import (
	"time"

	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

// Client is a client transaction: one request of ours, to one place.
type Client struct {
	Shard   *Shard
	To      transport.Address
	From    *transport.Listener
	Sent    []byte // the request as sent; dropped with the final response
	Context any    // the User's

	key      string
	method   string
	state    state
	ack      []byte // INVITE: the ACK of a non-2xx final, sent again when that final comes again
	interval time.Duration
	resend   Timer // A, E
	timeout  Timer // B, D, F, K, M
}

// Request is what Send sends.
type Request struct {
	Method   string
	Branch   string // of the topmost Via in Bytes
	Bytes    []byte // complete; the transaction keeps them
	To       transport.Address
	From     *transport.Listener
	Patience time.Duration // how long to wait for a first response; 0: Timer B or F, 64×T1
	Context  any
}

// Send begins a client transaction. To be called with the shard's lock held: by a callback, or inside Do.
func (s *Shard) Send(r Request) *Client {
	s.key = appendClientKey(s.key[:0], []byte(r.Branch), r.Method)
	c := &Client{Shard: s, To: r.To, From: r.From, Sent: r.Bytes, Context: r.Context, key: string(s.key), method: r.Method}
	c.resend.Owner, c.timeout.Owner = c, c
	s.clients[c.key] = c
	if c.invite() {
		c.state = calling
	}
	t := &s.layer.Timers
	if r.Patience <= 0 || r.Patience > 64*t.T1 {
		r.Patience = 64 * t.T1
	}
	s.Start(&c.timeout, r.Patience) // B, F
	if !c.To.Protocol.Reliable() {
		c.interval = t.T1
		s.Start(&c.resend, t.T1) // A, E
	}
	c.transmit(c.Sent)
	return c
}

func (c *Client) invite() bool { return c.method == "INVITE" }

// Proceeding says whether a provisional response has come: only then may the INVITE be cancelled (§9.1).
func (c *Client) Proceeding() bool { return c.state == proceeding }

// Pending says whether a final response is still to come.
func (c *Client) Pending() bool { return c.state <= proceeding }

// Cancel sends the CANCEL of c's INVITE, which must be Proceeding, and gives its final response 64×T1 to come (§9.1).
func (c *Client) Cancel() {
	b := message.AppendCancel(nil, c.Sent)
	c.Shard.Start(&c.timeout, 64*c.Shard.layer.Timers.T1)
	c.Shard.Send(Request{Method: "CANCEL", Branch: c.key, Bytes: b, To: c.To, From: c.From})
}

// Abandon ends c without a word to the User.
func (c *Client) Abandon() { c.terminate() }

func (c *Client) transmit(b []byte) {
	var failed func(error)
	if c.To.Protocol.Reliable() {
		// Comes from another goroutine. UDP tells of no failure worth more than silence is.
		failed = func(err error) { c.Shard.Do(func() { c.fail(err) }) }
	}
	c.Shard.layer.Sender.Send(c.To, c.From, b, failed)
}

// fail ends a transaction that waits for a response; one that has it keeps it.
func (c *Client) fail(err error) {
	if !c.Pending() {
		return
	}
	c.terminate()
	if c.method != "CANCEL" {
		c.Shard.layer.User.Failed(c, err)
	}
}

// received is a response to c's request.
func (c *Client) received(m *message.Message) {
	switch {
	case c.state == accepted:
		if m.Status/100 == 2 { // sent again, or from another fork: every one goes up (RFC 6026 §7.2)
			c.Shard.layer.User.Response(c, m)
		}
		return
	case !c.Pending():
		c.Shard.layer.Retransmitted("in")
		if c.ack != nil && m.Status >= 300 {
			c.transmit(c.ack)
		}
		return
	case m.Status < 200:
		c.provisional()
	case c.invite():
		c.finalInvite(m)
	default:
		c.final()
	}
	if c.method != "CANCEL" {
		c.Shard.layer.User.Response(c, m)
	}
}

// provisional stops an INVITE's timers: from here on Timer C rules, and that is the User's. A non-INVITE goes on
// retransmitting, only slower (§17.1.2.2).
func (c *Client) provisional() {
	if c.state == proceeding {
		return
	}
	c.state = proceeding
	if c.invite() {
		c.Shard.Stop(&c.resend)
		c.Shard.Stop(&c.timeout)
		return
	}
	c.interval = c.Shard.layer.Timers.T2
}

// finalInvite is §17.1.1.2 with RFC 6026 §7.2.
func (c *Client) finalInvite(m *message.Message) {
	t := &c.Shard.layer.Timers
	c.Shard.Stop(&c.resend)
	if m.Status/100 == 2 {
		c.state = accepted
		c.Sent = nil
		c.Shard.Start(&c.timeout, 64*t.T1) // M
		return
	}
	c.ack = message.AppendAck(nil, c.Sent, m)
	c.Sent = nil
	c.transmit(c.ack)
	c.linger(64 * t.T1) // D: at least 32 s
}

// final is §17.1.2.2.
func (c *Client) final() {
	c.Shard.Stop(&c.resend)
	c.Sent = nil
	c.linger(c.Shard.layer.Timers.T4) // K
}

// linger absorbs what comes again over UDP; nothing comes again over a stream.
func (c *Client) linger(d time.Duration) {
	c.state = completed
	if c.To.Protocol.Reliable() {
		c.terminate()
		return
	}
	c.Shard.Start(&c.timeout, d)
}

// Expired is Timers A, B, D, E, F, K and M.
func (c *Client) Expired(t *Timer) {
	switch {
	case t == &c.resend: // A doubles without end, B ends it; E doubles up to T2
		c.interval *= 2
		if !c.invite() || c.interval > 64*c.Shard.layer.Timers.T1 {
			c.interval = min(c.interval, c.Shard.layer.Timers.T2)
		}
		c.Shard.Start(&c.resend, c.interval)
		c.Shard.layer.Retransmitted("out")
		c.transmit(c.Sent)
	case c.Pending(): // B, F, or no final after CANCEL
		c.fail(ErrTimeout)
	default:
		c.terminate()
	}
}

func (c *Client) terminate() {
	if c.Pending() {
		c.state = terminated
	}
	c.Sent, c.ack = nil, nil
	c.Shard.Stop(&c.resend)
	c.Shard.Stop(&c.timeout)
	delete(c.Shard.clients, c.key)
}
