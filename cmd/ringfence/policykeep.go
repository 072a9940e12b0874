package main

import (
	"context"
	"time"

	"github.com/ringfence/ringfence/cmd/ringfence/config"
)

// policyAgain is when the registry is told of the rules again that it could not be told of.
const policyAgain = 5 * time.Second

// keepPolicies tells the registry by which rules this gate decides, at the start and after each reload, until it knows.
// No call waits for it.
func (p *program) keepPolicies(ctx context.Context) error {
	failed := false
	for {
		again := time.NewTimer(policyAgain)
		if err := p.keepPolicy(ctx); err == nil {
			again.Stop()
			failed = false
		} else if !failed {
			failed = true
			p.log.Error().Err(err).Stringer("again_in", policyAgain).Msg("the rules in force could not be kept in the registry")
		}
		select {
		case <-ctx.Done():
			again.Stop()
			return nil
		case <-p.reloaded:
		case <-again.C:
		}
		again.Stop()
	}
}

func (p *program) keepPolicy(ctx context.Context) error {
	rules := p.gate.Config().Rules
	text, err := config.FormatRules(rules)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, policyAgain)
	defer cancel()
	return p.store.WritePolicy(ctx, rules.Version(), text)
}

// noteReload has keepPolicies look again.
func (p *program) noteReload() {
	select {
	case p.reloaded <- struct{}{}:
	default:
	}
}
