package guard

import (
	"net/netip"
	"time"
)

// A refusal of an INVITE is repeated until its ACK comes, eleven times over UDP (RFC 3261 §17.2.1). Towards an address
// that somebody else has forged, that is an amplifier: so whoever leaves refusals unacknowledged is soon told each of
// them once only. Every refusal that had to be repeated counts against its source, every ACK for it, and time forgives.
const (
	forgiven   = 10 * time.Second // how long one of them counts
	silence    = 8 * forgiven     // so much makes a source silent
	remembered = 8 * silence      // and more than this is never held against it
)

// Missed notes that a refusal to addr was not acknowledged when it should have been.
func (t *Sources) Missed(addr netip.Addr, at time.Time) {
	now := int64(at.Sub(t.began))
	s, a := t.find(addr, now)
	defer s.mu.Unlock()
	a.missed = min(max(a.missed, now)+int64(forgiven), now+int64(remembered))
	for {
		last := t.silentUntil.Load()
		if last >= a.missed || t.silentUntil.CompareAndSwap(last, a.missed) {
			return
		}
	}
}

// Acknowledged notes that an ACK came from addr.
func (t *Sources) Acknowledged(addr netip.Addr, at time.Time) {
	now := int64(at.Sub(t.began))
	if t.silentUntil.Load() <= now { // nobody is, as nearly always
		return
	}
	s, a := t.find(addr, now)
	defer s.mu.Unlock()
	a.missed -= int64(forgiven)
}

// Silent says whether addr has left so many refusals unacknowledged that none is to be repeated to it.
func (t *Sources) Silent(addr netip.Addr, at time.Time) bool {
	now := int64(at.Sub(t.began))
	if t.silentUntil.Load() <= now {
		return false
	}
	s, a := t.find(addr, now)
	defer s.mu.Unlock()
	return a.missed > now+int64(silence)
}
