package transaction

import "github.com/ringfence/ringfence/sip/transport"

// finished is what is left of a transaction once its final response has passed: just enough for what comes again. A call
// leaves three of them for 32 s, so they are small, few for the garbage collector to look at, and without timers.
type finished struct {
	key      key
	due      int64            // the tick at which it is forgotten
	to       transport.Source // where last goes; of an INVITE client: where its 2xx go
	last     []byte           // sent again when the message comes again; nil: that is absorbed
	accepted bool             // a 2xx to an INVITE has passed
}

// memory is the finished transactions of a shard. Each lifetime has a line of its own, whose front is always the first
// to go.
type memory struct {
	known map[key]*finished
	long  line // Timers D, J, L and M: 64×T1
	short line // Timer I: T4
}

func (m *memory) init() { m.known = map[key]*finished{} }

// forget drops everything that is due by now.
func (m *memory) forget(now int64) {
	m.long.forget(now, m.known)
	m.short.forget(now, m.known)
}

// line is a queue in chunks: a finished transaction is written once and never moved.
type line struct {
	first, last *chunk
}

type chunk struct {
	next       *chunk
	head, tail int          // the live ones are in [head, tail)
	all        [33]finished // 3,984 bytes together, just below a size class of the allocator
}

func (l *line) add(f finished) *finished {
	if l.last == nil || l.last.tail == len(l.last.all) {
		c := new(chunk)
		if l.last == nil {
			l.first = c
		} else {
			l.last.next = c
		}
		l.last = c
	}
	c := l.last
	c.all[c.tail] = f
	c.tail++
	return &c.all[c.tail-1]
}

func (l *line) forget(now int64, known map[key]*finished) {
	for c := l.first; c != nil; c = l.first {
		for ; c.head < c.tail; c.head++ {
			f := &c.all[c.head]
			if f.due > now {
				return
			}
			if known[f.key] == f {
				delete(known, f.key)
			}
			*f = finished{}
		}
		if c.tail < len(c.all) {
			return // not full yet: the next ones come here
		}
		if l.first = c.next; l.first == nil {
			l.last = nil
		}
	}
}
