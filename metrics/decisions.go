package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringfence/ringfence/gate"
)

// buckets are the classic histogram's upper bounds in seconds: fine where a decision should lie (under 1 ms), coarse up
// to the 40 ms budget and what lies beyond it.
var buckets = []float64{
	25e-6, 50e-6, 75e-6, 100e-6, 150e-6, 200e-6, 300e-6, 500e-6, 750e-6,
	1e-3, 1.5e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3,
}

// possible lists which verdicts a reason can come with. A pair outside it is counted all the same (the pair is made of
// closed sets), it only has no series before it happens.
var possible = map[gate.Reason][]gate.Verdict{
	gate.Emergency:     {gate.Allow},
	gate.Internal:      {gate.Allow},
	gate.Allowed:       {gate.Allow},
	gate.OwnerCalls:    {gate.Allow},
	gate.Collaborator:  {gate.Allow},
	gate.Pass:          {gate.Allow},
	gate.DNC:           {gate.Block},
	gate.Refused:       {gate.Block},
	gate.Owned:         {gate.Block, gate.Redirect},
	gate.InFlight:      {gate.Block},
	gate.Frequency:     {gate.Block},
	gate.Hours:         {gate.Block},
	gate.Territory:     {gate.Block, gate.Redirect},
	gate.Quota:         {gate.Block},
	gate.InvalidNumber: {gate.Block},
	gate.UnknownRep:    {gate.Block},
	gate.RegistryDown:  {gate.Allow, gate.Block},
}

var verdicts = []gate.Verdict{gate.Block, gate.Allow, gate.Redirect}

// decisions counts what the gate answered.
type decisions struct {
	total    *prometheus.CounterVec
	children [][]prometheus.Counter // by verdict, by reason; nil where the pair is not in possible
	shadowed *prometheus.CounterVec
	seconds  prometheus.Histogram
	marked   prometheus.Counter
}

func newDecisions(reg prometheus.Registerer) *decisions {
	d := &decisions{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "decisions_total",
			Help: "Decisions on initial INVITEs, by what was decided and why.",
		}, []string{"verdict", "reason"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "decision_seconds",
			Help:                        "From the question to the answer, in the gate.",
			Buckets:                     buckets,
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160,
			NativeHistogramMinResetDuration: time.Hour,
		}),
	}
	d.marked = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: namespace, Name: "territory_marks_total",
		Help: "Calls that were let out into another team's territory, with rules.territories.action: mark.",
	})
	d.shadowed = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "shadowed_total",
		Help: "Calls that went out only because the rule is watched (rules.shadow), by what would have become of them and why.",
	}, []string{"would", "reason"})
	reg.MustRegister(d.total, d.seconds, d.marked, d.shadowed)
	for range verdicts {
		d.children = append(d.children, make([]prometheus.Counter, len(gate.Reasons())+1))
	}
	for reason, with := range possible {
		for _, v := range with {
			d.children[v][reason] = d.total.WithLabelValues(v.String(), reason.String())
			if v != gate.Allow && reason != gate.InvalidNumber && reason != gate.RegistryDown {
				d.shadowed.WithLabelValues(v.String(), reason.String())
			}
		}
	}
	return d
}

// Decided counts a decision and the time it took.
func (d *decisions) Decided(decided gate.Decision) {
	d.seconds.Observe(decided.Took.Seconds())
	if decided.Territory != "" && decided.Verdict == gate.Allow && !(decided.Shadow && decided.Reason == gate.Territory) {
		d.marked.Inc()
	}
	if decided.Shadow {
		d.shadowed.WithLabelValues(decided.Would.String(), decided.Reason.String()).Inc()
	}
	if v, r := int(decided.Verdict), int(decided.Reason); v < len(d.children) && r < len(d.children[v]) {
		if c := d.children[v][r]; c != nil {
			c.Inc()
			return
		}
	}
	d.total.WithLabelValues(decided.Verdict.String(), decided.Reason.String()).Inc()
}

// calls counts the life of allowed calls.
type calls struct {
	started prometheus.Counter
	ended   []prometheus.Counter // by ending
}

var endings = []gate.Ending{gate.EndUnknown, gate.EndAnswered, gate.EndRefused, gate.EndUnanswered, gate.EndFailed}

func newCalls(reg prometheus.Registerer) *calls {
	c := &calls{started: prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: namespace, Name: "calls_started_total",
		Help: "Calls that were let out to a number and hold it.",
	})}
	ended := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "calls_ended_total",
		Help: "Calls that were let out and are over, by how they ended.",
	}, []string{"ending"})
	reg.MustRegister(c.started, ended)
	for _, e := range endings {
		c.ended = append(c.ended, ended.WithLabelValues(e.String()))
	}
	return c
}

// CallStarted counts a call that was let out to a number.
func (c *calls) CallStarted() { c.started.Inc() }

// CallEnded counts its end.
func (c *calls) CallEnded(e gate.Ending) {
	if int(e) >= len(c.ended) {
		e = gate.EndUnknown
	}
	c.ended[e].Inc()
}
