// Package model is the simplest registry that keeps the contract of gate.Registry (registrytest): in this process's memory, by
// a clock that is given. Recorded calls are decided again with it, and what stands before the registry is tested with it.
package model

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// ErrAsleep is what Memory answers during an outage that it was put into by Fail.
var ErrAsleep = errors.New("model: the registry is away")

// Memory is a registry in this process's memory. Its zero value is not ready; NewMemory makes one.
type Memory struct {
	now func() time.Time

	mu      sync.Mutex
	numbers map[gate.Number]*number
	bulk    map[gate.Number]gate.Listing
	records []Record
	asked   int
	awake   chan struct{} // closed while the registry answers
	failing error         // when set, every command fails with it at once
}

// number is all that is known of one number.
type number struct {
	dnc     string // list of the single addition; "" for none
	refused time.Time
	owned   map[gate.Scope]*ownership
	was     map[gate.Scope]ownership // see Remember
	passes  map[gate.Rep]time.Time   // good until

	held  gate.Reservation // zero: nobody rings it
	lease time.Time        // until when held counts
	fence int64

	full bool // the rep whose event is applied holds as many as it may

	attempts map[gate.Reservation]*attempt
}

// ownership is how a number stands in one scope.
type ownership struct {
	owner     gate.Rep
	extension string // of the owner
	team      gate.Team
	since     time.Time
	contact   time.Time // last answered call; zero before the first
	protected time.Time // until when the owner holds it
	hand      bool      // protected was set by hand: no rule brings it forward
	locked    bool      // protected is for ever
	unlocked  time.Time // protected, were it not locked
	deal      time.Time // when one was closed; zero: none was
	level     string    // of the customer; it stays when the owner goes
	helpers   []gate.Rep
	first     gate.Rep  // whose first call nobody answered
	firstEnds time.Time // until when that keeps colleagues away
}

func (o *ownership) isOwned(now time.Time) bool { return o.owner != "" && now.Before(o.protected) }

// helps says whether rep may ring the owner's customer, and why.
func (o *ownership) helps(rep gate.Rep, team gate.Team, t gate.Terms) (gate.Reason, bool) {
	switch {
	case slices.Contains(o.helpers, rep):
		return gate.Collaborator, true
	case t.Team && team != "" && o.team == team:
		return gate.OwnerCalls, true
	}
	return gate.Undecided, false
}

// attempt is what is remembered of one Key.
type attempt struct {
	answer gate.Answer
	scope  gate.Scope // of the rep who asked
	team   gate.Team
	firm   bool
	ended  bool
	until  time.Time // forgotten then, unless it holds the number
}

// Record is one line of the number's history.
type Record struct {
	Number   gate.Number
	Rep      gate.Rep
	CallID   string
	Decision string // verdict and reason of a decision, such as "allow allowed"; "" for an end
	Ending   gate.Ending
	Talk     time.Duration
	Status   int
	At       time.Time
}

// NewMemory makes an empty registry with the given clock; nil means time.Now.
func NewMemory(now func() time.Time) *Memory {
	if now == nil {
		now = time.Now
	}
	m := &Memory{now: now, numbers: make(map[gate.Number]*number), bulk: make(map[gate.Number]gate.Listing), awake: make(chan struct{})}
	close(m.awake)
	return m
}

// Sleep makes the registry silent: commands wait until Wake or until their context ends.
func (m *Memory) Sleep() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.awake = make(chan struct{})
}

// Fail makes every command fail at once with ErrAsleep, as when the connection is refused, until Wake.
func (m *Memory) Fail() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failing = ErrAsleep
}

// Wake ends an outage.
func (m *Memory) Wake() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failing = nil
	select {
	case <-m.awake:
	default:
		close(m.awake)
	}
}

// lock waits for the registry to be awake and takes its lock.
func (m *Memory) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	awake := m.awake
	m.mu.Unlock()
	select {
	case <-awake:
	case <-ctx.Done():
		return ctx.Err()
	}
	m.mu.Lock()
	if m.failing != nil {
		defer m.mu.Unlock()
		return m.failing
	}
	return nil
}

// SetOwner makes rep the owner of n until its protection ends, as a command would.
func (m *Memory) SetOwner(n gate.Number, rep gate.Rep, extension string, protection time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := m.number(n).in("")
	*o = ownership{owner: rep, extension: extension, since: m.now(), protected: m.now().Add(protection)}
}

// Share lets a colleague ring a number of scope too, as a command would.
func (m *Memory) Share(n gate.Number, scope gate.Scope, with gate.Rep) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := m.number(n).in(scope)
	o.helpers = append(o.helpers, with)
}

// SetRefused starts a cool-down, as a command would.
func (m *Memory) SetRefused(n gate.Number, coolDown time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.number(n).refused = m.now().Add(coolDown)
}

// AddDNC adds n to a list by itself, as `ringfence dnc add` does.
func (m *Memory) AddDNC(n gate.Number, list string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.number(n).dnc = list
}

// LoadDNC puts numbers on a bulk list.
func (m *Memory) LoadDNC(listing gate.Listing, numbers ...gate.Number) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range numbers {
		m.bulk[n] = listing
	}
}

// Owner is who owns n now; "" when nobody does.
func (m *Memory) Owner(n gate.Number) gate.Rep {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.numbers[n]; s != nil {
		if o := s.in(""); o.isOwned(m.now()) {
			return o.owner
		}
	}
	return ""
}

// Held is the reservation on n now.
func (m *Memory) Held(n gate.Number) (gate.Reservation, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.numbers[n]
	if s == nil || !s.isHeld(m.now()) {
		return gate.Reservation{}, false
	}
	return s.held, true
}

// Records are all records of n, or of every call without a number for "", oldest first.
func (m *Memory) Records(n gate.Number) []Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []Record
	for _, r := range m.records {
		if r.Number == n {
			found = append(found, r)
		}
	}
	return slices.Clip(found)
}

// Asked is how many questions came, rehearsals included.
func (m *Memory) Asked() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked
}

func (m *Memory) number(n gate.Number) *number {
	s := m.numbers[n]
	if s == nil {
		s = &number{
			owned: make(map[gate.Scope]*ownership), was: make(map[gate.Scope]ownership),
			passes: make(map[gate.Rep]time.Time), attempts: make(map[gate.Reservation]*attempt),
		}
		m.numbers[n] = s
	}
	return s
}

// in is the number's ownership in one scope.
func (s *number) in(scope gate.Scope) *ownership {
	o := s.owned[scope]
	if o == nil {
		o = &ownership{}
		s.owned[scope] = o
	}
	return o
}

func (s *number) isHeld(now time.Time) bool { return s.held.Held() && now.Before(s.lease) }
