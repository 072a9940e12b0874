package proxy

import (
	"hash/maphash"
	"sync/atomic"
	"time"

	"github.com/ringfence/ringfence/sip/message"
)

// refused remembers the INVITEs that were refused without a transaction. One that comes again, because its 503 crossed it
// or was lost, must be refused again though there is room by then: its caller may have heard the first 503 and gone, and
// the callee's phone would ring for nobody. The table has a fixed size, so that of a flood only the latest are known;
// that covers what is repeated, which is soon.
type refused struct {
	until atomic.Int64 // ns since 1970; nothing is remembered after this
	table atomic.Pointer[[1 << 16]atomic.Uint64]
}

// refusedFor is how long an INVITE may be repeated: 64×T1, Timer B of RFC 3261.
const refusedFor = 32 * time.Second

func (r *refused) add(seed maphash.Seed, m *message.Message, now time.Time) {
	if r.table.Load() == nil {
		r.table.CompareAndSwap(nil, new([1 << 16]atomic.Uint64))
	}
	h := branchHash(seed, m)
	r.table.Load()[h%(1<<16)].Store(h)
	r.until.Store(now.Add(refusedFor).UnixNano())
}

// any says whether something is remembered, which is hardly ever.
func (r *refused) any(now time.Time) bool { return now.UnixNano() < r.until.Load() }

func (r *refused) has(seed maphash.Seed, m *message.Message) bool {
	h := branchHash(seed, m)
	return r.table.Load()[h%(1<<16)].Load() == h
}

// branchHash stands for a transaction (RFC 3261 §17.2.3), for as long as this process lives.
func branchHash(seed maphash.Seed, m *message.Message) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	_, _ = h.Write(m.Via.Branch)
	_ = h.WriteByte(0)
	_, _ = h.Write(m.CallID)
	return h.Sum64()
}
