package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// pool counts what becomes of numbers whose protection ends.
type pool struct {
	recycled map[string]prometheus.Counter
	warned   prometheus.Counter
	size     prometheus.Gauge
	owned    prometheus.Gauge
	lag      prometheus.Gauge
}

func newPool(reg prometheus.Registerer) *pool {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help})
	}
	p := &pool{
		recycled: countersBy(reg, "recycled_total", "Numbers that this gate moved into the pool, by which rule ended their protection.",
			"why", []string{"no_contact", "no_deal", "expired", other}),
		warned: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "recycle_warnings_total",
			Help: "Numbers that this gate wrote down as about to be moved into the pool.",
		}),
		size:  gauge("pool_numbers", "Numbers in the pool, the same at every gate."),
		owned: gauge("owned_numbers", "Numbers that are owned, or were and wait to be moved into the pool; the same at every gate."),
		lag:   gauge("recycle_lag_seconds", "For how long the number that has waited longest should have been in the pool."),
	}
	reg.MustRegister(p.warned, p.size, p.owned, p.lag)
	return p
}

// Recycled counts numbers that were moved into the pool; why is a rule, and anything else counts as other.
func (p *pool) Recycled(why string, numbers int) {
	child(p.recycled, why).Add(float64(numbers))
}

// Warned counts numbers that were written down as about to be moved.
func (p *pool) Warned(numbers int) { p.warned.Add(float64(numbers)) }

// Pool says how many numbers are in the pool and owned, and how late moving them is.
func (p *pool) Pool(size, owned int, lag time.Duration) {
	p.size.Set(float64(size))
	p.owned.Set(float64(owned))
	p.lag.Set(lag.Seconds())
}
