package guard

import (
	"sync"
	"time"
)

// Line lets as many questions be under way as are answered in time, and has the others wait in a line before it. What
// stands in the line has not begun to wait for its answer: so too many calls make a long line and never a registry that
// seems to be down.
type Line struct {
	Limit  time.Duration        // how long a newcomer may have to stand; 0: for ever
	Budget func() time.Duration // how long an answer may take
	Now    func() time.Time

	mu       sync.Mutex
	most     int // may be under way
	underWay int
	standing int
	formed   time.Time // when somebody began to stand where nobody did

	// While many are under way, the rate of answers shows what the registry can do.
	counting bool
	since    time.Time // when this window began
	answers  int       // in it
	rate     float64   // of answers a second, by the last window; 0: not known
}

// How many questions may be under way.
const (
	mostAtFirst = 128 // as many as the registry's client sends in its two batches
	mostEver    = 256 // and as many as keep it busy when those come back
	mostAtLeast = 32  // a registry that needs longer than the budget for these is ill
)

// burst is how many may stand in a line that is new: a whole phone bank that dials at once is no load.
const burst = 1024

// window is how long answers are counted, soon is when a count begins to say something.
const (
	window = 20 * time.Millisecond
	soon   = 5 * time.Millisecond
)

// Enter says whether a question may go at once. If not, it stands in the line until Leave calls it.
func (l *Line) Enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.most == 0 {
		l.most = mostAtFirst
	}
	if l.underWay >= l.most || l.standing > 0 {
		if l.standing == 0 {
			l.formed = l.Now()
		}
		l.standing++
		return false
	}
	l.underWay++
	if l.underWay == mostAtLeast && !l.counting {
		l.counting, l.since, l.answers = true, l.Now(), 0
	}
	return true
}

// Leave ends a question that was under way, and says how many of those that stand may go now.
func (l *Line) Leave() (next int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.underWay--
	if l.counting {
		l.count()
	}
	next = max(0, min(l.most-l.underWay, l.standing))
	l.underWay += next
	l.standing -= next
	return next
}

// count takes one answer. By Little's law rate × time are under way when each takes that time: half the budget, since
// the other half is for what is uneven.
func (l *Line) count() {
	l.answers++
	now := l.Now()
	if elapsed := now.Sub(l.since); elapsed >= window {
		l.rate = float64(l.answers) / elapsed.Seconds()
		l.most = min(max(int(l.rate*l.Budget().Seconds()/2), mostAtLeast), mostEver)
		l.since, l.answers = now, 0
	}
	l.counting = l.underWay >= mostAtLeast-1 || l.standing > 0
}

// Overdue says whether somebody who came now would stand longer than the limit.
func (l *Line) Overdue() Excess {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.standing == 0 || l.Limit <= 0 {
		return None
	}
	now, room := l.Now(), float64(mostAtFirst)
	if now.Sub(l.formed) < patience*l.Limit {
		room = burst // it may be all there is
	} else if elapsed := now.Sub(l.since); elapsed >= soon {
		room = float64(l.answers) / elapsed.Seconds() * l.Limit.Seconds()
	} else if l.rate > 0 {
		room = l.rate * l.Limit.Seconds()
	}
	switch standing := float64(l.standing); {
	case standing <= room:
		return None
	case standing <= plenty*room:
		return Some
	}
	return Plenty
}
