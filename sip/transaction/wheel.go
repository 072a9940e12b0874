package transaction

import (
	"runtime/debug"
	"time"
)

// grain is how many ticks T1 has. Timers are late by up to two ticks, which is small beside T1; each tick wakes the
// process, and a tick of 10 ms instead of 25 took a tenth of the CPU at 300 calls/s.
const grain = 20

// slots × tick is one turn of the wheel, 12.8 s; a timer further away is passed over once a turn.
const slots = 512

// Timer is one alarm of a shard. The zero value is stopped; Owner is told when it goes off. Starting and stopping it
// costs a few pointer writes and no allocation, which matters because almost every timer is stopped before it fires.
type Timer struct {
	Owner      Expirer
	next, prev *Timer
	due        int64 // in ticks since the layer began
	firing     bool  // taken from the wheel, its owner not told yet
}

// Expirer is told, under the shard's lock, that its timer t went off.
type Expirer interface{ Expired(t *Timer) }

// wheel is a hashed timing wheel: slot due%slots holds a ring of timers.
type wheel struct {
	tick  time.Duration
	now   int64 // in ticks; stands still while count is 0
	count int
	slot  [slots]Timer

	advancing bool
	firing    []*Timer // reused by fire

	panicked func(v any, stack []byte) // told when an owner panics
}

func (w *wheel) init(tick time.Duration, panicked func(v any, stack []byte)) {
	w.tick, w.panicked = tick, panicked
	for i := range w.slot {
		w.slot[i].next, w.slot[i].prev = &w.slot[i], &w.slot[i]
	}
}

func (w *wheel) start(t *Timer, after time.Duration) {
	w.stop(t)
	from := w.now // intervals that double count from the tick that fires now, so that they do not drift
	if !w.advancing {
		from++ // the present tick has partly gone by, and a timer must not fire early
	}
	t.due = max(from+int64((after+w.tick-1)/w.tick), w.now+1)
	head := &w.slot[t.due%slots]
	t.prev, t.next = head.prev, head
	head.prev.next, head.prev = t, t
	w.count++
}

func (w *wheel) stop(t *Timer) {
	t.firing = false
	if t.next == nil {
		return
	}
	t.prev.next, t.next.prev = t.next, t.prev
	t.next, t.prev = nil, nil
	w.count--
}

// advance fires all that is due up to the tick now. After a long halt one turn sees every slot.
func (w *wheel) advance(now int64) {
	if w.count == 0 {
		w.now = max(w.now, now)
		return
	}
	w.now = max(w.now, now-slots)
	w.advancing = true
	defer func() { w.advancing = false }()
	for w.now < now {
		w.now++
		w.fire(&w.slot[w.now%slots])
	}
}

// fire takes the due timers out before it tells anyone: an owner may start and stop timers of this very slot, one that
// is about to fire among them.
func (w *wheel) fire(head *Timer) {
	w.firing = w.firing[:0]
	for t := head.next; t != head; {
		next := t.next
		if t.due <= w.now {
			w.stop(t)
			t.firing = true
			w.firing = append(w.firing, t)
		}
		t = next
	}
	for i, t := range w.firing {
		w.firing[i] = nil
		if t.firing {
			t.firing = false
			w.tell(t)
		}
	}
}

// tell keeps a fault of one owner from stopping all timers.
func (w *wheel) tell(t *Timer) {
	defer func() {
		if v := recover(); v != nil {
			w.panicked(v, debug.Stack())
		}
	}()
	t.Owner.Expired(t)
}
