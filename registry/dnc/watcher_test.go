package dnc

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/registry/redistest"
)

// watched is a Watcher with what it logged.
func watched(client redis.UniversalClient) (w *Watcher, logged *[]string) {
	logged = &[]string{}
	return NewWatcher(client, func(err error) { *logged = append(*logged, err.Error()) }), logged
}

func requireHeld(t *testing.T, w *Watcher, list string, v Version, numbers int) {
	t.Helper()
	for _, h := range w.Snapshot() {
		if h.List == list {
			require.Equal(t, v.String(), h.Version)
			require.Equal(t, numbers, h.Numbers)
			require.Positive(t, h.Bytes)
			require.WithinDuration(t, time.Now(), h.Loaded, time.Minute)
			return
		}
	}
	t.Fatalf("list %s is not held", list)
}

func TestWatcherFollows(t *testing.T) {
	onEach(t, func(t *testing.T, client *redis.Client) {
		store := NewStore(client)
		w, logged := watched(client)
		require.NoError(t, w.Refresh(t.Context()))
		assert.Empty(t, w.Snapshot())

		first := load(t, client, "national", span(t, 12125550100, 10))
		require.NoError(t, w.Refresh(t.Context()))
		requireHeld(t, w, "national", first, 10)
		list, version, ok := w.Listed("12125550109")
		assert.Equal(t, []any{"national", first.String(), true}, []any{list, version, ok})
		for _, digits := range []string{"12125550110", "", "+12125550100", "sip", "0"} {
			_, _, ok = w.Listed(digits)
			assert.False(t, ok, digits)
		}

		company := load(t, client, "company", span(t, 12125550100, 1))
		second := load(t, client, "national", span(t, 12125550100, 20))
		require.NoError(t, w.Refresh(t.Context()))
		requireHeld(t, w, "national", second, 20)
		list, version, _ = w.Listed("12125550100")
		assert.Equal(t, []string{"company", company.String()}, []string{list, version}, "the first by name")

		_, err := store.Rollback(t.Context(), "national")
		require.NoError(t, err)
		require.NoError(t, w.Refresh(t.Context()))
		requireHeld(t, w, "national", first, 10)

		require.NoError(t, store.Drop(t.Context(), "company"))
		require.NoError(t, w.Refresh(t.Context()))
		require.Len(t, w.Snapshot(), 1)
		list, _, _ = w.Listed("12125550100")
		assert.Equal(t, "national", list)
		assert.Empty(t, *logged)
	})
}

func TestWatcherAsksOnceWhenNothingHasChanged(t *testing.T) {
	onEach(t, func(t *testing.T, client *redis.Client) {
		load(t, client, "national", span(t, 1, 10))
		w, _ := watched(client)
		require.NoError(t, w.Refresh(t.Context()))
		var asked []string
		client.AddHook(&tap{tapped: func(cmd redis.Cmder) { asked = append(asked, cmd.Name()) }})
		require.NoError(t, w.Refresh(t.Context()))
		assert.Equal(t, []string{"get"}, asked)
	})
}

// A single edit of a large list costs a gate one chunk, or the two halves of one.
func TestWatcherReadsOnlyChunksThatChanged(t *testing.T) {
	onEach(t, func(t *testing.T, client *redis.Client) {
		set := compiled(t, some(seeded(), 600_000, usNumber)...)
		require.Greater(t, len(set.segments), 4)
		load(t, client, "national", set)
		w, _ := watched(client)
		require.NoError(t, w.Refresh(t.Context()))
		v, _, err := NewStore(client).Add(t.Context(), "national", "+12000000000", meta)
		require.NoError(t, err)
		gets := 0
		client.AddHook(&tap{tapped: func(cmd redis.Cmder) {
			if cmd.Name() == "get" {
				gets++
			}
		}})
		require.NoError(t, w.Refresh(t.Context()))
		assert.LessOrEqual(t, gets, 4, "counter, manifest, one chunk or two")
		requireHeld(t, w, "national", v, set.Len()+1)
	})
}

func TestWatcherRefusesDamagedVersions(t *testing.T) {
	onEach(t, func(t *testing.T, client *redis.Client) {
		for name, harm := range damages(t, client) {
			w, logged := watched(client)
			old := load(t, client, "national", span(t, 12125550100, 90))
			other := load(t, client, "company", span(t, 12125550100, 5))
			require.NoError(t, w.Refresh(t.Context()))
			load(t, client, "national", span(t, 12125550100, 100))
			harm("national")
			other2 := load(t, client, "company", span(t, 12125550100, 7))
			require.Greater(t, other2, other)
			for range 3 {
				require.ErrorIs(t, w.Refresh(t.Context()), ErrDamaged, name)
			}
			requireHeld(t, w, "national", old, 90)
			requireHeld(t, w, "company", other2, 7)
			require.Len(t, *logged, 1, name)
			assert.Contains(t, (*logged)[0], "until then version "+old.String()+" of list national stays in force", name)

			fresh, logged := watched(client)
			require.ErrorIs(t, fresh.Refresh(t.Context()), ErrDamaged)
			assert.Contains(t, (*logged)[0], "NOT in force", name)

			healed := load(t, client, "national", span(t, 12125550100, 120))
			require.NoError(t, w.Refresh(t.Context()), name)
			requireHeld(t, w, "national", healed, 120)
		}
	})
}

// What heals by itself is found without a change: a damaged version is tried again, but not every second.
func TestWatcherTriesDamagedVersionsAgain(t *testing.T) {
	onEach(t, func(t *testing.T, client *redis.Client) {
		v := load(t, client, "national", span(t, 12125550100, 100))
		entries, err := readEntries(t.Context(), client)
		require.NoError(t, err)
		m, err := readManifest(t.Context(), client, *entries["national"].Current)
		require.NoError(t, err)
		key := m.keys()[1]
		chunk, err := client.GetDel(t.Context(), key).Result()
		require.NoError(t, err)

		w, logged := watched(client)
		now := time.Now()
		w.now = func() time.Time { return now }
		require.ErrorIs(t, w.Refresh(t.Context()), ErrDamaged)
		require.NoError(t, client.Set(t.Context(), key, chunk, 0).Err())
		now = now.Add(retryDamaged - 1)
		require.ErrorIs(t, w.Refresh(t.Context()), ErrDamaged, "too early")
		now = now.Add(1)
		require.NoError(t, w.Refresh(t.Context()))
		requireHeld(t, w, "national", v, 100)
		assert.Len(t, *logged, 1)
	})
}

// Lists that are gone without having been dropped have been lost, and numbers on them must still not be rung.
func TestWatcherHoldsOnWhenRedisHasLostItsLists(t *testing.T) {
	onEach(t, func(t *testing.T, client *redis.Client) {
		v := load(t, client, "national", span(t, 12125550100, 100))
		w, logged := watched(client)
		require.NoError(t, w.Refresh(t.Context()))
		require.NoError(t, client.FlushAll(t.Context()).Err())
		for range 2 {
			require.ErrorContains(t, w.Refresh(t.Context()), "gone from Redis without being dropped")
		}
		requireHeld(t, w, "national", v, 100)
		require.Len(t, *logged, 1)

		company := load(t, client, "company", span(t, 1, 1))
		require.ErrorIs(t, w.Refresh(t.Context()), ErrDamaged)
		requireHeld(t, w, "company", company, 1)
		requireHeld(t, w, "national", v, 100)

		v = load(t, client, "national", span(t, 12125550100, 50))
		require.NoError(t, w.Refresh(t.Context()))
		requireHeld(t, w, "national", v, 50)
	})
}

func TestWatcherOutlivesRedis(t *testing.T) {
	server := redistest.Start(t)
	client := connect(t, realOptions(server))
	v := load(t, client, "national", span(t, 12125550100, 100))
	w, logged := watched(client)
	require.NoError(t, w.Refresh(t.Context()))

	server.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.Error(t, w.Refresh(ctx), "it gives up when told to")
	server.Thaw()
	server.Stop()
	*logged = nil
	for range 3 {
		require.Error(t, w.Refresh(t.Context()))
	}
	requireHeld(t, w, "national", v, 100)
	require.Len(t, *logged, 1)
	_, _, ok := w.Listed("12125550100")
	assert.True(t, ok)

	server.Restart()
	_ = w.Refresh(t.Context()) // the pool may hand out a connection of the dead server once
	v = load(t, client, "national", span(t, 12125550100, 110))
	require.NoError(t, w.Refresh(t.Context()))
	requireHeld(t, w, "national", v, 110)
}

func TestListedDoesNotAllocate(t *testing.T) {
	client := connect(t, realOptions(redistest.Start(t)))
	load(t, client, "national", span(t, 12125550100, 100))
	load(t, client, "company", span(t, 12125550300, 100))
	w, _ := watched(client)
	require.NoError(t, w.Refresh(t.Context()))
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		if _, _, ok := w.Listed("12125550101"); !ok {
			t.Error("it is listed")
		}
		w.Listed("442079460000")
	}))
}

func TestRunRefreshesWithEveryTick(t *testing.T) {
	client := connect(t, realOptions(redistest.Start(t)))
	w, _ := watched(client)
	ctx, cancel := context.WithCancel(t.Context())
	ticks, ended := make(chan time.Time), make(chan error)
	go func() { ended <- w.run(ctx, ticks) }()
	ticks <- time.Time{} // taken when the first refresh is done
	v := load(t, client, "national", span(t, 12125550100, 100))
	ticks <- time.Time{}
	ticks <- time.Time{} // taken when the refresh of the tick before is done
	requireHeld(t, w, "national", v, 100)
	cancel()
	require.NoError(t, <-ended)
}

func TestGateHasANewListWithinTwoSeconds(t *testing.T) {
	client := connect(t, realOptions(redistest.Start(t)))
	var refreshes atomic.Int64
	client.AddHook(&tap{tapped: func(cmd redis.Cmder) {
		if cmd.Name() == "get" && cmd.Args()[1] == keyVersion {
			refreshes.Add(1)
		}
	}})
	w, _ := watched(client)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.Run(ctx) }()
	other := connect(t, redis.Options{Network: client.Options().Network, Addr: client.Options().Addr})
	load(t, other, "national", span(t, 12125550100, 100_000))
	start := time.Now()
	require.Eventually(t, func() bool { _, _, ok := w.Listed("12125650099"); return ok }, 2*time.Second, time.Millisecond)
	t.Logf("after %v and %d refreshes", time.Since(start), refreshes.Load())
	cancel()
	require.NoError(t, <-ended)
}
