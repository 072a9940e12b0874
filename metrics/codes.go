package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringfence/ringfence/gate"
)

// unserved are the reasons for which a feature code is not served; Undecided stands for every other one.
var unserved = []gate.Reason{gate.InvalidNumber, gate.UnknownRep, gate.DNC, gate.RegistryDown, gate.Undecided}

// codes counts what came of feature codes.
type codes struct{ served map[string]prometheus.Counter }

func newCodes(reg prometheus.Registerer) *codes {
	var results []string
	for _, r := range gate.Results() {
		results = append(results, r.String())
	}
	for _, r := range unserved {
		results = append(results, r.String())
	}
	return &codes{countersBy(reg, "codes_total",
		"Feature codes that reps dialled, by what came of them; of those that were not served, by why.", "result", results)}
}

// Served counts one.
func (c *codes) Served(o gate.Outcome) {
	name := o.Result.String()
	if o.Result == gate.Unserved {
		name = o.Reason.String()
	}
	counter, ok := c.served[name]
	if !ok {
		counter = c.served[gate.Undecided.String()]
	}
	counter.Inc()
}
