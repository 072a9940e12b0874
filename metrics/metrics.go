// Package metrics counts what the gate does, for Prometheus, and serves the figures and the process's health over HTTP.
// It knows the gate's words and nothing of SIP messages or Redis: those who do call its methods.
//
// No label is ever made of what a caller sends: every label value comes from a closed set and has its series from the
// start, so that nobody can fill a Prometheus by dialling, and an alert on a rare event finds a 0 before the first one.
// The exceptions are the names of do-not-call lists and trunks, which an operator gives; there are at most MaxLists and
// MaxTrunks of them.
package metrics

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

const namespace = "ringfence"

// Metrics holds every collector. All methods may be called from any goroutine.
type Metrics struct {
	*decisions
	*calls
	*messages
	*digest
	*notices
	*codes
	*webhooks
	*pool
	*registry
	*gauges
	*process
}

// NewRegistry is a registry of its own with what Go and the operating system tell of the process.
func NewRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return reg
}

// New builds the collectors and registers them with reg. It panics when reg already holds collectors of these names:
// two gates in one process need two registries.
func New(reg prometheus.Registerer) *Metrics {
	return &Metrics{
		decisions: newDecisions(reg),
		calls:     newCalls(reg),
		messages:  newMessages(reg),
		digest:    newDigest(reg),
		notices:   newNotices(reg),
		codes:     newCodes(reg),
		webhooks:  newWebhooks(reg),
		pool:      newPool(reg),
		registry:  newRegistry(reg),
		gauges:    newGauges(reg),
		process:   newProcess(reg),
	}
}

// process is what concerns the program as a whole.
type process struct {
	panics     prometheus.Counter
	build      *prometheus.GaugeVec
	reloadOK   prometheus.Gauge
	reloadTime prometheus.Gauge
}

func newProcess(reg prometheus.Registerer) *process {
	p := &process{
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "panics_total",
			Help: "Panics that were caught while a message was handled. Any is a fault in the program.",
		}),
		build: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: namespace, Name: "build_info",
			Help: "Always 1; the labels say what is running.",
		}, []string{"version", "revision", "go_version"}),
		reloadOK: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "config_last_reload_successful",
			Help: "1 when the configuration that was read last is the one in force, 0 when it was refused.",
		}),
		reloadTime: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "config_last_reload_success_timestamp_seconds",
			Help: "When the configuration in force was read.",
		}),
	}
	reg.MustRegister(p.panics, p.build, p.reloadOK, p.reloadTime)
	return p
}

// Panicked counts a panic that was caught.
func (p *process) Panicked() { p.panics.Inc() }

// Build says what is running. Call it once.
func (p *process) Build(version, revision string) {
	p.build.WithLabelValues(version, revision, runtime.Version()).Set(1)
}

// Reloaded says how reading the configuration at the given time went; the first reading counts too.
func (p *process) Reloaded(at time.Time, err error) {
	if err != nil {
		p.reloadOK.Set(0)
		return
	}
	p.reloadOK.Set(1)
	p.reloadTime.Set(float64(at.Unix()))
}
