package guard

import "time"

// Queue judges a queue by how long what comes out of it has waited, as CoDel does (RFC 8289 §3): a wait above the limit
// is no harm while it passes by itself, so it must have lasted. A machine that stood still for a moment refuses nobody
// when it goes on. The zero value refuses nothing.
type Queue struct {
	Limit time.Duration // how long a message may wait; 0: for ever
	since time.Time     // when the wait grew longer than that; zero: it has not
}

// Excess says how far it is too much.
type Excess uint8

// The steps of Excess.
const (
	None   Excess = iota
	Some          // the heaviest sources' new work is to be refused
	Plenty        // everybody's is: those were not enough
)

// plenty is how many times the limit makes it Plenty.
const plenty = 2

// patience is how many times the limit a wait must have been above the limit. With more of it the kernel's buffer would
// overflow first, and lose what belongs to calls that are up.
const patience = 2

// Overdue takes the wait of what came out at now, and says whether new work is to be refused.
func (q *Queue) Overdue(now time.Time, waited time.Duration) Excess {
	if q.Limit <= 0 || waited <= q.Limit {
		q.since = time.Time{}
		return None
	}
	if q.since.IsZero() {
		q.since = now
	}
	switch {
	case now.Sub(q.since) < patience*q.Limit:
		return None
	case waited < plenty*q.Limit:
		return Some
	}
	return Plenty
}
