package proxy

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ringfence/ringfence/sip/transport"
)

// hops is one state of Addresses. It is never changed, only replaced.
type hops struct {
	all       []hop // by rank
	former    []former
	penalised bool // some may be: the clock is worth a look
}

type hop struct {
	Hop
	until time.Time // its penalty's end
	asked bool      // it named the time itself, by Retry-After
}

// former is an address that the name led to once: calls that were set up there go on. It is read from, and nothing new
// is sent to it.
type former struct {
	transport.Address
	until time.Time
}

func (h *hops) index(a transport.Address) int {
	return slices.IndexFunc(h.all, func(x hop) bool { return x.Same(a) })
}

// usable says whether any address stands, which none does that failed lately.
func (h *hops) usable() bool {
	if !h.penalised {
		return len(h.all) > 0
	}
	now := time.Now()
	return slices.ContainsFunc(h.all, func(x hop) bool { return !now.Before(x.until) })
}

// next is the address to try after those in tried, a set of indices; -1 when there is none. Those that failed lately
// come last, or not at all.
func (h *hops) next(tried uint64, failedToo bool) int {
	var now time.Time
	if h.penalised {
		now = time.Now()
	}
	i := h.pick(tried, now, false)
	if i < 0 && failedToo && h.penalised {
		i = h.pick(tried, now, true)
	}
	return i
}

// pick chooses among those of the lowest rank by weight (RFC 2782).
func (h *hops) pick(tried uint64, now time.Time, failed bool) int {
	fits := func(i int) bool { return tried>>i&1 == 0 && now.Before(h.all[i].until) == failed }
	first, total := -1, uint64(0)
	for i := range h.all {
		if !fits(i) {
			continue
		}
		if first < 0 {
			first = i
		} else if h.all[i].Rank != h.all[first].Rank {
			break
		}
		total += uint64(h.all[i].Weight)
	}
	if first < 0 || total <= uint64(h.all[first].Weight) {
		return first
	}
	share := rand.Uint64N(total)
	for i := first; ; i++ {
		if !fits(i) {
			continue
		}
		if w := uint64(h.all[i].Weight); share >= w {
			share -= w
			continue
		}
		return i
	}
}
