package guard

import (
	"sync"
	"time"
)

// Lines lets at most linesPerSecond lines a second into the log, whatever a flood does. The zero value is ready.
type Lines struct {
	mu sync.Mutex
	quota
	leftOut int // since the last line
}

const linesPerSecond = 10

// Take says whether a line may be written now, and how many were left out before it.
func (l *Lines) Take(now time.Time) (leftOut int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.take(now, time.Second, linesPerSecond) {
		l.leftOut++
		return 0, false
	}
	leftOut, l.leftOut = l.leftOut, 0
	return leftOut, true
}
