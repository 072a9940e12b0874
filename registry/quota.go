package registry

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// What is counted of a rep lies in the rep's own slot, apart from the numbers. A claim therefore goes in three steps: room is
// reserved there, the number is claimed in its slot, and what was reserved is settled. Whatever breaks off between two of
// them leaves more counted than is owned, never less; Mend puts that right.

// QuotaError refuses a claim of a rep who has as much as the rules allow.
type QuotaError struct {
	Rep  gate.Rep
	What string // QuotaHoldings or QuotaDailyClaims
	Most int
}

// What a quota is of.
const (
	QuotaHoldings    = "holdings"
	QuotaDailyClaims = "daily_claims"
)

func (e *QuotaError) Error() string {
	if e.What == QuotaDailyClaims {
		return fmt.Sprintf("%s has claimed %d numbers from the pool today, which is the most; tomorrow there are more", e.Rep, e.Most)
	}
	return fmt.Sprintf("%s holds %d numbers, which is the most; release one first, or let a supervisor raise the limit", e.Rep, e.Most)
}

// room is what a rep may do with numbers that are to be claimed, as reserve.lua answers.
type room int64

// The answers, and the word for each that the numbers' scripts understand.
const (
	roomNone  room = iota // holds as many as allowed
	roomAny               // fits
	roomFresh             // fits, unless it is from the pool: of these the rep has had enough today
)

func (r room) word() string {
	switch r {
	case roomAny:
		return "yes"
	case roomFresh:
		return "fresh"
	default:
		return "no"
	}
}

// reservation is room for numbers in one scope, by a token that makes repeating it harmless.
type reservation struct {
	rep    gate.Rep
	scope  gate.Scope
	token  string
	digits []string
}

func newReservation(rep gate.Rep, scope gate.Scope, digits ...string) reservation {
	return reservation{rep, scope, rand.Text()[:16], digits}
}

// reserve is the call that reserves.
func (r reservation) reserve(t gate.Terms) call {
	k := keysOfRep(r.rep)
	c := call{reserveScript, []string{k.pending(), k.counts()}, []any{
		r.token, identity(string(r.scope)), t.Holdings, flag(t.CountDeals), t.DailyClaims, t.Offset.Milliseconds(),
	}}
	for _, digits := range r.digits {
		c.keys, c.args = append(c.keys, k.held(digits, r.scope)), append(c.args, digits)
	}
	return c
}

// settle is the call that says which of the numbers the rep owns now, and whether that took a claim from the pool.
func (r reservation) settle(pooled bool, owned ...string) call {
	k := keysOfRep(r.rep)
	c := call{settleScript, []string{k.pending(), k.counts()}, []any{r.token, flag(pooled)}}
	for _, digits := range owned {
		c.keys = append(c.keys, k.held(digits, r.scope), k.dealt(digits, r.scope))
		c.args = append(c.args, digits)
	}
	return c
}

// reserveFor makes room for a claim by command. A rep who seems to hold too many is looked at once more after a Mend.
func (s *Store) reserveFor(ctx context.Context, r reservation, t gate.Terms) (room, error) {
	if err := s.noteHolders(ctx, r.rep); err != nil {
		return roomNone, err
	}
	answers, err := s.pipeline(ctx, []call{r.reserve(t)})
	if err != nil {
		return roomNone, err
	}
	if room(answers[0]) == roomNone && s.mendNow(ctx, r.rep) {
		if answers, err = s.pipeline(ctx, []call{r.reserve(t)}); err != nil {
			return roomNone, err
		}
	}
	if room(answers[0]) == roomNone {
		return roomNone, &QuotaError{Rep: r.rep, What: QuotaHoldings, Most: t.Holdings}
	}
	return room(answers[0]), nil
}

// settled ends a reservation. When that fails, what is pending goes on counting until Mend has looked.
func (s *Store) settled(ctx context.Context, r reservation, pooled bool, owned ...string) {
	if _, err := s.pipeline(ctx, []call{r.settle(pooled, owned...)}); err != nil {
		s.log(fmt.Errorf("%w; what %s holds is counted anew within %s", err, r.rep, pendingFor))
	}
}

// holdersKnown bounds what a process remembers of who is in the set of holders.
const holdersKnown = 100_000

// noteHolders adds reps to the set of those who ever held a number, once each.
func (s *Store) noteHolders(ctx context.Context, reps ...gate.Rep) error {
	var fresh []any
	s.holders.Lock()
	for _, rep := range reps {
		if _, known := s.holders.known[rep]; !known {
			fresh = append(fresh, identity(string(rep)))
		}
	}
	s.holders.Unlock()
	if len(fresh) == 0 {
		return nil
	}
	if err := s.client.SAdd(ctx, holdersKey, fresh...).Err(); err != nil {
		return fmt.Errorf("registry: holders: %w", err)
	}
	s.holders.Lock()
	defer s.holders.Unlock()
	if s.holders.known == nil || len(s.holders.known) > holdersKnown {
		s.holders.known = make(map[gate.Rep]struct{})
	}
	for _, rep := range reps {
		s.holders.known[rep] = struct{}{}
	}
	return nil
}

// mendShare bounds the time in which a rep who holds too many is counted anew on that account: one part in so many.
const mendShare = 100

// mendNow mends a rep's holdings unless that was done just now, and says whether it is worth asking again.
func (s *Store) mendNow(ctx context.Context, rep gate.Rep) bool {
	s.holders.Lock()
	began := time.Now()
	if began.Before(s.holders.mend[rep]) {
		s.holders.Unlock()
		return false
	}
	s.holders.Unlock()
	n, err := s.Mend(ctx, rep)
	if err != nil {
		s.log(err)
	}
	s.holders.Lock()
	defer s.holders.Unlock()
	if s.holders.mend == nil || len(s.holders.mend) > holdersKnown {
		s.holders.mend = make(map[gate.Rep]time.Time)
	}
	s.holders.mend[rep] = time.Now().Add(mendShare * time.Since(began))
	return n > 0
}
