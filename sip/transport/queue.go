package transport

import (
	"fmt"
	"time"
)

// queue holds the messages that wait for one connection, joined, so that one write sends them all.
type queue struct {
	bytes []byte
	marks []mark
	spare []byte // the last batch's bytes, to be used again
}

// mark is where a message ends, and who is to be told when it could not be sent.
type mark struct {
	end    int
	failed func(error)
}

// batch is what one write takes from a queue.
type batch struct {
	bytes []byte
	marks []mark
}

func (q *queue) add(b []byte, failed func(error)) {
	q.bytes = append(q.bytes, b...)
	if failed != nil {
		q.marks = append(q.marks, mark{len(q.bytes), failed})
	}
}

// clear empties q and gives what was in it.
func (q *queue) clear() batch {
	b := batch{q.bytes, q.marks}
	q.bytes, q.marks, q.spare = q.spare[:0], nil, nil
	return b
}

// recycle lets q use b's bytes again.
func (q *queue) recycle(b batch) {
	const most = 64 << 10 // bytes that a connection may hold on to
	if cap(b.bytes) <= most {
		q.spare = b.bytes
	}
}

// fail tells everybody in b, in a goroutine of its own: whoever caused it may hold locks that they need.
func (b batch) fail(err error) {
	if len(b.marks) == 0 {
		return
	}
	go func() {
		for _, m := range b.marks {
			m.failed(err)
		}
	}()
}

// after is what of b does not lie within its first n bytes.
func (b batch) after(n int) batch {
	for len(b.marks) > 0 && b.marks[0].end <= n {
		b.marks = b.marks[1:]
	}
	return b
}

// enqueue takes a copy of b, to be sent in its turn, and says whether c still takes anything. It never waits, and failed
// never runs inside it.
func (c *connection) enqueue(b []byte, failed func(error)) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed || c.finishing:
		return false
	case len(c.queue.bytes)+len(b) > c.transport.config.QueueBytes:
		later(failed, ErrQueueFull)
	default:
		if c.peer.Protocol.Web() {
			c.queue.bytes = appendMessageHeader(c.queue.bytes, b)
		}
		c.queue.add(b, failed)
		c.wake()
	}
	return true
}

// wake starts the writer when there is something to write and none runs. A connection that is silent has none. c.mu is
// held.
func (c *connection) wake() {
	if c.writing || !c.open || len(c.queue.bytes) == 0 {
		return
	}
	c.writing = c.transport.spawn(c.write)
}

// write is c's one writer: it sends what is queued until nothing is.
func (c *connection) write() {
	for {
		c.mu.Lock()
		if c.closed || len(c.queue.bytes) == 0 {
			c.writing = false
			last := c.finishing && !c.closed
			c.mu.Unlock()
			if last {
				c.halfClose()
			}
			return
		}
		b := c.queue.clear()
		c.mu.Unlock()

		c.SetWriteDeadline(time.Now().Add(c.transport.config.Write))
		n, err := c.Write(b.bytes)
		if err != nil {
			err = fmt.Errorf("write to %v: %w", c.peer, err)
			b.after(n).fail(err)
			c.close(err)
			return
		}

		c.mu.Lock()
		c.queue.recycle(b)
		c.mu.Unlock()
	}
}

func later(failed func(error), err error) {
	if failed != nil {
		go failed(err)
	}
}
