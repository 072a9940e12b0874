package ownership

import (
	"context"
	"strconv"
	"sync"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// audit holds the sets of owned numbers and of the pool to how each number stands: what was ever owned is in exactly one of
// them, with the right time.
func (c *crowd) audit(numbers []gate.Number) {
	c.t.Helper()
	ctx := c.t.Context()
	owned, pool := members(ctx, c.t, c.stores[0], "o"), members(ctx, c.t, c.stores[0], "p")
	for _, n := range numbers {
		for _, scope := range []gate.Scope{"", "loans"} {
			h, err := c.stores[0].OwnerIn(ctx, n, scope)
			require.NoError(c.t, err)
			member := n.Digits()
			if scope != "" {
				member += ":" + string(scope)
			}
			until, isOwned := owned[member]
			since, isPooled := pool[member]
			require.False(c.t, isOwned && isPooled, "%s is owned and in the pool", member)
			require.Equal(c.t, h.Pool != nil, isPooled, "%s: the pool knows otherwise", member)
			if isPooled {
				require.Equal(c.t, ms(h.Pool.Since), since, member)
			}
			if h.Owner != "" {
				require.True(c.t, isOwned, "%s is lost: its end will never be looked at", member)
				require.Equal(c.t, ms(h.Until), until, member)
			}
			delete(owned, member)
			delete(pool, member)
		}
	}
	require.Empty(c.t, owned, "numbers that nobody owns")
	require.Empty(c.t, pool, "numbers that are not in the pool")
}

// members are those of the sorted sets of one letter in every bucket, with their scores.
func members(ctx context.Context, t require.TestingT, store *registry.Store, letter string) map[string]int64 {
	var mu sync.Mutex
	found := map[string]int64{}
	read := func(ctx context.Context, node *redis.Client) error {
		keys := node.Scan(ctx, 0, "rf:{b????}:"+letter, 1000).Iterator()
		for keys.Next(ctx) {
			entries, err := node.ZRangeWithScores(ctx, keys.Val(), 0, -1).Result()
			if err != nil {
				return err
			}
			mu.Lock()
			for _, e := range entries {
				found[e.Member.(string)], _ = strconv.ParseInt(strconv.FormatFloat(e.Score, 'f', 0, 64), 10, 64)
			}
			mu.Unlock()
		}
		return keys.Err()
	}
	var err error
	switch client := store.Client().(type) {
	case *redis.ClusterClient:
		err = client.ForEachMaster(ctx, read)
	case *redis.Client:
		err = read(ctx, client)
	}
	require.NoError(t, err)
	return found
}
