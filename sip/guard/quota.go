package guard

import (
	"sync"
	"time"
)

// quota counts what happens in a stretch of time, and begins anew when that is over.
type quota struct {
	begun time.Time
	taken int
}

func (q *quota) take(now time.Time, length time.Duration, most int) bool {
	if now.Sub(q.begun) >= length {
		q.begun, q.taken = now, 0
	}
	if q.taken >= most {
		return false
	}
	q.taken++
	return true
}

// Refusals bounds how many refusals are said aloud. A 503 costs nearly what a blocked call does: an answer to everybody
// who is too many would leave no time for those who are not. The zero value is ready.
type Refusals struct {
	mu sync.Mutex
	quota
}

// 2,000 a second, some 4 % of a processor's time, and evenly: a thousand at once would take 20 ms.
const (
	refusalsIn   = 5 * time.Millisecond
	refusalsMost = 10
)

// Take says whether one more may be said now.
func (r *Refusals) Take(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.take(now, refusalsIn, refusalsMost)
}
