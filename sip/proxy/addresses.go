package proxy

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringfence/ringfence/sip/transport"
)

// Hop is one address of a target (RFC 3263 §4.2).
type Hop struct {
	transport.Address
	Rank   int    // lower ones are tried first
	Weight uint32 // the share of calls that it gets among those of its rank; at least 1
}

// Addresses is where a target can be reached now: what its name led to last, and which of that has failed lately. Every
// call reads it, without a lock. The zero value leads nowhere yet.
type Addresses struct {
	current atomic.Pointer[hops]
	writing sync.Mutex
}

const (
	maxHops    = 64            // tried is a word of 64 bits
	maxFormer  = 64            // addresses
	formerLife = 4 * time.Hour // as long as a call lasts at most, by default
)

// At is where a target is whose address needs no looking up.
func At(all ...transport.Address) *Addresses {
	a := &Addresses{}
	set := make([]Hop, len(all))
	for i := range all {
		set[i] = Hop{all[i], i, 1}
	}
	a.Set(set)
	return a
}

var nowhere hops

func (a *Addresses) now() *hops {
	if h := a.current.Load(); h != nil {
		return h
	}
	return &nowhere
}

// Known says whether there is any address.
func (a *Addresses) Known() bool { return len(a.now().all) > 0 }

// Set makes these the addresses, in order of rank. One that is still there keeps its penalty; one that is no more is
// remembered as a sender. It says whether anything is different.
func (a *Addresses) Set(all []Hop) (changed bool) {
	a.writing.Lock()
	defer a.writing.Unlock()
	old, now := a.now(), time.Now()
	next := &hops{former: slices.DeleteFunc(slices.Clone(old.former), func(f former) bool {
		return now.After(f.until) || slices.ContainsFunc(all, func(h Hop) bool { return h.Same(f.Address) })
	})}
	for _, h := range all[:min(len(all), maxHops)] {
		n := hop{Hop: h}
		if i := old.index(h.Address); i >= 0 {
			n.until, n.asked = old.all[i].until, old.all[i].asked
		}
		next.all = append(next.all, n)
		next.penalised = next.penalised || now.Before(n.until)
	}
	for _, h := range old.all {
		if next.index(h.Address) < 0 {
			next.former = append(next.former, former{h.Address, now.Add(formerLife)})
		}
	}
	next.former = next.former[max(0, len(next.former)-maxFormer):]
	a.current.Store(next)
	return !slices.EqualFunc(old.all, next.all, func(x, y hop) bool { return x.Hop == y.Hop })
}

// penalise puts an address behind the others until then. It says whether it stood before.
func (a *Addresses) penalise(at transport.Address, until time.Time, asked bool) (news bool) {
	return a.change(at, func(h *hop) bool {
		news = !time.Now().Before(h.until)
		if until.After(h.until) {
			h.until, h.asked = until, asked
		}
		return true
	}) && news
}

// lift ends the penalty of an address that has answered, unless it asked to be spared until a time of its own.
func (a *Addresses) lift(at transport.Address) (news bool) {
	h := a.now()
	if !h.penalised { // the way of nearly every call
		return false
	}
	if i := h.index(at); i < 0 || !h.all[i].liftable() {
		return false
	}
	return a.change(at, func(h *hop) bool {
		lifted := h.liftable()
		h.until, h.asked = time.Time{}, false
		return lifted
	})
}

func (h *hop) liftable() bool {
	return !h.until.IsZero() && !(h.asked && time.Now().Before(h.until))
}

// change replaces the state by one in which f has changed the entry of an address, if f says so.
func (a *Addresses) change(at transport.Address, f func(*hop) bool) bool {
	a.writing.Lock()
	defer a.writing.Unlock()
	old := a.now()
	next := &hops{all: slices.Clone(old.all), former: old.former}
	i := next.index(at)
	if i < 0 || !f(&next.all[i]) {
		return false
	}
	now := time.Now()
	next.penalised = slices.ContainsFunc(next.all, func(h hop) bool { return now.Before(h.until) })
	a.current.Store(next)
	return true
}

// first is the address to try first; the zero value when there is none.
func (a *Addresses) first() transport.Address {
	h := a.now()
	if i := h.next(0, true); i >= 0 {
		return h.all[i].Address
	}
	return transport.Address{}
}

// sends says whether a request from there is the target's own.
func (a *Addresses) sends(from transport.Address) bool {
	h := a.now()
	for i := range h.all {
		if sameSender(h.all[i].Address, from) {
			return true
		}
	}
	return false
}

// host says whether ip is where the target is.
func (a *Addresses) host(ip netip.Addr) bool {
	return slices.ContainsFunc(a.now().all, func(h hop) bool { return h.Addr() == ip })
}

// port says whether the target is there, over whatever transport.
func (a *Addresses) port(at netip.AddrPort) bool {
	return slices.ContainsFunc(a.now().all, func(h hop) bool { return h.AddrPort == at })
}

// within says whether any of the target's addresses is in that network.
func (a *Addresses) within(n netip.Prefix) bool {
	return slices.ContainsFunc(a.now().all, func(h hop) bool { return n.Contains(h.Addr()) })
}

// read says whether anything from that host is read at all: it is one of the target's, or was.
func (a *Addresses) read(from transport.Address) bool {
	h := a.now()
	for i := range h.all {
		if h.all[i].Addr() == from.Addr() {
			return true
		}
	}
	return slices.ContainsFunc(h.former, func(f former) bool {
		return f.Addr() == from.Addr() && time.Now().Before(f.until)
	})
}

// find is the target's own address that is the same place as to.
func (a *Addresses) find(to transport.Address) (transport.Address, bool) {
	h := a.now()
	if i := h.index(to); i >= 0 {
		return h.all[i].Address, true
	}
	return to, false
}
