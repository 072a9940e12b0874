package gate_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/gate/registrytest"
)

var (
	sinkDecision gate.Decision
	sinkRead     gate.Dialled
)

// bench is a gate without its loop: what is measured is the way in.
func bench(t testing.TB) (*gate.Gate, *registrytest.Memory) {
	m := registrytest.NewMemory(nil)
	m.LoadDNC(gate.Listing{List: "national", Version: "7"}, customer)
	g, err := gate.New(gate.Options{Config: config(), Registry: m, Gate: "gate-1", Queue: 1000})
	require.NoError(t, err)
	return g, m
}

func callOf(g *gate.Gate, user string) gate.Call {
	return gate.Call{Key: gate.Key{Rep: rep201, CallID: "a84b4c76e66710@pbx", FromTag: "1928301774"}, Peer: "desk", Dialled: g.Read("sip", user, nil)}
}

// TestAllocations: the budget of the way in. Local may take none even where it queues a record, since the queue's space
// is used again; reading a plain number takes one, the canonical text.
func TestAllocations(t *testing.T) {
	g, _ := bench(t)
	for user, most := range map[string]float64{"911": 0, "202": 0, "+12125550100": 0, "x": 0, "2125550199": 0} {
		c := callOf(g, user)
		got := testing.AllocsPerRun(3000, func() { sinkDecision, _ = g.Local(c) })
		require.LessOrEqual(t, got, most, "Local %s", user)
	}
	if gate.UnderRace {
		return // regular expressions keep their space in a sync.Pool, which forgets on purpose under the race detector
	}
	for user, most := range map[string]float64{"911": 0, "202": 0, "+12125550100": 0, "2125550100": 1, "1-212-555-0100": 2, "alice": 0} {
		got := testing.AllocsPerRun(1000, func() { sinkRead = g.Read("sip", user, nil) })
		require.LessOrEqual(t, got, most, "Read %s", user)
	}
}

func BenchmarkLocal(b *testing.B) {
	for _, test := range []struct{ name, user string }{
		{"emergency", "911"}, {"internal", "202"}, {"unreadable", "x"}, {"listed", "2125550100"}, {"undecided", "2125550199"},
	} {
		b.Run(test.name, func(b *testing.B) {
			g, _ := bench(b)
			c := callOf(g, test.user)
			b.ReportAllocs()
			for b.Loop() {
				sinkDecision, _ = g.Local(c)
			}
		})
	}
}

// BenchmarkAsk is a whole life through the registry in memory: the gate's own share of a call, and Memory's.
func BenchmarkAsk(b *testing.B) {
	g, _ := bench(b)
	calls := make([]gate.Call, 1000)
	for i := range calls {
		calls[i] = callOf(g, fmt.Sprintf("212%07d", 5550200+i))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		d := g.Ask(context.Background(), calls[i%len(calls)])
		g.Answered(d.Reservation)
		g.End(d.Reservation, gate.EndAnswered, 200)
	}
}

// BenchmarkAskOnly is one decision against a registry that answers at once: nothing but the gate's own share.
func BenchmarkAskOnly(b *testing.B) {
	g, err := gate.New(gate.Options{Config: config(), Registry: yes{}, Gate: "gate-1"})
	require.NoError(b, err)
	c := callOf(g, "2125550100")
	b.ReportAllocs()
	for b.Loop() {
		sinkDecision = g.Ask(context.Background(), c)
		g.End(sinkDecision.Reservation, gate.EndUnanswered, 0)
	}
}

// yes is a registry that allows everything.
type yes struct{ gate.Registry }

func (yes) Decide(context.Context, gate.Question) (gate.Answer, error) {
	return gate.Answer{Verdict: gate.Allow, Reason: gate.Allowed, Fence: 1}, nil
}
