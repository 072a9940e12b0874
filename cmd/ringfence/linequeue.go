package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	queuedBytes = 4 << 20               // log lines that may wait: some ten seconds of a busy gate
	gatherFor   = 50 * time.Millisecond // lines that come within this are written together
	closeWithin = time.Second           // what a stuck writer is given at the end
)

// lineQueue hands log lines to a writer that may be slow or stuck and never waits for it: a call must not stand still
// because the journal does. Lines that find the queue full are lost, and how many is said as soon as anything is written.
// Only the first line after a pause wakes the writer.
type lineQueue struct {
	out   io.Writer
	first chan struct{} // gets a token with the first line that waits
	stop  chan struct{}
	done  chan struct{}
	once  sync.Once

	mu      sync.Mutex
	waiting []byte // whole lines
	lost    int
	spare   []byte // the other buffer, while it is not being written
}

func newLineQueue(out io.Writer) *lineQueue {
	q := &lineQueue{out: out, first: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go q.run()
	return q
}

// Write takes one line.
func (q *lineQueue) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting)+len(line) > queuedBytes {
		q.lost++
		return len(line), nil
	}
	if len(q.waiting) == 0 {
		select {
		case q.first <- struct{}{}:
		default:
		}
	}
	q.waiting = append(q.waiting, line...)
	return len(line), nil
}

// Close writes what is queued, unless the writer is stuck.
func (q *lineQueue) Close() error {
	q.once.Do(func() { close(q.stop) })
	select {
	case <-q.done:
		return nil
	case <-time.After(closeWithin):
		q.mu.Lock()
		defer q.mu.Unlock()
		return fmt.Errorf("the log's writer is stuck; at least %d bytes of log were not written", len(q.waiting))
	}
}

func (q *lineQueue) run() {
	defer close(q.done)
	gather := time.NewTimer(gatherFor)
	defer gather.Stop()
	for {
		select {
		case <-q.first:
			gather.Reset(gatherFor)
			select {
			case <-gather.C:
			case <-q.stop:
			}
			q.write()
		case <-q.stop:
			q.write()
			return
		}
	}
}

// write writes what waits.
func (q *lineQueue) write() {
	q.mu.Lock()
	lines, lost := q.waiting, q.lost
	q.waiting, q.lost, q.spare = q.spare[:0], 0, nil
	q.mu.Unlock()
	if lost > 0 {
		lines = fmt.Appendf(lines, `{"level":"error","lines":%d,"message":"log lines were lost: their writer is too slow"}`+"\n", lost)
	}
	if len(lines) > 0 {
		_, _ = q.out.Write(lines) // there is nobody left to tell
	}
	q.mu.Lock()
	q.spare = lines
	q.mu.Unlock()
}
