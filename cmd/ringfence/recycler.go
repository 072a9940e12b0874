package main

import (
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// recycler moves numbers whose protection has ended into the pool, in turns with the other gates.
func (p *program) recycler() *registry.Recycler {
	return registry.NewRecycler(p.store, registry.RecyclerOptions{
		Rules: func() (gate.Terms, gate.PoolRule) { return p.gate.Terms(), p.gate.Config().Rules.Pool },
		Place: func() *time.Location {
			cfg := p.gate.Config()
			place, err := cfg.Place()
			if err != nil { // it was valid when the gate took it
				return time.Local
			}
			return place
		},
		Report: p.metrics,
	})
}
