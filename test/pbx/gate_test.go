// Package pbx puts Kamailio in the place of PBXs before the gate: what one of a certain make does with a refusal, and
// what the samples in configs/pbx do with a call.
package pbx

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/gate/registrytest"
	"github.com/ringfence/ringfence/metrics"
	"github.com/ringfence/ringfence/sip"
)

// reasons are all that a call can be refused for, and the zero value, which stands for a gate that failed.
func reasons() []gate.Reason {
	passes := []gate.Reason{gate.Emergency, gate.Internal, gate.Allowed, gate.OwnerCalls, gate.Collaborator, gate.Pass}
	return slices.DeleteFunc(append(gate.Reasons(), gate.Undecided), func(r gate.Reason) bool { return slices.Contains(passes, r) })
}

// number is dialled to be refused for a reason.
func number(r gate.Reason) string {
	if r == gate.InvalidNumber {
		return "1212555019012345"
	}
	return fmt.Sprintf("+121255501%02d", r)
}

// opinionated is a registry that refuses each number for the reason that it stands for, also those that no rule gives
// yet. What it does not know it lets out.
type opinionated struct{ *registrytest.Memory }

func (o opinionated) Decide(_ context.Context, q gate.Question) (gate.Answer, error) {
	for _, r := range reasons() {
		if string(q.Number) != number(r) {
			continue
		}
		switch r {
		case gate.Undecided:
			panic("a fault on purpose")
		case gate.RegistryDown:
			return gate.Answer{}, errors.New("the registry is away on purpose")
		default:
			return gate.Answer{Verdict: gate.Block, Reason: r, Owner: "202", RetryAfter: time.Minute}, nil
		}
	}
	return gate.Answer{Verdict: gate.Allow, Reason: gate.Allowed, Fence: 1}, nil
}

// startGate runs a gate on loopback; what it returns says what was decided so far.
func startGate(t *testing.T, cfg sip.Config) (decided func() []gate.Decision) {
	policy := gate.Defaults("US")
	policy.Extension = "^[2-8][0-9]{2}$"
	policy.Rules.OnRegistryDown = gate.OutageBlock
	policy.Rules.Budget = gate.Duration(time.Second)
	g, err := gate.New(gate.Options{Config: policy, Registry: opinionated{registrytest.NewMemory(time.Now)}, Gate: "g1", Now: time.Now})
	require.NoError(t, err)
	var mu sync.Mutex
	var all []gate.Decision
	server, err := sip.New(cfg, sip.Options{
		Gate: g, Metrics: metrics.New(metrics.NewRegistry()), Log: zerolog.Nop(),
		Observe: func(d gate.Decision) {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, d)
		},
	})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { require.NoError(t, server.Run(ctx)) })
	running.Go(func() { require.NoError(t, g.Run(ctx)) })
	t.Cleanup(func() { stop(); running.Wait() })
	return func() []gate.Decision {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

// header is the value of a header in a message's text.
func header(text, name string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func host(last int) netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, byte(last)}) }
