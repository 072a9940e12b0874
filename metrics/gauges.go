package metrics

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// MaxLists is how many do-not-call lists have series of their own; numbers of further ones are summed as "other".
const MaxLists = 200

// List is a bulk do-not-call list as this gate holds it.
type List struct {
	Name    string
	Numbers int
	Loaded  time.Time // when this version was loaded into the registry
}

// MaxTrunks is how many trunks have series of their own.
const MaxTrunks = 200

// Trunk is a way out as it stands now.
type Trunk struct {
	Name string
	Up   bool // it has an address that has not just failed
}

// gauges are read from their owner at each scrape. Before an owner is named they stand at 0.
type gauges struct {
	callsUp, transactions, banned, queued, dropped, ready source
	lists                                                 atomic.Pointer[func() []List]
	trunks                                                atomic.Pointer[func() []Trunk]
	now                                                   func() time.Time

	numbers, age, trunkUp *prometheus.Desc
}

type source struct{ atomic.Pointer[func() float64] }

func (s *source) read() float64 {
	if f := s.Load(); f != nil {
		return (*f)()
	}
	return 0
}

func (s *source) set(f func() float64) { s.Store(&f) }

func newGauges(reg prometheus.Registerer) *gauges {
	g := &gauges{
		now: time.Now,
		numbers: prometheus.NewDesc(namespace+"_dnc_numbers",
			"Numbers on each do-not-call list in this gate's memory.", []string{"list"}, nil),
		age: prometheus.NewDesc(namespace+"_dnc_age_seconds",
			"Time since the version of the list in this gate's memory was loaded.", []string{"list"}, nil),
	}
	g.trunkUp = prometheus.NewDesc(namespace+"_trunk_up",
		"1 when the trunk has an address that has not just failed.", []string{"trunk"}, nil)
	gaugeOf := func(name, help string, s *source) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, s.read)
	}
	reg.MustRegister(
		gaugeOf("calls_up", "Calls that hold a number at this gate now.", &g.callsUp),
		gaugeOf("sip_transactions", "SIP transactions in memory now.", &g.transactions),
		gaugeOf("banned_sources", "Source addresses that are banned now.", &g.banned),
		gaugeOf("events_queued", "Events that wait to be written to the registry.", &g.queued),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: namespace, Name: "events_dropped_total",
			Help: "Events that were given up because the queue was full: their records are missing.",
		}, g.dropped.read),
		gaugeOf("ready", "1 when /readyz says yes.", &g.ready),
		listCollector{g},
		trunkCollector{g},
	)
	return g
}

// CallsUp names where the number of calls up is read.
func (g *gauges) CallsUp(read func() int) { g.callsUp.set(func() float64 { return float64(read()) }) }

// Transactions names where the number of SIP transactions is read.
func (g *gauges) Transactions(read func() int) {
	g.transactions.set(func() float64 { return float64(read()) })
}

// BannedNow names where the number of banned sources is read.
func (g *gauges) BannedNow(read func() int) { g.banned.set(func() float64 { return float64(read()) }) }

// Events names where the gate's queue of events is read.
func (g *gauges) Events(queued func() int, dropped func() uint64) {
	g.queued.set(func() float64 { return float64(queued()) })
	g.dropped.set(func() float64 { return float64(dropped()) })
}

// Ready names what says whether the gate takes calls; nil is yes.
func (g *gauges) Ready(check func() error) {
	g.ready.set(func() float64 {
		if check() == nil {
			return 1
		}
		return 0
	})
}

// Lists names where the do-not-call lists in memory are read.
func (g *gauges) Lists(read func() []List) { g.lists.Store(&read) }

// listCollector makes the two gauges of each list. It stands apart from gauges so that Metrics is no collector itself.
type listCollector struct{ *gauges }

func (c listCollector) Describe(to chan<- *prometheus.Desc) { to <- c.numbers; to <- c.age }

func (c listCollector) Collect(to chan<- prometheus.Metric) {
	read := c.lists.Load()
	if read == nil {
		return
	}
	var rest int
	for i, l := range (*read)() {
		if i >= MaxLists {
			rest += l.Numbers
			continue
		}
		to <- prometheus.MustNewConstMetric(c.numbers, prometheus.GaugeValue, float64(l.Numbers), l.Name)
		to <- prometheus.MustNewConstMetric(c.age, prometheus.GaugeValue, c.now().Sub(l.Loaded).Seconds(), l.Name)
	}
	if rest > 0 {
		to <- prometheus.MustNewConstMetric(c.numbers, prometheus.GaugeValue, float64(rest), other)
	}
}

// Trunks names where the state of the trunks is read.
func (g *gauges) Trunks(read func() []Trunk) { g.trunks.Store(&read) }

// trunkCollector makes the gauge of each trunk. Of several with one name the worst counts.
type trunkCollector struct{ *gauges }

func (c trunkCollector) Describe(to chan<- *prometheus.Desc) { to <- c.trunkUp }

func (c trunkCollector) Collect(to chan<- prometheus.Metric) {
	read := c.trunks.Load()
	if read == nil {
		return
	}
	up := map[string]float64{}
	for _, t := range (*read)() {
		if _, known := up[t.Name]; !known && len(up) < MaxTrunks {
			up[t.Name] = 1
		}
		if _, known := up[t.Name]; known && !t.Up {
			up[t.Name] = 0
		}
	}
	for name, v := range up {
		to <- prometheus.MustNewConstMetric(c.trunkUp, prometheus.GaugeValue, v, name)
	}
}
