package identity

import (
	"sync"
	"time"
)

// maxNonces bounds how many nonces replays remembers, at about 100 bytes each.
const maxNonces = 1 << 16

// replays holds which nonce counts (RFC 7616 §3.4, nc) have been used with each nonce that was ever used rightly. It is
// exact: no count is taken twice with one nonce. What it forgets to stay within its bounds it forgets together with every
// nonce that is as old, which are stale from then on.
type replays struct {
	mu    sync.Mutex
	max   int
	floor time.Time // nonces up to then are stale
	ages  map[int64]*age
	count int
}

// age is the nonces that were made in one stretch of time.
type age struct {
	used   map[nonce]*counts
	newest time.Time
}

// counts is which of a nonce's counts were used: the highest, and a bit for each of the 64 below and including it.
// Datagrams overtake each other, so a count may come after the next.
type counts struct {
	highest uint32
	seen    uint64
}

// ageLength is the stretch of one age.
const ageLength = 15 * time.Second

// init begins at now: what was used before is not known any more, so nonces from before are stale.
func (r *replays) init(now time.Time, limit int) {
	r.floor, r.max, r.ages = now.Add(-time.Microsecond), limit, map[int64]*age{}
}

// stale says whether n is too old, from the future, or from a time that was forgotten.
func (r *replays) stale(n nonce, life time.Duration, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.staleLocked(n, life, now)
}

func (r *replays) staleLocked(n nonce, life time.Duration, now time.Time) bool {
	issued := n.issued()
	return !issued.After(r.floor) || now.Sub(issued) > life || issued.Sub(now) > life
}

// take uses count nc of n up, and says no when it is used already or may be.
func (r *replays) take(n nonce, nc uint32, life time.Duration, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.staleLocked(n, life, now) {
		return false
	}
	r.forget(now.Add(-life))
	key := n.issued().UnixMicro() / ageLength.Microseconds()
	a := r.ages[key]
	if a == nil {
		a = &age{used: map[nonce]*counts{}}
		r.ages[key] = a
	}
	c := a.used[n]
	if c == nil {
		c = new(counts)
		a.used[n] = c
		r.count++
		if n.issued().After(a.newest) {
			a.newest = n.issued()
		}
	}
	taken := c.take(nc)
	if r.count > r.max {
		r.evict()
	}
	return taken
}

func (c *counts) take(nc uint32) bool {
	const window = 64
	switch {
	case nc == 0:
		return false
	case nc > c.highest:
		if shift := nc - c.highest; shift < window {
			c.seen = c.seen<<shift | 1
		} else {
			c.seen = 1
		}
		c.highest = nc
		return true
	case c.highest-nc >= window:
		return false
	}
	bit := uint64(1) << (c.highest - nc)
	taken := c.seen&bit == 0
	c.seen |= bit
	return taken
}

// forget drops the ages that ended before then: their nonces are stale anyway.
func (r *replays) forget(then time.Time) {
	for key, a := range r.ages {
		if a.newest.Before(then) {
			r.count -= len(a.used)
			delete(r.ages, key)
		}
	}
}

// evict drops the oldest age and makes everything as old stale.
func (r *replays) evict() {
	oldest, found := int64(0), false
	for key := range r.ages {
		if !found || key < oldest {
			oldest, found = key, true
		}
	}
	a := r.ages[oldest]
	r.floor = a.newest
	r.count -= len(a.used)
	delete(r.ages, oldest)
}
