package identity

import (
	"net/netip"
	"sync"
	"time"
)

// Ban says when a source that guesses a user's password is not answered any more.
type Ban struct {
	Failures int           // so many …
	Within   time.Duration // … in so long …
	For      time.Duration // … and nothing of that user is answered to that source for this long
}

// Bounds of guesses. A source that fails with more than maxGuessedUsers users has what it tries beyond them counted, and
// banned, as one.
const (
	maxGuesses      = 1 << 16 // at about 200 bytes each
	maxGuessedUsers = 256
)

// guesses counts wrong passwords by source and user.
type guesses struct {
	mu        sync.Mutex
	max       int
	known     map[guessed]*guess
	bySource  map[netip.Addr]int // entries
	nextSweep time.Time
}

type guessed struct {
	source netip.Addr // its network
	user   string     // "" for all beyond maxGuessedUsers
}

type guess struct {
	failures int
	since    time.Time // the first of them
	until    time.Time // end of the ban; zero without one
}

func (g *guesses) init(limit int) {
	g.max, g.known, g.bySource = limit, map[guessed]*guess{}, map[netip.Addr]int{}
}

// banned says whether the source is not to be answered about this user.
func (g *guesses) banned(source netip.Addr, user string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.known) == 0 {
		return false
	}
	at := network(source)
	if e := g.known[guessed{at, user}]; e != nil {
		return now.Before(e.until)
	}
	e := g.known[guessed{at, ""}]
	return e != nil && now.Before(e.until)
}

// failed counts a wrong password, and says whether this one began a ban.
func (g *guesses) failed(source netip.Addr, user string, ban Ban, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sweep(ban, now)
	e := g.entry(guessed{network(source), user})
	if now.Sub(e.since) > ban.Within {
		e.failures, e.since = 0, now
	}
	e.failures++
	if e.failures < ban.Failures || now.Before(e.until) {
		return false
	}
	e.until = now.Add(ban.For)
	return true
}

func (g *guesses) entry(k guessed) *guess {
	if e := g.known[k]; e != nil {
		return e
	}
	if g.bySource[k.source] >= maxGuessedUsers && k.user != "" {
		return g.entry(guessed{source: k.source})
	}
	if len(g.known) >= g.max {
		g.evict()
	}
	e := new(guess)
	g.known[k] = e
	g.bySource[k.source]++
	return e
}

// sweep forgets what has no effect any more, now and then.
func (g *guesses) sweep(ban Ban, now time.Time) {
	const every = time.Minute
	if now.Before(g.nextSweep) {
		return
	}
	g.nextSweep = now.Add(every)
	for k, e := range g.known {
		if now.Sub(e.since) > ban.Within && !now.Before(e.until) {
			g.drop(k)
		}
	}
}

// evict makes room at the cost of a source that takes much of it: of a few entries by chance, the one whose source has
// the most.
func (g *guesses) evict() {
	const looks = 8
	var worst guessed
	most, looked := 0, 0
	for k := range g.known {
		if n := g.bySource[k.source]; n > most {
			worst, most = k, n
		}
		if looked++; looked == looks {
			break
		}
	}
	g.drop(worst)
}

func (g *guesses) drop(k guessed) {
	delete(g.known, k)
	if g.bySource[k.source]--; g.bySource[k.source] <= 0 {
		delete(g.bySource, k.source)
	}
}
