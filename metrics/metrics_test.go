package metrics

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ringfence/ringfence/gate"
)

var update = flag.Bool("update", false, "write testdata/exposition.txt anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestExposition holds names, help texts and the series that exist before anything happened: dashboards and alerts
// are written against them.
func TestExposition(t *testing.T) {
	const golden = "testdata/exposition.txt"
	reg := prometheus.NewPedanticRegistry()
	New(reg)
	if *update {
		require.NoError(t, os.WriteFile(golden, text(t, reg), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.NoError(t, testutil.GatherAndCompare(reg, bytes.NewReader(want)),
		"if the change is meant: go test ./metrics -update, and tell it in the change log")
	require.Equal(t, string(want), string(text(t, reg)), "the golden file lacks series; go test ./metrics -update")
}

func text(t *testing.T, g prometheus.Gatherer) []byte {
	families, err := g.Gather()
	require.NoError(t, err)
	var b bytes.Buffer
	for _, f := range families {
		_, err := expfmt.MetricFamilyToText(&b, f)
		require.NoError(t, err)
	}
	return b.Bytes()
}

func TestNamesFollowTheConventions(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := New(reg)
	m.Build("v1", "abc")
	m.Lists(func() []List { return []List{{Name: "national", Numbers: 3}} })
	m.Trunks(func() []Trunk { return []Trunk{{Name: "carrier", Up: true}} })
	problems, err := promlint.New(bytes.NewReader(text(t, reg))).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
}

// TestCardinality feeds every method what a hostile caller could make of it, and counts series.
func TestCardinality(t *testing.T) {
	forbidden := map[string]bool{
		"number": true, "caller": true, "callee": true, "call_id": true, "ip": true, "user_agent": true, "rep": true,
	}
	reg := prometheus.NewPedanticRegistry()
	m := New(reg)
	before := series(t, reg, forbidden)
	for i := range 10_000 {
		hostile := fmt.Sprintf("M%d", i)
		m.Request(hostile)
		m.Response(hostile, i)
		m.Retransmission(hostile)
		m.Dropped(hostile)
		m.CallEnded(gate.Ending(i))
		m.Notice(hostile)
		m.Served(gate.Outcome{Result: gate.Result(i), Reason: gate.Reason(i)})
		m.Webhook(hostile)
	}
	require.Equal(t, before, series(t, reg, forbidden))

	lists := make([]List, 10_000)
	for i := range lists {
		lists[i] = List{Name: fmt.Sprintf("list%d", i), Numbers: 1}
	}
	m.Lists(func() []List { return lists })
	trunks := make([]Trunk, 10_000)
	for i := range trunks {
		trunks[i] = Trunk{Name: fmt.Sprintf("trunk%d", i)}
	}
	m.Trunks(func() []Trunk { return trunks })
	for v := range 256 {
		for r := range 256 {
			m.Decided(gate.Decision{Verdict: gate.Verdict(v % 3), Reason: gate.Reason(r % (len(gate.Reasons()) + 1))})
		}
	}
	require.LessOrEqual(t, series(t, reg, forbidden), 2000)
}

func series(t *testing.T, g prometheus.Gatherer, forbidden map[string]bool) (n int) {
	families, err := g.Gather()
	require.NoError(t, err)
	for _, f := range families {
		for _, metric := range f.Metric {
			for _, l := range metric.Label {
				require.False(t, forbidden[l.GetName()], "%s has the label %s", f.GetName(), l.GetName())
			}
			n++
			if h := metric.GetHistogram(); h != nil {
				n += len(h.Bucket) + 2 // +Inf, sum
			}
		}
	}
	return n
}

func TestEveryReasonHasItsSeries(t *testing.T) {
	for _, r := range gate.Reasons() {
		require.NotEmpty(t, possible[r], "which verdicts can %s come with? Add it to possible", r)
	}
}

// Of several trunks with one name the worst counts.
func TestTrunks(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	New(reg).Trunks(func() []Trunk { return []Trunk{{"a", true}, {"b", false}, {"b", true}, {"c", true}, {"c", false}} })
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP ringfence_trunk_up 1 when the trunk has an address that has not just failed.
# TYPE ringfence_trunk_up gauge
ringfence_trunk_up{trunk="a"} 1
ringfence_trunk_up{trunk="b"} 0
ringfence_trunk_up{trunk="c"} 0
`), "ringfence_trunk_up"))
}

func TestDecided(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := New(reg)
	m.Decided(gate.Decision{Verdict: gate.Block, Reason: gate.Owned, Took: 80 * time.Microsecond})
	m.Decided(gate.Decision{Verdict: gate.Redirect, Reason: gate.Owned, Took: 80 * time.Microsecond})
	m.Decided(gate.Decision{Verdict: gate.Redirect, Reason: gate.InFlight}) // a pair that nobody foresaw
	require.InDelta(t, 1, testutil.ToFloat64(m.total.WithLabelValues("block", "owned")), 0)
	require.InDelta(t, 1, testutil.ToFloat64(m.total.WithLabelValues("redirect", "owned")), 0)
	require.InDelta(t, 1, testutil.ToFloat64(m.total.WithLabelValues("redirect", "in_flight")), 0)

	h := gathered(t, reg, "ringfence_decision_seconds").Metric[0].Histogram
	require.EqualValues(t, 3, h.GetSampleCount())
	require.NotEmpty(t, h.PositiveSpan, "no native histogram")
	for _, b := range h.Bucket {
		if b.GetUpperBound() == 75e-6 {
			require.EqualValues(t, 1, b.GetCumulativeCount())
		}
		if b.GetUpperBound() == 100e-6 {
			require.EqualValues(t, 3, b.GetCumulativeCount())
		}
	}
}

func gathered(t *testing.T, g prometheus.Gatherer, name string) *dto.MetricFamily {
	families, err := g.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == name {
			return f
		}
	}
	require.Fail(t, "no metric "+name)
	return nil
}

func TestGaugesReadTheirSources(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := New(reg)
	loaded := time.Unix(1_800_000_000, 0)
	m.now = func() time.Time { return loaded.Add(time.Minute) }
	m.CallsUp(func() int { return 7 })
	m.Transactions(func() int { return 8 })
	m.Events(func() int { return 9 }, func() uint64 { return 10 })
	ready := error(nil)
	m.Ready(func() error { return ready })
	m.Lists(func() []List { return []List{{Name: "national", Numbers: 11, Loaded: loaded}} })

	value := func(name string) float64 {
		metric := gathered(t, reg, name).Metric[0]
		return metric.GetGauge().GetValue() + metric.GetCounter().GetValue()
	}
	for name, want := range map[string]float64{
		"ringfence_calls_up": 7, "ringfence_sip_transactions": 8, "ringfence_events_queued": 9,
		"ringfence_events_dropped_total": 10, "ringfence_ready": 1,
		"ringfence_dnc_numbers": 11, "ringfence_dnc_age_seconds": 60,
	} {
		require.InDelta(t, want, value(name), 0, name)
	}
	ready = fmt.Errorf("draining")
	require.Zero(t, value("ringfence_ready"))
}

func TestReloaded(t *testing.T) {
	m := New(prometheus.NewPedanticRegistry())
	m.Reloaded(time.Unix(1000, 0), nil)
	m.Reloaded(time.Unix(2000, 0), fmt.Errorf("bad file"))
	require.Zero(t, testutil.ToFloat64(m.reloadOK))
	require.InDelta(t, 1000, testutil.ToFloat64(m.reloadTime), 0, "the time of the last good one stays")
}

func TestTwoGatesHaveTwoRegistries(t *testing.T) {
	New(NewRegistry())
	New(NewRegistry())
	reg := NewRegistry()
	New(reg)
	require.Panics(t, func() { New(reg) })
}

// TestHotPathDoesNotAllocate holds the budget of what runs for every message and every decision.
func TestHotPathDoesNotAllocate(t *testing.T) {
	m := New(NewRegistry())
	d := gate.Decision{Verdict: gate.Allow, Reason: gate.Allowed, Took: 90 * time.Microsecond}
	m.Decided(d) // the native histogram makes its bucket once
	for name, f := range map[string]func(){
		"Decided":        func() { m.Decided(d) },
		"Request":        func() { m.Request("INVITE") },
		"Response":       func() { m.Response("INVITE", 180) },
		"Retransmission": func() { m.Retransmission(Received) },
		"Dropped":        func() { m.Dropped("malformed") },
		"CallStarted":    m.CallStarted,
		"CallEnded":      func() { m.CallEnded(gate.EndAnswered) },
	} {
		require.Zero(t, testing.AllocsPerRun(100, f), name)
	}
}

func BenchmarkDecided(b *testing.B) {
	m := New(NewRegistry())
	d := gate.Decision{Verdict: gate.Allow, Reason: gate.Allowed, Took: 90 * time.Microsecond}
	for b.Loop() {
		m.Decided(d)
	}
}

func TestPool(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := New(reg)
	m.Recycled("no_deal", 3)
	m.Recycled("a rule of tomorrow", 1)
	m.Warned(2)
	m.Pool(40, 1000, 90*time.Second)
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP ringfence_pool_numbers Numbers in the pool, the same at every gate.
# TYPE ringfence_pool_numbers gauge
ringfence_pool_numbers 40
# HELP ringfence_owned_numbers Numbers that are owned, or were and wait to be moved into the pool; the same at every gate.
# TYPE ringfence_owned_numbers gauge
ringfence_owned_numbers 1000
# HELP ringfence_recycle_lag_seconds For how long the number that has waited longest should have been in the pool.
# TYPE ringfence_recycle_lag_seconds gauge
ringfence_recycle_lag_seconds 90
# HELP ringfence_recycle_warnings_total Numbers that this gate wrote down as about to be moved into the pool.
# TYPE ringfence_recycle_warnings_total counter
ringfence_recycle_warnings_total 2
# HELP ringfence_recycled_total Numbers that this gate moved into the pool, by which rule ended their protection.
# TYPE ringfence_recycled_total counter
ringfence_recycled_total{why="expired"} 0
ringfence_recycled_total{why="no_contact"} 0
ringfence_recycled_total{why="no_deal"} 3
ringfence_recycled_total{why="other"} 1
`), "ringfence_pool_numbers", "ringfence_owned_numbers", "ringfence_recycle_lag_seconds", "ringfence_recycle_warnings_total",
		"ringfence_recycled_total"))
}
