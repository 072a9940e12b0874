package registry

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

// TestRecordsAreReadOnceAndInOrder: more than a page in one bucket, some in others, one that nobody can read.
func TestRecordsAreReadOnceAndInOrder(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		const many = 2*recordsAtOnce + 7
		write := func(n gate.Number, count int) {
			pipe := s.client.Pipeline()
			for i := range count {
				text := pack("1", "", "d", "allow", "owned", "202", "201", n.Digits(), "desk", "g1", "p1", fmt.Sprint(i), "", "", "", "", "", "", "", "would=block")
				pipe.XAdd(ctx, &redis.XAddArgs{Stream: keysOf(n.Digits()).stream(), ID: fmt.Sprintf("%d-%d", 1_790_000_000_000+i/300, 1+i%300), Values: []string{"r", text}})
			}
			_, err := pipe.Exec(ctx)
			require.NoError(t, err)
		}
		write("+12125550100", many)
		write("+12125550101", recordsAtOnce)
		write("+12125550102", 1)
		require.NoError(t, s.client.XAdd(ctx, &redis.XAddArgs{Stream: keysOf("12125550102").stream(), Values: []string{"r", "9"}}).Err())

		read := func(since time.Time) (calls map[gate.Number][]string, broken, last int) {
			calls = make(map[gate.Number][]string)
			require.NoError(t, s.Records(ctx, since, func(p Page) error {
				for _, r := range p.Records {
					require.Equal(t, bucketOf(r.Number.Digits()), p.Bucket)
					would, watched := r.WouldVerdict()
					require.True(t, watched)
					require.Equal(t, gate.Block, would)
					calls[r.Number] = append(calls[r.Number], r.CallID)
				}
				broken += p.Broken
				if p.Last {
					last++
				}
				return nil
			}))
			return calls, broken, last
		}
		calls, broken, last := read(time.UnixMilli(1_790_000_000_000))
		require.Len(t, calls["+12125550100"], many)
		for i, id := range calls["+12125550100"] {
			require.Equal(t, fmt.Sprint(i), id)
		}
		require.Len(t, calls["+12125550101"], recordsAtOnce)
		require.Len(t, calls["+12125550102"], 1)
		require.Equal(t, 1, broken)
		require.Equal(t, Buckets, last, "each bucket ends once")

		calls, _, _ = read(time.UnixMilli(1_790_000_000_001))
		require.Len(t, calls["+12125550100"], many-300, "what is older is left out")

		stop := errors.New("enough")
		require.ErrorIs(t, s.Records(ctx, time.Time{}, func(Page) error { return stop }), stop)
	})
}

// TestAWatchedCallIsRecordedAsSuch: verdict, reason, owner, list and what would have been, in every scope.
func TestAWatchedCallIsRecordedAsSuch(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		for i, scope := range []gate.Scope{"", "loans"} {
			n := gate.Number(fmt.Sprintf("+1212555015%d", i))
			_, err := s.Claim(ctx, n, ClaimOrder{Rep: "202", Scope: scope, Extension: "202", Terms: rules})
			require.NoError(t, err)
			q := question(n, "201", "a")
			q.Scope, q.Shadow, q.Redirect = scope, ",dnc,owned,", true
			a := decide(t, s, q)
			require.True(t, a.Shadow)
			require.Equal(t, gate.Redirect, a.Would)
			q.CallID, q.Local, q.Listing = "b", gate.DNC, gate.Listing{List: "a;b", Version: "7"}
			require.Equal(t, gate.DNC, decide(t, s, q).Reason)
			records, err := s.History(ctx, n, 2)
			require.NoError(t, err)
			listed, owned := records[0], records[1]
			require.Equal(t, []any{"allow", "owned", gate.Rep("202"), scope, "redirect"},
				[]any{owned.Verdict, owned.Reason, owned.Owner, owned.Scope, owned.Detail["would"]})
			require.Equal(t, []any{"allow", "dnc", "a;b", "7", scope, "block"},
				[]any{listed.Verdict, listed.Reason, listed.List, listed.Version, listed.Scope, listed.Detail["would"]})
		}
	})
}
