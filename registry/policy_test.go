package registry

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPoliciesByVersionAndTime(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		list, err := s.Policies(ctx)
		require.NoError(t, err)
		require.Empty(t, list)
		_, err = s.PolicyAt(ctx, time.Now().Add(time.Hour))
		require.ErrorIs(t, err, ErrNoPolicy)
		_, err = s.Policy(ctx, "a")
		require.ErrorIs(t, err, ErrNoPolicy)

		for _, version := range []string{"a", "a", "b", "a", "a"} { // two gates each, and a change taken back
			require.NoError(t, s.WritePolicy(ctx, version, "rules of "+version))
			require.NoError(t, s.WritePolicy(ctx, version, "rules of "+version))
			nextMillisecond(t, s)
		}
		list, err = s.Policies(ctx)
		require.NoError(t, err)
		require.Len(t, list, 3)
		require.Equal(t, []string{"a", "b", "a"}, []string{list[0].Version, list[1].Version, list[2].Version})
		for i, p := range list {
			got, err := s.PolicyAt(ctx, p.Since)
			require.NoError(t, err)
			require.Equal(t, Policy{p.Version, p.Since, "rules of " + p.Version}, got, "from its moment on")
			before, err := s.PolicyAt(ctx, p.Since.Add(-time.Millisecond))
			if i == 0 {
				require.ErrorIs(t, err, ErrNoPolicy)
			} else {
				require.NoError(t, err)
				require.Equal(t, list[i-1].Version, before.Version, "and not before")
			}
		}
		first, err := s.Policy(ctx, "a")
		require.NoError(t, err)
		require.Equal(t, list[0].Since, first.Since)
		require.Error(t, s.WritePolicy(ctx, "", "x"))
		require.Error(t, s.WritePolicy(ctx, "c", strings.Repeat("x", maxPolicy+1)))
	})
}

// nextMillisecond waits until the server's clock has moved on.
func nextMillisecond(t *testing.T, s *Store) {
	t.Helper()
	first, err := s.client.Time(context.Background()).Result()
	require.NoError(t, err)
	for now := first; now.UnixMilli() == first.UnixMilli(); {
		now, err = s.client.Time(context.Background()).Result()
		require.NoError(t, err)
	}
}

// TestPoliciesAreBounded: the oldest go, and their rules with them.
func TestPoliciesAreBounded(t *testing.T) {
	t.Parallel()
	s := open(t, "embedded://")
	ctx := context.Background()
	for i := range mostPolicies + 3 {
		require.NoError(t, s.WritePolicy(ctx, fmt.Sprintf("v%d", i), "x"))
	}
	list, err := s.Policies(ctx)
	require.NoError(t, err)
	require.Len(t, list, mostPolicies)
	rules, err := s.client.HLen(ctx, policiesKey).Result()
	require.NoError(t, err)
	require.EqualValues(t, mostPolicies, rules)
	_, err = s.Policy(ctx, "v0")
	require.ErrorIs(t, err, ErrNoPolicy)
}
