package transaction

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const tick = 10 * time.Millisecond

type alarm struct {
	Timer
	fired []int64
	w     *wheel
	do    func()
}

func (a *alarm) Expired(*Timer) {
	a.fired = append(a.fired, a.w.now)
	if a.do != nil {
		a.do()
	}
}

func newAlarm(w *wheel) *alarm {
	a := &alarm{w: w}
	a.Owner = a
	return a
}

// No timer fires early, none more than two ticks late, whatever the distance and however the clock jumps.
func TestWheelFiresInTime(t *testing.T) {
	var w wheel
	w.init(tick, nil)
	type want struct {
		a      *alarm
		start  int64
		after  time.Duration
		cancel bool
	}
	var all []want
	r := rand.New(rand.NewPCG(1, 2))
	for now := int64(0); now < 4000; now += 1 + r.Int64N(3) {
		w.advance(now)
		x := want{a: newAlarm(&w), start: w.now, after: time.Duration(r.Int64N(int64(20 * time.Second))), cancel: r.IntN(4) == 0}
		w.start(&x.a.Timer, x.after)
		if x.cancel {
			w.stop(&x.a.Timer)
			w.stop(&x.a.Timer)
		}
		all = append(all, x)
	}
	for now := int64(4000); now < 7000; now++ {
		w.advance(now)
	}
	require.Zero(t, w.count)
	for _, x := range all {
		if x.cancel {
			require.Empty(t, x.a.fired)
			continue
		}
		require.Len(t, x.a.fired, 1)
		took := time.Duration(x.a.fired[0]-x.start) * tick
		require.GreaterOrEqual(t, took, x.after)
		require.LessOrEqual(t, took, x.after+2*tick)
	}
}

// An owner may stop, restart or be stopped by another timer of the very same slot while that slot fires.
func TestWheelOwnersMayTouchTheirNeighbours(t *testing.T) {
	var w wheel
	w.init(tick, nil)
	a, b, c := newAlarm(&w), newAlarm(&w), newAlarm(&w)
	a.do = func() { w.stop(&b.Timer); w.start(&c.Timer, time.Second); w.start(&a.Timer, time.Second); a.do = nil }
	for _, x := range []*alarm{a, b, c} {
		w.start(&x.Timer, 50*time.Millisecond)
	}
	for now := int64(1); now < 300; now++ {
		w.advance(now)
	}
	require.Len(t, a.fired, 2)
	require.Empty(t, b.fired)
	require.Len(t, c.fired, 1, "restarted before it fired")
	require.Greater(t, c.fired[0], int64(100))
	require.Zero(t, w.count)
}

// A process that was halted for longer than a turn fires what was due meanwhile.
func TestWheelAfterALongHalt(t *testing.T) {
	var w wheel
	w.init(tick, nil)
	a, b := newAlarm(&w), newAlarm(&w)
	w.start(&a.Timer, 100*time.Millisecond)
	w.start(&b.Timer, time.Hour)
	w.advance(10 * slots)
	require.Len(t, a.fired, 1)
	require.Empty(t, b.fired)
}

// A panic of one owner is told, and the others of its slot still fire.
func TestWheelSurvivesAPanic(t *testing.T) {
	var w wheel
	var told []any
	w.init(tick, func(v any, _ []byte) { told = append(told, v) })
	a, b := newAlarm(&w), newAlarm(&w)
	a.do = func() { panic("on purpose") }
	w.start(&a.Timer, 50*time.Millisecond)
	w.start(&b.Timer, 50*time.Millisecond)
	w.advance(20)
	require.Equal(t, []any{"on purpose"}, told)
	require.Len(t, b.fired, 1)
}

func BenchmarkTimer(b *testing.B) {
	var w wheel
	w.init(tick, nil)
	a := newAlarm(&w)
	b.ReportAllocs()
	for b.Loop() {
		w.start(&a.Timer, 500*time.Millisecond)
		w.stop(&a.Timer)
	}
}
