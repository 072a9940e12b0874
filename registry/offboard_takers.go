package registry

import "github.com/ringfence/ringfence/gate"

// takers chooses who gets the next number.
type takers struct {
	plan       OffboardPlan
	countDeals bool
	loads      []int // what each of plan.To holds that counts against a cap
	full       []bool
	next       int // RoundRobin: whose turn it is
	customers  map[customerIn]int
}

// A customerIn is a customer in one scope: whoever gets one of its numbers gets them all.
type customerIn struct {
	customer string
	scope    gate.Scope
}

// intoPool is the choice of nobody.
const intoPool = -1

func newTakers(p OffboardPlan, loads map[gate.Rep]load, countDeals bool) *takers {
	t := &takers{plan: p, countDeals: countDeals, loads: make([]int, len(p.To)), full: make([]bool, len(p.To)), customers: make(map[customerIn]int)}
	for i, taker := range p.To {
		l := loads[taker.Rep]
		if t.loads[i] = l.held; !countDeals {
			t.loads[i] -= l.dealt
		}
	}
	return t
}

// choose says who of plan.To gets a number, and counts it; intoPool when it fits nowhere.
func (t *takers) choose(m mine) int {
	if m.customer == "" {
		return t.chooseAny(m)
	}
	key := customerIn{m.customer, m.scope}
	i, known := t.customers[key]
	switch {
	case !known || i != intoPool && !t.fits(i, m):
		i = t.chooseAny(m)
		t.customers[key] = i
	case i != intoPool && t.counts(m):
		t.loads[i]++
	}
	return i
}

func (t *takers) chooseAny(m mine) int {
	best := intoPool
	for k := range t.plan.To {
		i := (t.next + k) % len(t.plan.To)
		if !t.fits(i, m) {
			continue
		}
		if t.plan.Strategy == RoundRobin {
			best = i
			break
		}
		if best == intoPool || t.loads[i] < t.loads[best] {
			best = i
		}
	}
	if best == intoPool {
		return best
	}
	if t.plan.Strategy == RoundRobin {
		t.next = best + 1
	}
	if t.counts(m) {
		t.loads[best]++
	}
	return best
}

func (t *takers) counts(m mine) bool { return t.countDeals || !m.dealt }

func (t *takers) fits(i int, m mine) bool {
	taker := t.plan.To[i]
	if taker.Scope != nil && *taker.Scope != m.scope {
		return false
	}
	return !t.counts(m) || !t.full[i] && (taker.Most <= 0 || t.loads[i] < taker.Most)
}
