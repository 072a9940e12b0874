package guard

import "time"

// Queue judges a queue by how long what comes out of it has waited, as CoDel does (RFC 8289 §3): a wait above the limit
// is no harm while it passes by itself, so it must have lasted. A machine that stood still for a moment refuses nobody
// when it goes on. The zero value refuses nothing.
type Queue struct {
	Limit time.Duration // how long a message may wait; 0: for ever
	since time.Time     // when the wait grew longer than that; zero: it has not
	lost  bool          // it is Hopeless
}

// Excess says how far it is too much.
type Excess uint8

// The steps of Excess.
const (
	None     Excess = iota
	Some            // the heaviest sources' new work is to be refused
	Plenty          // everybody's is: those were not enough
	Hopeless        // it is to be dropped: refusing takes more time than there is
)

// plenty is how many times the limit makes it Plenty.
const plenty = 2

// hopeless is how many times the limit makes it Hopeless, when it has lasted; a queue that fills up is so at once: what it
// has no room for is lost whatever it is, BYE and emergency call alike. It stays so until the queue is short again: to
// refuse as soon as it is a little shorter would keep it there, with no time left for a single call.
const (
	hopeless = 2.5
	filling  = 0.5   // of the room there is
	drained  = 0.375 // the kernel counts up to a quarter of the room as used after it was read (udp_rmem_release)
)

// patience is how many times the limit a wait must have been above the limit. With more of it the kernel's buffer would
// overflow first, and lose what belongs to calls that are up.
const patience = 2

// Overdue takes the wait of what came out at now and how much of the queue's room is used, and says whether new work is to
// be refused.
func (q *Queue) Overdue(now time.Time, waited time.Duration, used float64) Excess {
	if q.Limit <= 0 {
		return None
	}
	long := waited > q.Limit
	switch {
	case !long:
		q.since = time.Time{}
	case q.since.IsZero():
		q.since = now
	}
	lasted := long && now.Sub(q.since) >= patience*q.Limit
	begins := used >= filling || lasted && float64(waited) >= hopeless*float64(q.Limit)
	q.lost = begins || q.lost && (long || used > drained)
	switch {
	case q.lost:
		return Hopeless
	case !lasted:
		return None
	case waited < plenty*q.Limit:
		return Some
	}
	return Plenty
}
