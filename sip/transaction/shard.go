package transaction

import (
	"sync"
	"time"

	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

// Shard holds every transaction of the Call-IDs that fall to it.
type Shard struct {
	mu      sync.Mutex
	layer   *Layer
	servers map[string]*Server // by serverKey
	clients map[string]*Client // by branch; a CANCEL's by branch and method
	early   map[string]*Server // CANCELs that came before their INVITE, by the INVITE's serverKey
	wheel   wheel
	key     []byte // reused to build keys
}

func (s *Shard) init(l *Layer) {
	s.layer = l
	s.servers = map[string]*Server{}
	s.clients = map[string]*Client{}
	s.early = map[string]*Server{}
	s.wheel.init(l.Panicked)
}

// Do runs f as one event of the shard. It must not be called with the shard's lock held, so never by a User's callback.
func (s *Shard) Do(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// Start sets t going. For the User, with the lock held.
func (s *Shard) Start(t *Timer, after time.Duration) { s.wheel.start(t, after) }

// Stop stops t; a stopped timer may be stopped again.
func (s *Shard) Stop(t *Timer) { s.wheel.stop(t) }

func (s *Shard) advance(now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wheel.advance(now)
}

// request is RFC 3261 §17.2.3: a request belongs to a server transaction, or begins one.
func (s *Shard) request(m *message.Message, from transport.Source) {
	switch m.Method {
	case "ACK":
		s.ack(m, from)
	case "CANCEL":
		s.cancel(m, from)
	default:
		s.key = appendServerKey(s.key[:0], m, m.Method)
		if tx, ok := s.servers[string(s.key)]; ok {
			tx.retransmitted()
			return
		}
		tx := s.begin(m, from)
		early := s.early[tx.key]
		s.layer.User.Request(tx, m)
		if early != nil {
			early.cancelEarly(tx)
		}
	}
}

// begin makes the server transaction whose key is in s.key.
func (s *Shard) begin(m *message.Message, from transport.Source) *Server {
	tx := newServer(s, m, from)
	s.servers[tx.key] = tx
	return tx
}

// ack ends the INVITE transaction of a non-2xx final response; any other ACK is the User's to forward.
func (s *Shard) ack(m *message.Message, from transport.Source) {
	s.key = appendServerKey(s.key[:0], m, "INVITE")
	if tx, ok := s.servers[string(s.key)]; ok && tx.state != accepted {
		tx.acknowledged()
		return
	}
	s.layer.User.Ack(s, m, from)
}

// cancel is RFC 3261 §9.2 for a proxy (§16.10): the CANCEL is a transaction of its own, answered here; what it cancels
// is told to the User.
func (s *Shard) cancel(m *message.Message, from transport.Source) {
	s.key = appendServerKey(s.key[:0], m, "CANCEL")
	if tx, ok := s.servers[string(s.key)]; ok {
		tx.retransmitted()
		return
	}
	tx := s.begin(m, from)
	s.key = appendServerKey(s.key[:0], m, "INVITE")
	if invite, ok := s.servers[string(s.key)]; ok {
		tx.Answer(message.Answer{Status: 200, Phrase: "OK", ToTag: invite.ToTag})
		s.layer.User.Cancel(invite)
		return
	}
	// Datagrams may overtake each other: the INVITE gets T1 to arrive before the CANCEL is refused.
	tx.awaits = string(s.key)
	s.early[tx.awaits] = tx
	s.Start(&tx.timeout, s.layer.Timers.T1)
}

// response is RFC 3261 §17.1.3. What no client transaction waits for is dropped, a 2xx to an INVITE included
// (RFC 6026 §8.9).
func (s *Shard) response(m *message.Message) {
	s.key = appendClientKey(s.key[:0], m.Via.Branch, m.CSeqMethod)
	c, ok := s.clients[string(s.key)]
	if !ok || c.method != m.CSeqMethod {
		s.layer.Stray("response")
		return
	}
	c.received(m)
}
