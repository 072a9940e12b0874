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
