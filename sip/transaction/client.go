package transaction

import (
	"errors"
	"time"

	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

// Client is a client transaction: one request of ours, to one place.
type Client struct {
	Shard   *Shard
	To      transport.Address
	From    *transport.Listener
	Sent    []byte  // the request as sent; dropped with the final response
	For     *Server // the server transaction it was forwarded for; nil for none
	Context any     // the User's

	key      key
	branch   string
	method   string
	state    state
	patience time.Duration // what Request asked for, at most 64×T1
	cancels  bool          // its CANCEL was sent
	givenUp  bool          // patience ended, and Timer B has not
	interval time.Duration
	resend   Timer // A, E
	timeout  Timer // B, F
}

// Request is what Send sends.
type Request struct {
	Method   string
	Branch   string // of the topmost Via in Bytes
	Bytes    []byte // complete; the transaction keeps them
	To       transport.Address
	From     *transport.Listener
	Patience time.Duration // how long to wait for a first response; 0: Timer B or F, 64×T1
	For      *Server       // the server transaction it is forwarded for
	Context  any
}

// Send begins a client transaction. To be called with the shard's lock held: by a callback, or inside Do.
func (s *Shard) Send(r Request) *Client {
	c := &Client{Shard: s, To: r.To, From: r.From, Sent: r.Bytes, For: r.For, Context: r.Context, branch: r.Branch, method: r.Method}
	c.key = s.layer.clientKey(s, []byte(r.Branch), r.Method)
	c.resend.Owner, c.timeout.Owner = c, c
	s.clients[c.key] = c
	if c.invite() {
		c.state = calling
	}
	t := &s.layer.Timers
	if r.Patience <= 0 || r.Patience > 64*t.T1 {
		r.Patience = 64 * t.T1
	}
	c.patience = r.Patience
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

// GivenUp says whether the User has been told ErrTimeout though a response may still come: it was less patient than
// Timer B, and whoever got the INVITE may only be slow.
func (c *Client) GivenUp() bool { return c.givenUp }

// Cancelled says whether its CANCEL was sent.
func (c *Client) Cancelled() bool { return c.cancels }

// Cancel sends the CANCEL of c's INVITE, which must be Proceeding, and gives its final response 64×T1 to come (§9.1).
func (c *Client) Cancel() {
	c.cancels = true
	b := message.AppendCancel(nil, c.Sent)
	c.Shard.Start(&c.timeout, 64*c.Shard.layer.Timers.T1)
	c.Shard.Send(Request{Method: "CANCEL", Branch: c.branch, Bytes: b, To: c.To, From: c.From})
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
	given := c.givenUp
	if c.invite() && c.state == calling && errors.Is(err, ErrTimeout) && !given && c.patience < 64*c.Shard.layer.Timers.T1 {
		c.giveUp()
	} else {
		c.terminate()
	}
	if c.method != "CANCEL" && !given {
		c.Shard.layer.User.Failed(c, err)
	}
}

// giveUp stops asking, and listens for what is left of Timer B's time.
func (c *Client) giveUp() {
	c.givenUp = true
	c.Shard.Stop(&c.resend)
	c.Shard.Start(&c.timeout, 64*c.Shard.layer.Timers.T1-c.patience)
}

// received is a response to c's request.
func (c *Client) received(m *message.Message) {
	switch {
	case m.Status < 200:
		c.provisional()
	case c.invite() && m.Status/100 == 2:
		c.accept(m)
		return
	case c.invite():
		c.refused(m)
	default: // Timer K is 0: what comes again belongs to nothing, and is dropped just the same
		c.state = completed
		c.forget()
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

// accept is RFC 6026 §7.2: until Timer M every 2xx goes up, if the first one did.
func (c *Client) accept(m *message.Message) {
	c.state = accepted
	c.forget()
	c.Shard.layer.User.Response(c, m)
	f := finished{key: c.key}
	if c.For != nil && c.For.state == accepted {
		f.to, f.accepted = c.For.Source, true
	}
	c.Shard.remember(f)
}

// refused is §17.1.1.3: the ACK is ours to send, and again when the refusal comes again.
func (c *Client) refused(m *message.Message) {
	c.state = completed
	ack := message.AppendAck(nil, c.Sent, m)
	c.forget()
	c.transmit(ack)
	if !c.To.Protocol.Reliable() { // D: at least 32 s
		c.Shard.remember(finished{key: c.key, to: transport.Source{Address: c.To, Listener: c.From}, last: ack})
	}
}

// Expired is Timers A, B, E and F.
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
	default: // B, F, or no final after CANCEL
		c.fail(ErrTimeout)
	}
}

func (c *Client) terminate() {
	if c.Pending() {
		c.state = terminated
	}
	c.forget()
}

// forget takes the transaction out of its shard.
func (c *Client) forget() {
	c.Sent = nil
	c.Shard.Stop(&c.resend)
	c.Shard.Stop(&c.timeout)
	delete(c.Shard.clients, c.key)
}
