package gate

import (
	"container/heap"
	"hash/maphash"
	"sync"
	"time"
)

// shardCount spreads the calls over locks. A power of two.
const shardCount = 16

// calls are the calls that hold a reservation made by this gate, from the decision to the end. There is no goroutine a
// call: each shard has a heap ordered by when its calls next need something, which the loop of Run looks at.
type calls struct {
	seed   maphash.Seed
	shards [shardCount]shard
}

type shard struct {
	mu  sync.Mutex
	up  map[callKey]*call
	due dueHeap
}

// callKey finds a call by what a BYE knows of it.
type callKey struct {
	number  Number
	callID  string
	fromTag string
}

func keyOf(r Reservation) callKey { return callKey{r.Number, r.CallID, r.FromTag} }

// call is one call from its reservation to its end.
type call struct {
	reservation Reservation
	policy      *policy // it was decided with
	caller      caller
	reserved    time.Time
	answered    time.Time // zero while it rings
	expires     time.Time // end of its session timer (RFC 4028) and some grace; zero when it has none
	firm        bool      // its Firm event is queued
	renew       time.Time // when the lease has to be prolonged
	due         time.Time // when it next needs anything: the key of the heap
	index       int       // place in the heap
}

// limit is when a call whose end never came is taken as ended.
func (c *call) limit() time.Time {
	from := c.reserved
	if !c.answered.IsZero() {
		from = c.answered
	}
	limit := from.Add(c.policy.config.Rules.MaxCall.Std())
	if !c.expires.IsZero() && c.expires.Before(limit) {
		return c.expires
	}
	return limit
}

// firmAt is when an answered call makes its caller the owner.
func (c *call) firmAt() time.Time { return c.answered.Add(c.policy.terms.MinTalk) }

// next is the earliest of what the call waits for.
func (c *call) next() time.Time {
	next := c.renew
	if limit := c.limit(); limit.Before(next) {
		next = limit
	}
	if firm := c.firmAt(); !c.answered.IsZero() && !c.firm && firm.Before(next) {
		next = firm
	}
	return next
}

func (cs *calls) init() {
	cs.seed = maphash.MakeSeed()
	for i := range cs.shards {
		cs.shards[i].up = make(map[callKey]*call)
	}
}

func (cs *calls) shard(callID string) *shard {
	return &cs.shards[maphash.String(cs.seed, callID)%shardCount]
}

// add takes up a call. A repeated decision of one that is up already changes nothing.
func (cs *calls) add(d *Decision, p *policy, who caller, now time.Time) {
	r := d.Reservation
	s := cs.shard(r.CallID)
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.up[keyOf(r)]; old != nil {
		if old.reservation == r {
			return
		}
		s.remove(old)
	}
	c := &call{reservation: r, policy: p, caller: who, reserved: now, renew: now.Add(p.terms.Lease / 3)}
	if d.Shadow && d.Fence == 0 { // it holds nothing that could be prolonged
		c.renew = now.Add(2 * p.config.Rules.MaxCall.Std())
	}
	c.due = c.next()
	s.up[keyOf(r)] = c
	heap.Push(&s.due, c)
}

// answer marks a call as answered; the first answer counts.
func (cs *calls) answer(r Reservation, now time.Time) {
	s := cs.shard(r.CallID)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.up[keyOf(r)]; c != nil && c.reservation == r && c.answered.IsZero() {
		c.answered = now
		s.reschedule(c)
	}
}

// refresh moves the end of a call's session timer.
func (cs *calls) refresh(key callKey, expires time.Time) (found bool) {
	s := cs.shard(key.callID)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.up[key]
	if c == nil {
		return false
	}
	c.expires = expires
	s.reschedule(c)
	return true
}

// end takes a call out, if it is there and fits.
func (cs *calls) end(key callKey, fits func(*call) bool) (c call, found bool) {
	s := cs.shard(key.callID)
	s.mu.Lock()
	defer s.mu.Unlock()
	up := s.up[key]
	if up == nil || !fits(up) {
		return call{}, false
	}
	s.remove(up)
	return *up, true
}

func (cs *calls) holds(key callKey) bool {
	s := cs.shard(key.callID)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.up[key] != nil
}

func (cs *calls) len() int {
	n := 0
	for i := range cs.shards {
		s := &cs.shards[i]
		s.mu.Lock()
		n += len(s.up)
		s.mu.Unlock()
	}
	return n
}

// renewAt sets when the leases of these calls are due again.
func (cs *calls) renewAt(held []Reservation, at time.Time) {
	for _, r := range held {
		s := cs.shard(r.CallID)
		s.mu.Lock()
		if c := s.up[keyOf(r)]; c != nil && c.reservation == r {
			c.renew = at
			s.reschedule(c)
		}
		s.mu.Unlock()
	}
}

func (s *shard) reschedule(c *call) {
	c.due = c.next()
	heap.Fix(&s.due, c.index)
}

func (s *shard) remove(c *call) {
	delete(s.up, keyOf(c.reservation))
	heap.Remove(&s.due, c.index)
}

// dueHeap is a container/heap of calls, the one that needs something first on top.
type dueHeap []*call

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }

func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push is heap.Interface's.
func (h *dueHeap) Push(x any) {
	c := x.(*call)
	c.index = len(*h)
	*h = append(*h, c)
}

// Pop is heap.Interface's.
func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	c := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return c
}
