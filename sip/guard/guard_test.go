package guard

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	epoch = time.Unix(1_800_000_000, 0)
	phone = netip.MustParseAddr("192.0.2.1")
)

func TestRate(t *testing.T) {
	for text, want := range map[string]Rate{"50/s": 50, "3000/m": 50, "1/h": 1.0 / 3600, "0.5/s": 0.5, "off": Off} {
		r, err := ParseRate(text)
		require.NoError(t, err, text)
		assert.InDelta(t, float64(want), float64(r), 1e-9, text)
		again, err := ParseRate(r.String())
		require.NoError(t, err, text)
		assert.InDelta(t, float64(r), float64(again), 1e-9, text)
	}
	for _, text := range []string{"", "50", "50/", "/s", "-1/s", "0/s", "NaN/s", "Inf/s", "1e300/s", "50/d", "fast", "50 /s"} {
		_, err := ParseRate(text)
		assert.ErrorContains(t, err, "write it like 50/s", text)
	}
}

// A source gets its burst, then its rate and no less, however often it comes.
func TestRateOfASource(t *testing.T) {
	s := NewSources(epoch)
	l := &Limit{Rate: 10, Burst: 5}
	count := func(times int, from time.Duration, every time.Duration) (within int) {
		for i := range times {
			if s.Take(phone, l, true, epoch.Add(from+time.Duration(i)*every)) == Within {
				within++
			}
		}
		return within
	}
	assert.Equal(t, 5, count(20, time.Second, 0), "at once: the burst")
	assert.Equal(t, 100, count(10_000, 2*time.Second-900*time.Millisecond, time.Millisecond), "10 s at 1000/s: the rate")
	assert.Equal(t, 50, count(50, time.Minute, 100*time.Millisecond), "at the rate: all")
	assert.Equal(t, Within, s.Take(netip.MustParseAddr("192.0.2.2"), l, true, epoch.Add(2*time.Second)), "others do not notice")
	for range 1000 {
		require.Equal(t, Within, s.Take(phone, l, false, epoch.Add(2*time.Minute)), "what begins nothing is no part of the rate")
	}
}

// Ten times the rate brings a ban, which ends by itself; what is sent meanwhile does not prolong it.
func TestBan(t *testing.T) {
	s := NewSources(epoch)
	l := &Limit{Rate: 10, Burst: 5, Ban: time.Minute}
	at := epoch
	var v Verdict
	for n := range 2000 {
		at = at.Add(9 * time.Millisecond) // 111/s, of any kind
		if v = s.Take(phone, l, n%4 == 0, at); v == NowBanned {
			require.Greater(t, n, 50, "a burst of ten times the burst is allowed")
			break
		}
	}
	require.Equal(t, NowBanned, v)
	for banned := at; at.Before(banned.Add(time.Minute)); at = at.Add(time.Second) {
		require.Equal(t, Banned, s.Take(phone, l, true, at))
		require.Equal(t, 1, s.BannedNow(at))
	}
	assert.Equal(t, Within, s.Take(phone, l, true, at))
	assert.Zero(t, s.BannedNow(at))

	honest := netip.MustParseAddr("192.0.2.3")
	for i := range 5000 {
		require.NotEqual(t, NowBanned, s.Take(honest, l, true, epoch.Add(time.Duration(i)*11*time.Millisecond)), "nine times the rate is slowed down, not banned")
	}
}

// A million forged addresses push out one another, and neither the source that is banned nor the one that is slowed down;
// the table does not grow.
func TestForgedSourcesPushOutOnlyOneAnother(t *testing.T) {
	s := NewSources(epoch)
	l := &Limit{Rate: 10, Burst: 50, Ban: time.Minute}
	flooder, banned := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("198.51.100.2")
	at := epoch.Add(time.Second)
	for s.Take(banned, l, true, at) != NowBanned {
	}
	for range 60 {
		s.Take(flooder, l, true, at)
	}
	require.Equal(t, Over, s.Take(flooder, l, true, at))
	before := allocated()
	for i := range 1_000_000 {
		a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		s.Take(a, l, true, at.Add(time.Duration(i)*time.Microsecond))
	}
	at = at.Add(time.Second)
	for range 10 { // what came to it in that second
		s.Take(flooder, l, true, at)
	}
	assert.Equal(t, Over, s.Take(flooder, l, true, at), "the flooder has not got a new burst")
	assert.Equal(t, Banned, s.Take(banned, l, true, at))
	assert.Less(t, allocated()-before, uint64(1<<20))
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// Beside one that floods nobody else is heavy; one alone is, and many alike all are.
func TestHeavy(t *testing.T) {
	at := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}) }
	play := func(rates ...int) (heavy []bool) {
		s := NewSources(epoch)
		var now time.Time
		for ms := range 500 {
			now = epoch.Add(time.Duration(ms) * time.Millisecond)
			for n, rate := range rates {
				for range (ms+1)*rate/1000 - ms*rate/1000 {
					s.Take(at(n), nil, true, now)
				}
			}
		}
		for n := range rates {
			heavy = append(heavy, s.Heavy(at(n), now))
		}
		return heavy
	}
	assert.Equal(t, []bool{true}, play(5000))
	assert.Equal(t, []bool{true, false}, play(20_000, 100))
	assert.Equal(t, []bool{true, false, false, false}, play(20_000, 500, 400, 10))
	assert.Equal(t, []bool{true, true, true, true}, play(500, 500, 500, 500))
	assert.Equal(t, []bool{true, true, false}, play(500, 490, 20))

	s := NewSources(epoch)
	s.Take(at(1), nil, true, epoch)
	s.Take(at(2), nil, true, epoch.Add(time.Minute))
	assert.False(t, s.Heavy(at(1), epoch.Add(time.Minute)), "that was long ago")
}

// Whoever acknowledges hears repetitions, as does whoever loses a few ACKs; whoever never does is silent until time
// forgives it.
func TestSilence(t *testing.T) {
	s := NewSources(epoch)
	at := epoch
	for range 100 { // every second ACK comes only after a repetition
		at = at.Add(time.Second)
		s.Missed(phone, at)
		s.Acknowledged(phone, at)
		s.Acknowledged(phone, at)
		require.False(t, s.Silent(phone, at))
	}
	forged := netip.MustParseAddr("192.0.2.9")
	n := 0
	for ; !s.Silent(forged, at); n++ {
		require.Less(t, n, 10)
		s.Missed(forged, at)
	}
	assert.Equal(t, 9, n, "misses until it is silent")
	assert.False(t, s.Silent(phone, at))
	for range 1000 {
		s.Missed(forged, at)
	}
	assert.True(t, s.Silent(forged, at.Add(remembered-silence-time.Second)))
	assert.False(t, s.Silent(forged, at.Add(remembered-silence)), "and no longer than that")
}

func TestQueue(t *testing.T) {
	q := Queue{Limit: 25 * time.Millisecond}
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	for _, step := range []struct {
		at, waited int
		used       float64
		overdue    Excess
		why        string
	}{
		{0, 10, 0.1, None, "below the limit"},
		{1000, 200, 0.4, None, "the machine stood still"},
		{1010, 190, 0.4, None, "and works off what has come"},
		{1040, 20, 0.1, None, "which it has"},
		{2000, 26, 0, None, "above the limit"},
		{2049, 45, 0, None, "not for long enough"},
		{2050, 55, 0, Plenty, "for twice the limit"},
		{2060, 26, 0, Some, "still above"},
		{2061, 25, 0, None, "and back"},
		{2062, 26, 0, None, "a new beginning"},
		{2110, 62, 0, None, "not for long enough"},
		{2112, 63, 0, Hopeless, "refusing does not help"},
		{2120, 26, 0, Hopeless, "nor would it yet"},
		{2121, 25, 0, None, "it is short again"},
		{3000, 5, 0.5, Hopeless, "there is soon no room, however short the wait"},
		{3001, 5, 0.4, Hopeless, "and hardly more"},
		{3002, 5, 0.37, None, "there is"},
		{3003, 5, 0.49, None, "and still is"},
	} {
		assert.Equal(t, step.overdue, q.Overdue(epoch.Add(ms(step.at)), ms(step.waited), step.used), "%d ms: %s", step.at, step.why)
	}
	var never Queue
	assert.Equal(t, None, never.Overdue(epoch, time.Hour, 1))
	assert.Equal(t, None, never.Overdue(epoch.Add(time.Hour), time.Hour, 1))
}

// simulated is a registry that answers so many a second, one after another, on a clock of the test's own.
type simulated struct {
	line    Line
	now     time.Time
	asked   []time.Time   // under way, when they went
	stands  []time.Time   // in the line, when they came
	worst   time.Duration // of the answers after the first second
	longest time.Duration // in the line
	usual   time.Duration // the same after the first second
	shed    int
	taken   int
}

func (s *simulated) arrive() {
	if s.line.Overdue() != None {
		s.shed++
		return
	}
	s.taken++
	if s.line.Enter() {
		s.asked = append(s.asked, s.now)
	} else {
		s.stands = append(s.stands, s.now)
	}
}

func (s *simulated) answer() {
	if len(s.asked) == 0 {
		return
	}
	if s.now.Sub(epoch) > time.Second {
		s.worst = max(s.worst, s.now.Sub(s.asked[0]))
	}
	s.asked = s.asked[1:]
	for range s.line.Leave() {
		stood := s.now.Sub(s.stands[0])
		s.longest = max(s.longest, stood)
		if s.now.Sub(epoch) > time.Second {
			s.usual = max(s.usual, stood)
		}
		s.asked, s.stands = append(s.asked, s.now), s.stands[1:]
	}
}

// run offers calls to a registry of that capacity for two seconds, in steps of 20 µs.
func (s *simulated) run(offered, capacity float64) {
	const step = 20 * time.Microsecond
	var calls, answers float64
	for range 2 * time.Second / step {
		s.now = s.now.Add(step)
		for calls += offered * step.Seconds(); calls >= 1; calls-- {
			s.arrive()
		}
		for answers += capacity * step.Seconds(); answers >= 1; answers-- {
			s.answer()
		}
	}
}

// Whatever is offered, the registry is kept busy, an answer takes no longer than half the budget or so, and the line no
// longer than its limit or so. Below the capacity nobody is refused.
func TestLine(t *testing.T) {
	const budget, limit = 40 * time.Millisecond, 25 * time.Millisecond
	for _, capacity := range []float64{2000, 20_000} {
		for _, times := range []float64{0.95, 3, 10} {
			t.Run(fmt.Sprintf("%v times %v", times, capacity), func(t *testing.T) {
				s := simulated{now: epoch}
				s.line.Limit, s.line.Budget, s.line.Now = limit, func() time.Duration { return budget }, func() time.Time { return s.now }
				s.run(times*capacity, capacity)
				if times < 1 {
					assert.Zero(t, s.shed)
				}
				assert.Greater(t, float64(s.taken), 2*0.97*min(times, 1)*capacity, "calls taken")
				standing := time.Duration(burst / capacity * float64(time.Second))
				assert.LessOrEqual(t, s.longest, standing+limit, "the longest wait in the line, while it was new")
				assert.LessOrEqual(t, s.usual, 3*limit/2, "the longest wait in the line afterwards")
				assert.Less(t, s.worst, budget, "the slowest answer")
			})
		}
	}
}

// A registry that hangs, and answers nothing until the budget is over, refuses nobody for being slow at a low rate: what
// then becomes of calls is for the outage rule to say.
func TestLineLeavesOutagesAlone(t *testing.T) {
	s := simulated{now: epoch}
	s.line.Limit, s.line.Budget, s.line.Now = 25*time.Millisecond, func() time.Duration { return 40 * time.Millisecond }, func() time.Time { return s.now }
	for range 500 { // 500/s, each of which takes 40 ms to fail
		s.now = s.now.Add(2 * time.Millisecond)
		s.arrive()
		for len(s.asked) > 0 && s.now.Sub(s.asked[0]) >= 40*time.Millisecond {
			s.answer()
		}
	}
	assert.Zero(t, s.shed)
}

func BenchmarkTake(b *testing.B) {
	s := NewSources(epoch)
	l := &Limit{Rate: 1e6, Burst: 1e6, Ban: time.Minute}
	at := epoch
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(time.Microsecond)
		s.Take(phone, l, true, at)
	}
}

func BenchmarkLine(b *testing.B) {
	l := Line{Limit: time.Second, Budget: func() time.Duration { return time.Second }, Now: time.Now}
	b.ReportAllocs()
	for b.Loop() {
		l.Overdue()
		l.Enter()
		l.Leave()
	}
}

func TestRefusals(t *testing.T) {
	var r Refusals
	said := func(from, to time.Duration) (n int) {
		for at := from; at < to; at += 50 * time.Microsecond { // 20,000 a second
			if r.Take(epoch.Add(at)) {
				n++
			}
		}
		return n
	}
	assert.Equal(t, 2000, said(0, time.Second))
	assert.LessOrEqual(t, said(2*time.Second, 2*time.Second+20*time.Millisecond), 40, "no more for having been silent")
	assert.True(t, r.Take(epoch.Add(time.Hour)))
}
