package transport

import (
	"time"

	"github.com/ringfence/ringfence/sip/guard"
)

// backlog follows how long datagrams wait in the kernel for their one reader. While the reader keeps up, the socket is
// empty whenever it comes back, and nothing has to be asked.
type backlog struct {
	queue guard.Queue
	asked time.Time     // when the kernel was asked last
	age   time.Duration // what it said
	used  float64       // and of the room for datagrams
}

// askEvery bounds what asking costs; waits change no faster.
const askEvery = time.Millisecond

// late says whether what was read from s last, and what came before it, has waited for too long.
func (b *backlog) late(s *datagramSocket) guard.Excess {
	if b.queue.Limit <= 0 {
		return guard.None
	}
	if !s.queued() {
		b.age, b.used = 0, 0
		return b.queue.Overdue(time.Time{}, 0, 0)
	}
	now := time.Now()
	if now.Sub(b.asked) >= askEvery {
		b.asked, b.age, b.used = now, s.age(), s.used()
	}
	return b.queue.Overdue(now, b.age, b.used)
}

// Late says how far the message that is being looked at, and those before it, had to wait for longer than
// Config.QueueDelay. Only Config.Look may ask; a stream is never late, since its sender waits when we do.
func (s Source) Late() guard.Excess {
	if s.Listener == nil || s.Protocol.Reliable() {
		return guard.None
	}
	return s.Listener.backlog.late(s.Listener.udp.Load())
}

// Waited is how long the message that is being looked at had to wait, as Late has found it, to the millisecond.
func (s Source) Waited() time.Duration {
	if s.Listener == nil || s.Protocol.Reliable() {
		return 0
	}
	return s.Listener.backlog.age
}
