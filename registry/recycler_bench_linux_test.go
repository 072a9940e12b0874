package registry

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/redistest"
)

// BenchmarkRecycle moves a million due numbers while calls ask for decisions, and prints how long those take without it
// and beside it. One round (-benchtime 1x) takes some minutes.
func BenchmarkRecycle(b *testing.B) {
	const numbers, rate, turn = 1_000_000, 1000, 30
	for b.Loop() {
		server := redistest.Start(b)
		s := open(b, server.UnixURL(), WithoutLists())
		ctx, cancel := context.WithTimeout(b.Context(), 20*time.Minute)
		terms, rule := poolTerms(), gate.Defaults("US").Rules.Pool
		loadOwned(ctx, b, s, numbers, terms)
		c := newCalls(b, s)
		ask := func(context.Context) error { // a late answer is counted, not given up
			_, err := s.Decide(ctx, c.question())
			return err
		}
		openLoop(b, ask, rate) // warms up
		var alone, beside []time.Duration
		for range turn {
			alone = append(alone, openLoop(b, ask, rate)...)
		}
		r, counted := recycler(open(b, server.UnixURL(), WithoutLists()), &terms, &rule)
		done := make(chan error, 1)
		began, cpu := time.Now(), cpuTime(b, server.PID())
		go func() { done <- r.Round(ctx) }()
		var took time.Duration
		for took == 0 {
			select {
			case err := <-done:
				require.NoError(b, err)
				took = time.Since(began)
			default:
				beside = append(beside, openLoop(b, ask, rate)...)
			}
		}
		require.Equal(b, numbers, counted.recycled["expired"])
		b.Logf("%d numbers in %s, %.1f µs of the server's time each with the calls'", numbers, took.Round(time.Second),
			float64((cpuTime(b, server.PID())-cpu).Microseconds())/numbers)
		logTimes(b, "without", alone)
		logTimes(b, "beside it", beside)
		cancel()
	}
}

// BenchmarkOffboard hands 300,000 numbers to three colleagues and takes them back.
func BenchmarkOffboard(b *testing.B) {
	const numbers = 300_000
	for b.Loop() {
		s := open(b, redistest.Start(b).UnixURL(), WithoutLists())
		ctx := b.Context()
		terms := poolTerms()
		loadHeld(ctx, b, s, "201", numbers, terms)
		plan := OffboardPlan{Rep: "201", To: []Taker{{Rep: "202"}, {Rep: "203"}, {Rep: "204"}}, Strategy: ByLoad, Undo: week}
		_, err := s.PlanOffboarding(ctx, plan)
		require.NoError(b, err)
		for _, step := range []struct {
			name string
			run  func(context.Context, gate.Rep, Handover) (Offboarding, error)
		}{{"handed over", s.Offboard}, {"taken back", s.UndoOffboarding}} {
			began := time.Now()
			o, err := step.run(ctx, "201", Handover{Terms: terms, Percent: 50})
			require.NoError(b, err)
			require.Equal(b, numbers, o.Moved)
			b.Logf("%d numbers %s in %s", numbers, step.name, time.Since(began).Round(100*time.Millisecond))
		}
	}
}

// loadHeld has one rep own numbers for an hour, and hold them.
func loadHeld(ctx context.Context, b *testing.B, s *Store, rep gate.Rep, numbers int, terms gate.Terms) {
	b.Helper()
	var calls []call
	for first := 0; first < numbers; first += reserveAtOnce {
		var digits []string
		for i := first; i < min(first+reserveAtOnce, numbers); i++ {
			k := keysOf(fmt.Sprintf("1%03d%07d", 201+i%700, 2_000_000+i))
			digits = append(digits, k.digits)
			_, err := ownerScript.slice(ctx, s.client, []string{k.number(), k.stream(), k.owned(), k.pool(), k.changed()},
				"claim", string(rep), "", "3600000", k.digits, "loader", adminFields(k.digits), milliseconds(terms.Keep),
				rulesOf(terms), "0", "", "", "", "yes")
			require.NoError(b, err)
		}
		r := newReservation(rep, "", digits...)
		calls = append(calls[:0], r.reserve(gate.Terms{}), r.settle(false, digits...))
		_, err := s.pipeline(ctx, calls)
		require.NoError(b, err)
	}
}

func logTimes(b *testing.B, name string, times []time.Duration) {
	b.Helper()
	slices.Sort(times)
	at := func(q float64) int64 { return times[int(q*float64(len(times)-1))].Microseconds() }
	b.Logf("%-9s p50 %5d µs  p99 %5d µs  p99.9 %5d µs  of %d", name, at(0.5), at(0.99), at(0.999), len(times))
}
