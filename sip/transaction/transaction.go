// Package transaction is RFC 3261 §17 with RFC 6026 (Accepted) and RFC 4320 (non-INVITE), for a proxy. It knows
// messages and where to send bytes; it knows nothing of routing, of the decision, or of dialogs.
//
// All that belongs to one Call-ID lives in one Shard: ordered state under one lock, run by whichever reader holds a
// message. Only timers, transport failures and answers from outside (Shard.Do) come to it from elsewhere. The User is
// always called with the shard's lock held and must not block.
package transaction

import (
	"context"
	"errors"
	"hash/maphash"
	"net/netip"
	"time"

	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

// ErrTimeout is what User.Failed gets when nobody answered in time: Timer B or F (RFC 3261 §17.1).
var ErrTimeout = errors.New("no response in time")

// User is the transaction user of RFC 3261 §5: the proxy core.
type User interface {
	// Request is a request that has just begun the server transaction tx. Never ACK, never CANCEL.
	Request(tx *Server, m *message.Message)
	// Ack is an ACK that ends no transaction here: it acknowledges a 2xx and is forwarded statelessly.
	Ack(s *Shard, m *message.Message, from transport.Source)
	// Cancel says that the caller has cancelled tx's INVITE. Its CANCEL has been answered already.
	Cancel(tx *Server)
	// Response is a response to c's request: every provisional one, and the first final one.
	Response(c *Client, m *message.Message)
	// Repeated is a 2xx that came again for an INVITE whose client transaction has passed its first one, or came from
	// another fork of it: every one goes up (RFC 6026 §7.2), to where the INVITE came from.
	Repeated(m *message.Message, to transport.Source)
	// Failed ends c without a final response: ErrTimeout, or what the transport said. Of an INVITE that was given up before
	// Timer B there may still be responses.
	Failed(c *Client, err error)
	// Unacknowledged says that tx's final response was never acknowledged or could not be sent (Timer H).
	Unacknowledged(tx *Server)
}

// Silence knows the sources that do not acknowledge what an INVITE of theirs is refused with, and so would have it sent
// to them eleven times over: perhaps they never asked (RFC 3261 §26.1.5).
type Silence interface {
	Missed(source netip.Addr, now time.Time)       // a refusal had to be repeated
	Acknowledged(source netip.Addr, now time.Time) // one was acknowledged
	Silent(source netip.Addr, now time.Time) bool  // nothing is to be repeated
}

// attentive is a Silence that trusts everybody.
type attentive struct{}

func (attentive) Missed(netip.Addr, time.Time)       {}
func (attentive) Acknowledged(netip.Addr, time.Time) {}
func (attentive) Silent(netip.Addr, time.Time) bool  { return false }

// Sender is the part of transport.Transport that transactions send by.
type Sender interface {
	Reply(to transport.Source, b []byte, failed func(error))
	Send(to transport.Address, from *transport.Listener, b []byte, failed func(error))
}

// Timers are RFC 3261's base values (Table 4); the zero value means the standard's.
type Timers struct {
	T1 time.Duration // round-trip estimate, 500 ms
	T2 time.Duration // longest retransmission interval, 4 s
	T4 time.Duration // longest life of a message in the network, 5 s
}

func (t Timers) withDefaults() Timers {
	if t.T1 <= 0 {
		t.T1 = 500 * time.Millisecond
	}
	if t.T2 <= 0 {
		t.T2 = 8 * t.T1
	}
	if t.T4 <= 0 {
		t.T4 = 10 * t.T1
	}
	return t
}

// Config is what a Layer is made of.
type Config struct {
	User   User
	Sender Sender
	Timers Timers

	// Panicked is told of a panic of a timer's owner; may be nil. Readers contain their own.
	Panicked func(v any, stack []byte)
	// Retransmitted counts a message that came again ("in") or was sent again ("out"); may be nil.
	Retransmitted func(direction string)
	// Silence remembers who leaves refusals unacknowledged; may be nil.
	Silence Silence
	// Stray counts a message that belongs to no transaction and was dropped; may be nil.
	Stray func(why string)
}

// shardCount is a power of two well above the number of cores, so that readers seldom meet.
const shardCount = 32

// Layer holds the transactions of a proxy, spread over shards by Call-ID.
type Layer struct {
	Config
	seed   maphash.Seed
	keys   [2]maphash.Seed
	clock  clock
	shards [shardCount]Shard
}

// New makes a layer. Its timers stand still until Run.
func New(c Config) *Layer {
	c.Timers = c.Timers.withDefaults()
	if c.Panicked == nil {
		c.Panicked = func(any, []byte) {}
	}
	if c.Retransmitted == nil {
		c.Retransmitted = func(string) {}
	}
	if c.Silence == nil {
		c.Silence = attentive{}
	}
	if c.Stray == nil {
		c.Stray = func(string) {}
	}
	l := &Layer{Config: c, seed: maphash.MakeSeed(), keys: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	l.clock.init(max(c.Timers.T1/grain, time.Millisecond))
	for i := range l.shards {
		l.shards[i].init(l)
	}
	return l
}

// Run drives the timers until ctx ends.
func (l *Layer) Run(ctx context.Context) error {
	l.clock.run(ctx, func(now int64) (busy bool) {
		for i := range l.shards {
			busy = l.shards[i].advance(now) || busy
		}
		return busy
	})
	return nil
}

// Receive takes a well-formed message from a transport's reader.
func (l *Layer) Receive(m *message.Message, from transport.Source) {
	s := l.Shard(m.CallID)
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.Request {
		s.request(m, from)
	} else {
		s.response(m)
	}
}

// Known says whether m repeats a request that a transaction was begun for, and that is not forgotten yet.
func (l *Layer) Known(m *message.Message) bool {
	s := l.Shard(m.CallID)
	s.mu.Lock()
	defer s.mu.Unlock()
	k := l.serverKey(s, m, m.Method)
	if _, ok := s.servers[k]; ok {
		return true
	}
	_, ok := s.finished.known[k]
	return ok
}

// Shard is where everything about this Call-ID lives.
func (l *Layer) Shard(callID []byte) *Shard {
	return &l.shards[maphash.Bytes(l.seed, callID)%shardCount]
}

// Size counts the transactions of all shards, finished ones that linger included.
func (l *Layer) Size() int {
	return l.count(func(s *Shard) int { return len(s.servers) + len(s.clients) + len(s.finished.known) })
}

// Active counts those on which something is still to come that somebody waits for: a final response, or the ACK of one that
// was no 2xx. What the gate asks on its own account keeps nobody waiting.
func (l *Layer) Active() int {
	return l.count(func(s *Shard) (n int) {
		for _, tx := range s.servers {
			if !tx.Finished() || tx.invite && tx.state == completed {
				n++
			}
		}
		for _, c := range s.clients {
			if c.Pending() && c.For != nil && !c.givenUp {
				n++
			}
		}
		return n
	})
}

func (l *Layer) count(of func(*Shard) int) (n int) {
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		n += of(s)
		s.mu.Unlock()
	}
	return n
}
