package registry

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

func TestHolds(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		for i := range 20 {
			_, err := s.Claim(ctx, gate.Number(fmt.Sprintf("+1212555%04d", i)), ClaimOrder{Rep: "201", For: time.Hour})
			require.NoError(t, err)
		}
		_, err := s.Claim(ctx, "+12125559999", ClaimOrder{Rep: "202", Scope: "loans", For: time.Hour})
		require.NoError(t, err)
		for rep, want := range map[gate.Rep]bool{"201": true, "202": true, "20": false, "": false} {
			holds, err := s.Holds(ctx, rep)
			require.NoError(t, err)
			require.Equal(t, want, holds, rep)
		}
		_, err = s.Release(ctx, "+12125559999", "loans", "released", rules)
		require.NoError(t, err)
		holds, err := s.Holds(ctx, "202")
		require.NoError(t, err)
		require.False(t, holds)
	})
}

// TestTerritoryIsRecorded: of a call that was only marked the script writes it down, of one that the gate stopped the gate.
func TestTerritoryIsRecorded(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		q := question(number, "201", "a")
		q.Territory = "east;1"
		require.Equal(t, gate.Allow, decide(t, s, q).Verdict)
		blocked := question(number, "202", "b")
		blocked.Territory, blocked.Scope = "east", "loans"
		require.Equal(t, gate.InFlight, decide(t, s, blocked).Reason)
		require.NoError(t, s.Write(ctx, []gate.Event{{Kind: gate.Decided, Terms: q.Terms, Decision: gate.Decision{
			Reason: gate.Territory, Territory: "east",
			Call: gate.Call{Key: gate.Key{Rep: "203", CallID: "c"}, Dialled: gate.Dialled{Kind: gate.External, Number: number}},
		}}}))
		require.Equal(t, gate.Allow, decide(t, s, question("+12125550101", "204", "d")).Verdict)
		records, err := s.History(ctx, number, 10)
		require.NoError(t, err)
		require.Len(t, records, 3)
		require.Equal(t, map[string]string{"territory": "east"}, records[0].Detail)
		require.Equal(t, map[string]string{"territory": "east"}, records[1].Detail)
		require.Equal(t, gate.Scope("loans"), records[1].Scope)
		require.Equal(t, map[string]string{"territory": "east;1"}, records[2].Detail)
		records, err = s.History(ctx, "+12125550101", 10)
		require.NoError(t, err)
		require.Nil(t, records[0].Detail)
	})
}
