package dnc

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/registry/redistest"
)

// onEach runs a test on a real Redis of its own and on the embedded one.
func onEach(t *testing.T, test func(t *testing.T, client *redis.Client)) {
	t.Run("redis", func(t *testing.T) { test(t, connect(t, realOptions(redistest.Start(t)))) })
	t.Run("miniredis", func(t *testing.T) { test(t, connect(t, redis.Options{Addr: miniredis.RunT(t).Addr()})) })
}

func realOptions(s *redistest.Server) redis.Options {
	return redis.Options{Network: "unix", Addr: s.Socket()}
}

func connect(tb testing.TB, o redis.Options) *redis.Client {
	tb.Helper()
	o.ContextTimeoutEnabled, o.MaxRetries = true, -1
	client := redis.NewClient(&o)
	tb.Cleanup(func() { client.Close() })
	return client
}

// tap counts the commands of a client and, from one of them on, loses them.
type tap struct {
	count  atomic.Int64
	cut    int64 // the number of the first command that is lost; 0 for none
	after  bool  // it is the reply that is lost: the command is carried out
	tapped func(redis.Cmder)
}

var errCut = errors.New("connection cut")

func (h *tap) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (h *tap) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		return h.pass(func() error { return next(ctx, cmd) }, func(err error) { cmd.SetErr(err) }, cmd)
	}
}

func (h *tap) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		return h.pass(func() error { return next(ctx, cmds) }, func(err error) {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
		}, cmds...)
	}
}

func (h *tap) pass(next func() error, fail func(error), cmds ...redis.Cmder) error {
	for _, cmd := range cmds {
		if h.tapped != nil {
			h.tapped(cmd)
		}
	}
	if n := h.count.Add(1); h.cut == 0 || n < h.cut {
		return next()
	}
	if h.after {
		_ = next()
	}
	fail(errCut)
	return errCut
}

// keysByLife sorts the keys of the lists into those that live on and those that expire.
func keysByLife(tb testing.TB, client *redis.Client) (lasting, expiring map[string]time.Duration) {
	tb.Helper()
	lasting, expiring = map[string]time.Duration{}, map[string]time.Duration{}
	keys, err := client.Keys(tb.Context(), "*").Result()
	require.NoError(tb, err)
	for _, key := range keys {
		require.True(tb, strings.HasPrefix(key, "rf:{dnc}:"), key)
		ttl, err := client.TTL(tb.Context(), key).Result()
		require.NoError(tb, err)
		if ttl < 0 {
			lasting[key] = ttl
		} else {
			expiring[key] = ttl
		}
	}
	return lasting, expiring
}

// requireLasting holds that exactly the keys in use live on: those of the current and the previous version of every
// list, the counter and the lists.
func requireLasting(tb testing.TB, client *redis.Client) {
	tb.Helper()
	want := map[string]bool{}
	if n, err := client.Exists(tb.Context(), keyVersion).Result(); err == nil && n == 1 {
		want[keyVersion], want[keyLists] = true, true
	}
	entries, err := readEntries(tb.Context(), client)
	require.NoError(tb, err)
	for _, e := range entries {
		for _, v := range []*version{e.Current, e.Previous} {
			if v == nil {
				continue
			}
			m, err := readManifest(tb.Context(), client, *v)
			require.NoError(tb, err)
			for _, key := range m.keys() {
				want[key] = true
			}
		}
	}
	lasting, _ := keysByLife(tb, client)
	for key := range want {
		require.Contains(tb, lasting, key, "in use, and yet it expires or is gone")
	}
	require.Len(tb, lasting, len(want), "keys that nothing uses live on: %v", lasting)
}
