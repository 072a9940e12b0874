package metrics

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringfence/ringfence/gate"
)

// Outcomes of a command to the registry.
const (
	outcomeOK      = "ok"
	outcomeError   = "error"   // it answered, with an error
	outcomeTimeout = "timeout" // no answer in time
	outcomeDown    = "down"    // no connection, or the breaker is open
)

var (
	operations = []string{"decide", "renew", "write"}
	outcomes   = []string{outcomeOK, outcomeError, outcomeTimeout, outcomeDown}
)

// registry times what the gate asks of the registry.
type registry struct {
	seconds map[string]map[string]prometheus.Observer // by operation, by outcome
	errors  map[string]map[string]prometheus.Counter  // likewise, without ok
	up      prometheus.Gauge
}

func newRegistry(reg prometheus.Registerer) *registry {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: "registry_seconds",
		Help:                        "Round trips to the registry, by operation and outcome.",
		Buckets:                     buckets,
		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160,
		NativeHistogramMinResetDuration: time.Hour,
	}, []string{"op", "outcome"})
	failed := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "registry_errors_total",
		Help: "Round trips to the registry that failed, by operation and outcome.",
	}, []string{"op", "outcome"})
	r := &registry{
		seconds: make(map[string]map[string]prometheus.Observer),
		errors:  make(map[string]map[string]prometheus.Counter),
		up: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "registry_up",
			Help: "1 when the registry answered the last time it was asked.",
		}),
	}
	reg.MustRegister(seconds, failed, r.up)
	for _, op := range operations {
		r.seconds[op] = make(map[string]prometheus.Observer)
		r.errors[op] = make(map[string]prometheus.Counter)
		for _, outcome := range outcomes {
			r.seconds[op][outcome] = seconds.WithLabelValues(op, outcome)
			if outcome != outcomeOK {
				r.errors[op][outcome] = failed.WithLabelValues(op, outcome)
			}
		}
	}
	return r
}

// Registry wraps next so that its round trips are timed and counted. An error that is one of suspended says that nothing
// was asked, because the registry is known to be away.
func (r *registry) Registry(next gate.Registry, suspended ...error) gate.Registry {
	return &timedRegistry{registry: r, next: next, suspended: suspended}
}

// RegistryAnswered sets registry_up from a question that somebody else asked, such as a regular ping while no call is up.
func (r *registry) RegistryAnswered(err error) { r.setUp(outcomeOf(err, nil)) }

func (r *registry) setUp(outcome string) {
	if outcome == outcomeOK || outcome == outcomeError {
		r.up.Set(1)
		return
	}
	r.up.Set(0)
}

func outcomeOf(err error, suspended []error) string {
	if err == nil {
		return outcomeOK
	}
	for _, s := range suspended {
		if errors.Is(err, s) {
			return outcomeDown
		}
	}
	var network net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout() {
		return outcomeTimeout
	}
	if network != nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return outcomeDown
	}
	return outcomeError
}

// timedRegistry is a gate.Registry whose round trips are timed.
type timedRegistry struct {
	*registry
	next      gate.Registry
	suspended []error
}

func (t *timedRegistry) observe(op string, since time.Time, err error) {
	outcome := outcomeOf(err, t.suspended)
	t.seconds[op][outcome].Observe(time.Since(since).Seconds())
	if outcome != outcomeOK {
		t.errors[op][outcome].Inc()
	}
	t.setUp(outcome)
}

func (t *timedRegistry) Listed(n gate.Number) (gate.Listing, bool) { return t.next.Listed(n) }

func (t *timedRegistry) Decide(ctx context.Context, q gate.Question) (gate.Answer, error) {
	start := time.Now()
	a, err := t.next.Decide(ctx, q)
	t.observe("decide", start, err)
	return a, err
}

func (t *timedRegistry) Renew(ctx context.Context, held []gate.Reservation, terms gate.Terms) ([]gate.Reservation, error) {
	start := time.Now()
	lost, err := t.next.Renew(ctx, held, terms)
	t.observe("renew", start, err)
	return lost, err
}

func (t *timedRegistry) Write(ctx context.Context, events []gate.Event) error {
	start := time.Now()
	err := t.next.Write(ctx, events)
	t.observe("write", start, err)
	return err
}
