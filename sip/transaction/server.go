package transaction

import (
	"net/netip"
	"time"

	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

// state is a transaction's state under the names of RFC 3261 §17 and RFC 6026.
type state uint8

const (
	trying     state = iota // non-INVITE server, non-INVITE client
	calling                 // INVITE client
	proceeding              // a provisional response has passed
	accepted                // INVITE: a 2xx has passed (RFC 6026)
	completed               // a final response has passed that this layer repeats
	terminated
)

// Server is a server transaction.
type Server struct {
	Shard   *Shard
	Request *message.Message // nil once a final response was sent: what lingers is only that response
	Source  transport.Source // who sent it: responses go back there
	ToTag   string           // what this transaction's own responses carry; the same in all of them (§8.2.6.2)
	Context any              // the User's

	key      key
	awaits   key // of an early CANCEL: the INVITE it waits for
	early    bool
	invite   bool
	state    state
	port     uint16 // that the request came from, which is not always where replies go
	response []byte // the last one sent, for retransmissions
	interval int64  // Timer G's present value, ns
	resend   Timer  // G
	timeout  Timer  // H; T1 for an early CANCEL
}

func newServer(s *Shard, k key, m *message.Message, from transport.Source) *Server {
	tx := &Server{Shard: s, Request: m, Source: ReplyTo(m, from), port: from.Port(), key: k, invite: m.Method == "INVITE"}
	tx.resend.Owner, tx.timeout.Owner = tx, tx
	if tx.invite {
		tx.state = proceeding
	}
	return tx
}

// Origin is where the request came from. Over UDP its port may be another than that of Source, which a Via without rport
// chooses: what is known of a sender is known of Origin.
func (tx *Server) Origin() transport.Source {
	from := tx.Source
	from.AddrPort = netip.AddrPortFrom(from.Addr(), tx.port)
	return from
}

// ReplyTo is RFC 3261 §18.2.2 with RFC 3581 §4: the source's address, and its port when rport asked for it; without
// rport the port that Via names. A stream's responses go by the connection.
func ReplyTo(m *message.Message, from transport.Source) transport.Source {
	if from.Protocol.Reliable() || m.Via.RPort {
		return from
	}
	port := m.Via.Port
	if port == 0 {
		port = 5060
	}
	from.AddrPort = netip.AddrPortFrom(from.Addr(), port)
	return from
}

// Answer sends a response of the proxy's own.
func (tx *Server) Answer(a message.Answer) {
	if tx.Request == nil {
		return
	}
	if a.ToTag == "" && a.Status > 100 {
		if tx.ToTag == "" {
			tx.ToTag = NewTag()
		}
		a.ToTag = tx.ToTag
	}
	a.Source = tx.Source.AddrPort
	tx.Respond(a.Status, message.AppendAnswer(nil, tx.Request, a))
}

// Respond sends a response that is complete in b, which the transaction keeps. Final responses after the first are
// ignored, except that an INVITE's every 2xx passes (RFC 6026 §7.1).
func (tx *Server) Respond(status int, b []byte) {
	switch {
	case tx.state == accepted && status/100 == 2:
		tx.reply(b)
	case tx.state > proceeding:
	case status < 200:
		tx.state = proceeding
		tx.response = b
		tx.reply(b)
	default:
		tx.finish(status, b)
	}
}

// Abandon ends a non-INVITE transaction without a response, when one would come too late to be of use (RFC 4320 §4.2).
func (tx *Server) Abandon() { tx.terminate() }

// Finished says whether a final response has been sent.
func (tx *Server) Finished() bool { return tx.state > proceeding }

// finish sends the final response. Only an INVITE's refusal waits for more, its ACK; of every other transaction there
// stays what comes again.
func (tx *Server) finish(status int, b []byte) {
	t := &tx.Shard.layer.Timers
	tx.Request = nil
	tx.response = nil
	tx.Shard.Stop(&tx.timeout)
	reliable := tx.Source.Protocol.Reliable()
	switch {
	case tx.invite && status/100 == 2:
		tx.state = accepted
		tx.forget()
		tx.Shard.remember(finished{key: tx.key, to: tx.Source, accepted: true}) // L
	case tx.invite && !reliable && tx.Shard.layer.Silence.Silent(tx.Source.Addr(), time.Now()):
		tx.state = completed
		tx.forget()
		tx.Shard.remember(finished{key: tx.key, to: tx.Source, last: b}) // G = H = 0: said again only when asked again
	case tx.invite:
		tx.state = completed
		tx.response = b
		tx.Shard.Start(&tx.timeout, 64*t.T1) // H
		if !reliable {
			tx.interval = int64(t.T1)
			tx.Shard.Start(&tx.resend, t.T1) // G
		}
	case reliable: // J = 0
		tx.state = completed
		tx.forget()
	default:
		tx.state = completed
		tx.forget()
		tx.Shard.remember(finished{key: tx.key, to: tx.Source, last: b}) // J
	}
	tx.reply(b)
}

// acknowledged is the ACK of a non-2xx final response.
func (tx *Server) acknowledged() {
	if tx.state != completed {
		return
	}
	reliable := tx.Source.Protocol.Reliable()
	tx.terminate()
	if !reliable { // I
		tx.Shard.layer.Silence.Acknowledged(tx.Source.Addr(), time.Now())
		tx.Shard.rememberIn(&tx.Shard.finished.short, finished{key: tx.key, to: tx.Source}, tx.Shard.layer.Timers.T4)
	}
}

// cancelEarly answers a CANCEL that had waited for the INVITE that has now begun.
func (tx *Server) cancelEarly(invite *Server) {
	delete(tx.Shard.early, tx.awaits)
	tx.Answer(message.Answer{Status: 200, Phrase: "OK", ToTag: invite.ToTag})
	tx.Shard.layer.User.Cancel(invite)
}

// Expired is Timers G and H.
func (tx *Server) Expired(t *Timer) {
	switch {
	case t == &tx.resend: // G
		if tx.interval == int64(tx.Shard.layer.Timers.T1) { // for the first time
			tx.Shard.layer.Silence.Missed(tx.Source.Addr(), time.Now())
		}
		tx.interval = min(2*tx.interval, int64(tx.Shard.layer.Timers.T2))
		tx.Shard.Start(&tx.resend, time.Duration(tx.interval))
		tx.Shard.layer.Retransmitted("out")
		tx.reply(tx.response)
	case tx.early && tx.state == trying: // an early CANCEL whose INVITE never came
		delete(tx.Shard.early, tx.awaits)
		tx.Answer(message.Answer{Status: 481, Phrase: "Call/Transaction Does Not Exist"})
	default:
		unacknowledged := tx.state == completed && tx.invite // H
		tx.terminate()
		if unacknowledged {
			tx.Shard.layer.User.Unacknowledged(tx)
		}
	}
}

func (tx *Server) terminate() {
	tx.state = terminated
	tx.response, tx.Request = nil, nil
	tx.forget()
}

// forget takes the transaction out of its shard.
func (tx *Server) forget() {
	tx.Shard.Stop(&tx.resend)
	tx.Shard.Stop(&tx.timeout)
	delete(tx.Shard.servers, tx.key)
}

// reply sends by the way the request came. A lost connection needs no word here: the caller is gone, and the timers end
// the transaction (§17.2.4 leaves it to the User, who can do nothing either).
func (tx *Server) reply(b []byte) { tx.Shard.layer.Sender.Reply(tx.Source, b, nil) }
