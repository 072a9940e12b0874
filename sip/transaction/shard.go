package transaction

import (
	"sync"
	"time"

	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

// Shard holds every transaction of the Call-IDs that fall to it.
type Shard struct {
	mu       sync.Mutex
	layer    *Layer
	servers  map[key]*Server
	clients  map[key]*Client
	early    map[key]*Server // CANCELs that came before their INVITE, by the INVITE's key
	finished memory
	wheel    wheel
	text     []byte // reused to build keys
}

func (s *Shard) init(l *Layer) {
	s.layer = l
	s.servers = map[key]*Server{}
	s.clients = map[key]*Client{}
	s.early = map[key]*Server{}
	s.finished.init()
	s.wheel.init(l.clock.tick, l.Panicked)
}

// Do runs f as one event of the shard. It must not be called with the shard's lock held, so never by a User's callback.
func (s *Shard) Do(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// Of is the shard of another Call-ID. It needs no lock, and its shard's is not to be taken inside this one's.
func (s *Shard) Of(callID []byte) *Shard { return s.layer.Shard(callID) }

// Start sets t going. For the User, with the lock held.
func (s *Shard) Start(t *Timer, after time.Duration) {
	if s.wheel.count == 0 {
		s.wheel.advance(s.layer.clock.now())
	}
	s.wheel.start(t, after)
	s.layer.clock.started()
}

// Stop stops t; a stopped timer may be stopped again.
func (s *Shard) Stop(t *Timer) { s.wheel.stop(t) }

// advance fires what is due, forgets what is over, and says whether any timer runs.
func (s *Shard) advance(now int64) (busy bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wheel.advance(now)
	s.finished.forget(now)
	return s.wheel.count > 0
}

// remember keeps what is left of a transaction for its 64×T1.
func (s *Shard) remember(f finished) { s.rememberIn(&s.finished.long, f, 64*s.layer.Timers.T1) }

func (s *Shard) rememberIn(l *line, f finished, life time.Duration) {
	f.due = s.layer.clock.now() + int64(life/s.layer.clock.tick) + 1
	s.finished.known[f.key] = l.add(f)
}

// request is RFC 3261 §17.2.3: a request belongs to a server transaction, or begins one.
func (s *Shard) request(m *message.Message, from transport.Source) {
	switch m.Method {
	case "ACK":
		s.ack(m, from)
	case "CANCEL":
		s.cancel(m, from)
	default:
		k := s.layer.serverKey(s, m, m.Method)
		if s.again(k) {
			return
		}
		tx := s.begin(k, m, from)
		early := s.early[k]
		s.layer.User.Request(tx, m)
		if early != nil {
			early.cancelEarly(tx)
		}
	}
}

// again answers a request that has come before with the last response; after a 2xx to an INVITE it is absorbed.
func (s *Shard) again(k key) bool {
	var to transport.Source
	var last []byte
	if tx, ok := s.servers[k]; ok {
		to, last = tx.Source, tx.response
	} else if f, ok := s.finished.known[k]; ok {
		to, last = f.to, f.last
	} else {
		return false
	}
	s.layer.Retransmitted("in")
	if last != nil {
		s.layer.Sender.Reply(to, last, nil)
	}
	return true
}

// begin makes a server transaction.
func (s *Shard) begin(k key, m *message.Message, from transport.Source) *Server {
	tx := newServer(s, k, m, from)
	s.servers[k] = tx
	return tx
}

// ack ends the INVITE transaction of a non-2xx final response; any other ACK is the User's to forward.
func (s *Shard) ack(m *message.Message, from transport.Source) {
	k := s.layer.serverKey(s, m, "INVITE")
	if tx, ok := s.servers[k]; ok {
		tx.acknowledged()
		return
	}
	if f, ok := s.finished.known[k]; ok && !f.accepted {
		if f.last != nil { // the first one of a source that was silent
			f.last = nil
			s.layer.Silence.Acknowledged(f.to.Addr(), time.Now())
		}
		return
	}
	s.layer.User.Ack(s, m, from)
}

// cancel is RFC 3261 §9.2 for a proxy (§16.10): the CANCEL is a transaction of its own, answered here; what it cancels
// is told to the User.
func (s *Shard) cancel(m *message.Message, from transport.Source) {
	k := s.layer.serverKey(s, m, "CANCEL")
	if s.again(k) {
		return
	}
	tx := s.begin(k, m, from)
	k = s.layer.serverKey(s, m, "INVITE")
	if invite, ok := s.servers[k]; ok {
		tx.Answer(message.Answer{Status: 200, Phrase: "OK", ToTag: invite.ToTag})
		s.layer.User.Cancel(invite)
		return
	}
	if _, ok := s.finished.known[k]; ok { // too late to have any effect
		tx.Answer(message.Answer{Status: 200, Phrase: "OK"})
		return
	}
	// Datagrams may overtake each other: the INVITE gets T1 to arrive before the CANCEL is refused.
	tx.awaits, tx.early = k, true
	s.early[k] = tx
	s.Start(&tx.timeout, s.layer.Timers.T1)
}

// response is RFC 3261 §17.1.3. What no client transaction waits for is dropped, a 2xx to an INVITE included
// (RFC 6026 §8.9).
func (s *Shard) response(m *message.Message) {
	k := s.layer.clientKey(s, m.Via.Branch, m.CSeqMethod)
	if c, ok := s.clients[k]; ok && c.method == m.CSeqMethod {
		c.received(m)
		return
	}
	f, ok := s.finished.known[k]
	switch {
	case !ok || m.CSeqMethod != "INVITE":
		s.layer.Stray("response")
	case f.accepted && m.Status/100 == 2:
		s.layer.User.Repeated(m, f.to)
	default:
		s.layer.Retransmitted("in")
		if f.last != nil && m.Status >= 300 {
			s.layer.Sender.Reply(f.to, f.last, nil)
		}
	}
}
