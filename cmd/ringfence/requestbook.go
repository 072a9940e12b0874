package main

import (
	"context"
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/requests"
)

// book is where requests are kept, for a command: whoever gives it is the operator.
func (c *client) book() *requests.Book {
	house := requests.House{Store: c.store, Gate: c.gate}
	return requests.NewBook(requests.Options{
		Client: c.store.Client(), Rules: func() gate.RequestsRule { return c.cfg.Rules.Requests },
		Floor: house, Effects: house, Records: house, Operator: c.store.Operator(), Keep: c.cfg.Records.Keep.Std(),
	})
}

// newBook is where requests are kept, for a gate that serves.
func (p *program) newBook() *requests.Book {
	house := requests.House{Store: p.store, Gate: p.gate}
	return requests.NewBook(requests.Options{
		Client: p.store.Client(), Rules: func() gate.RequestsRule { return p.gate.Config().Rules.Requests },
		Floor: house, Effects: house, Records: house, Keep: p.cfg.Load().Records.Keep.Std(),
		Log: func(err error) { p.log.Error().Err(err).Msg("requests") },
	})
}

// asker asks in the names of reps who dial the code for it. It is there before the requests, which need the gate.
type asker struct{ *program }

// Ask opens a request.
func (a asker) Ask(ctx context.Context, n gate.Number, rep gate.Rep, scope gate.Scope) (gate.Rep, bool, error) {
	return a.requests.Ask(ctx, n, rep, scope)
}

// stagesEvery is how late a stage's limit may have its effect.
const stagesEvery = 10 * time.Second

// moveStages lets happen what the stages' limits say, until ctx ends. Without stages it asks nothing of the registry.
func (p *program) moveStages(ctx context.Context) error {
	tick := time.NewTicker(stagesEvery)
	defer tick.Stop()
	for {
		if rules := p.gate.Config().Rules; len(rules.Stages) > 0 {
			if err := p.store.MoveStages(ctx, rules, p.gate.Terms()); err != nil && ctx.Err() == nil {
				p.log.Error().Err(err).Msg("stages")
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
