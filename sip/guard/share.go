package guard

import (
	"net/netip"
	"sync"
	"time"
)

// shareWindow is the time over which shares are taken; the window before counts as well.
const shareWindow = int64(200 * time.Millisecond)

// share is how much a source has begun lately.
type share struct {
	window       int64 // the last one in which it did
	count, older uint32
}

// shares is how much all of them have.
type shares struct {
	mu     sync.Mutex
	window int64
	now    portion
	older  portion // in the window before
}

type portion struct{ requests, sources uint64 }

// add counts one of s. The set of s is locked.
func (t *shares) add(s *share, now int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn(windowOf(now))
	if s.turn(t.window) {
		t.now.sources++
	}
	s.count++
	t.now.requests++
}

// windowOf is never 0, which is no window yet.
func windowOf(now int64) int64 { return now/shareWindow + 1 }

// turn begins a new window when its time has come.
func (t *shares) turn(window int64) {
	if window <= t.window {
		return
	}
	t.older = portion{}
	if window == t.window+1 {
		t.older = t.now
	}
	t.window, t.now = window, portion{}
}

// turn says whether this is the first of s in the window.
func (s *share) turn(window int64) bool {
	if s.window == window {
		return false
	}
	older := uint32(0)
	if s.window == window-1 {
		older = s.count
	}
	*s = share{window: window, older: older}
	return true
}

// Heavy says whether addr has lately begun more than half as much as sources do on the average: with one source it is
// that one, with many alike all of them, and beside one that floods nobody else. When there is too much to do, it is
// theirs that is refused first.
func (t *Sources) Heavy(addr netip.Addr, at time.Time) bool {
	now := int64(at.Sub(t.began))
	set, a := t.find(addr, now)
	defer set.mu.Unlock()
	t.shares.mu.Lock()
	defer t.shares.mu.Unlock()
	all := &t.shares
	all.turn(windowOf(now))
	own := a.share
	own.turn(all.window)
	sources := max(all.now.sources, all.older.sources)
	return 2*uint64(own.count+own.older)*sources >= all.now.requests+all.older.requests
}
