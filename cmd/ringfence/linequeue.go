package main

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	queuedLines = 16384                 // log lines that may wait: some ten seconds of a busy gate
	gatherFor   = 20 * time.Millisecond // lines that come within this are written together
	gatherMost  = 64 << 10              // bytes written at once
	closeWithin = time.Second           // what a stuck writer is given at the end
)

// lineQueue hands log lines to a writer that may be slow or stuck and never waits for it: a call must not stand still
// because the journal does. Lines that find the queue full are lost, and how many is said as soon as anything is written.
type lineQueue struct {
	out   io.Writer
	lines chan []byte
	lost  atomic.Uint64
	stop  chan struct{}
	done  chan struct{}
	once  sync.Once
}

func newLineQueue(out io.Writer) *lineQueue {
	q := &lineQueue{out: out, lines: make(chan []byte, queuedLines), stop: make(chan struct{}), done: make(chan struct{})}
	go q.run()
	return q
}

// Write takes one line.
func (q *lineQueue) Write(line []byte) (int, error) {
	select {
	case q.lines <- bytes.Clone(line):
	default:
		q.lost.Add(1)
	}
	return len(line), nil
}

// Close writes what is queued, unless the writer is stuck.
func (q *lineQueue) Close() error {
	q.once.Do(func() { close(q.stop) })
	select {
	case <-q.done:
		return nil
	case <-time.After(closeWithin):
		return fmt.Errorf("the log's writer is stuck; up to %d lines were not written", len(q.lines))
	}
}

func (q *lineQueue) run() {
	defer close(q.done)
	var batch []byte
	for {
		select {
		case line := <-q.lines:
			batch = q.gather(append(batch[:0], line...))
			q.write(batch)
		case <-q.stop:
			q.write(q.drain(batch[:0]))
			return
		}
	}
}

// gather adds the lines that come soon.
func (q *lineQueue) gather(batch []byte) []byte {
	enough := time.After(gatherFor)
	for len(batch) < gatherMost {
		select {
		case line := <-q.lines:
			batch = append(batch, line...)
		case <-enough:
			return batch
		case <-q.stop:
			return batch
		}
	}
	return batch
}

// drain adds the lines that are here.
func (q *lineQueue) drain(batch []byte) []byte {
	for {
		select {
		case line := <-q.lines:
			batch = append(batch, line...)
		default:
			return batch
		}
	}
}

func (q *lineQueue) write(batch []byte) {
	if n := q.lost.Swap(0); n > 0 {
		batch = fmt.Appendf(batch, `{"level":"error","lines":%d,"message":"log lines were lost: their writer is too slow"}`+"\n", n)
	}
	if len(batch) > 0 {
		_, _ = q.out.Write(batch) // there is nobody left to tell
	}
}
