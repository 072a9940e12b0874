package guard

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Limit is what one source may send.
type Limit struct {
	Rate  Rate          // of requests that begin something
	Burst int           // how many of those may come at once
	Ban   time.Duration // for how long a source that goes on at floodFactor times the rate is not listened to; 0: never
}

// floodFactor is how many times its rate and burst a source may send, all requests counted, before it is banned. A call
// takes an INVITE, an ACK and a BYE, and refusals are tried again: an honest source stays far below.
const floodFactor = 10

// Verdict is what Sources thinks of a request.
type Verdict uint8

// The verdicts.
const (
	Within    Verdict = iota
	Over              // above the rate: to be refused
	NowBanned         // this very request brought the ban about
	Banned            // nothing more is to be taken from there
)

// Sources remembers what each source address has sent lately. It has room for a fixed number of addresses: a table of
// small sets, into which addresses fall by a seeded hash, so that nobody can aim at another one's set. When a set is
// full, whoever is nearest to being like one that was never seen gives way: a million forged addresses that send a
// datagram each push out one another, not a source that is being slowed down.
type Sources struct {
	began time.Time
	seed  maphash.Seed
	sets  []set

	silentUntil atomic.Int64 // no source is silent after this
	shares      shares
}

// ways is how many addresses a set holds.
const ways = 8

// places is the size of the table that a proxy has: 1.6 MB once every place was used.
const places = 32768

type set struct {
	mu  sync.Mutex
	all [ways]source
}

// source is what is remembered of an address. Each of the first is a moment, in ns since the table began; once all of them have
// passed, the address is as good as unknown.
type source struct {
	address  [16]byte
	requests int64 // when what began something is paid off (the virtual scheduling algorithm of ITU-T I.371)
	flood    int64 // the same for all requests, at floodFactor times the rate
	banned   int64 // until then
	missed   int64 // when refusals that were never acknowledged are forgiven

	share share
}

// worth is how long it makes a difference that s is remembered.
func (s *source) worth() int64 { return max(s.requests, s.flood, s.banned, s.missed) }

// NewSources makes a table that begins at now.
func NewSources(now time.Time) *Sources {
	return &Sources{began: now, seed: maphash.MakeSeed(), sets: make([]set, places/ways)}
}

// find is where addr is remembered, locked; the caller unlocks it.
func (t *Sources) find(addr netip.Addr, now int64) (*set, *source) {
	key := addr.As16()
	s := &t.sets[maphash.Bytes(t.seed, key[:])%uint64(len(t.sets))]
	s.mu.Lock()
	least := &s.all[0]
	for i := range s.all {
		if s.all[i].address == key {
			return s, &s.all[i]
		}
		if s.all[i].worth() < least.worth() {
			least = &s.all[i]
		}
	}
	*least = source{address: key, requests: now, flood: now}
	return s, least
}

// Take counts a request of addr, and against l unless that is nil; begins says whether it begins something. A request that
// is refused is not counted against the rate, so that a source which keeps coming gets its rate and no less.
func (t *Sources) Take(addr netip.Addr, l *Limit, begins bool, at time.Time) Verdict {
	now := int64(at.Sub(t.began))
	s, a := t.find(addr, now)
	defer s.mu.Unlock()
	if a.banned > now {
		return Banned
	}
	if begins {
		t.shares.add(&a.share, now)
	}
	if l == nil {
		return Within
	}
	step := int64(l.Rate.interval())
	if l.Ban > 0 && !pay(&a.flood, now, step/floodFactor, floodFactor*l.Burst) {
		a.banned = now + int64(l.Ban)
		return NowBanned
	}
	if begins && !pay(&a.requests, now, step, l.Burst) {
		return Over
	}
	return Within
}

// pay takes one from a bucket that is paid off at the moment until, and says whether there was one: at most burst of them
// may be owed.
func pay(until *int64, now, step int64, burst int) bool {
	from := max(*until, now)
	if from+step-now > step*int64(burst) {
		return false
	}
	*until = from + step
	return true
}

// BannedNow counts the sources that are banned.
func (t *Sources) BannedNow(at time.Time) (n int) {
	now := int64(at.Sub(t.began))
	for i := range t.sets {
		s := &t.sets[i]
		s.mu.Lock()
		for j := range s.all {
			if s.all[j].banned > now {
				n++
			}
		}
		s.mu.Unlock()
	}
	return n
}
