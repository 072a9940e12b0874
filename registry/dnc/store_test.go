package dnc

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

var meta = Meta{By: "ann", Source: "national.csv"}

// span is the set of so many numbers one after the other.
func span(tb testing.TB, first uint64, count int) *Set {
	tb.Helper()
	numbers := make([]uint64, count)
	for i := range numbers {
		numbers[i] = first + uint64(i)
	}
	return compiled(tb, numbers...)
}

func load(t *testing.T, client redis.UniversalClient, list string, set *Set) Version {
	t.Helper()
	v, err := NewStore(client).Load(t.Context(), list, set, meta, LoadOptions{Force: true})
	require.NoError(t, err)
	return v
}

func requireCurrent(t *testing.T, client redis.UniversalClient, list string, v Version, want *Set) {
	t.Helper()
	set, info, err := NewStore(client).Fetch(t.Context(), list)
	require.NoError(t, err)
	require.Equal(t, v, info.Version)
	require.Equal(t, want.Len(), info.Numbers)
	require.True(t, slices.Equal(slices.Collect(want.All()), slices.Collect(set.All())))
}

func TestLoadMakesCurrent(t *testing.T) {
	onEach(t, func(t *testing.T, client *redis.Client) {
		store := NewStore(client)
		set := compiled(t, some(seeded(), 300_000, usNumber)...)
		var steps []int
		v, err := store.Load(t.Context(), "national", set, meta, LoadOptions{Progress: func(done, total int) {
			assert.Equal(t, len(set.segments), total)
			steps = append(steps, done)
		}})
		require.NoError(t, err)
		assert.Len(t, steps, len(set.segments))
		assert.Greater(t, len(set.segments), 1)
		requireCurrent(t, client, "national", v, set)
		requireLasting(t, client)

		second := load(t, client, "company", span(t, 12125550100, 3))
		assert.Greater(t, second, v, "one counter for all lists")
		lists, err := store.Lists(t.Context())
		require.NoError(t, err)
		require.Len(t, lists, 2)
		assert.Equal(t, "company", lists[0].List)
		assert.Equal(t, Info{
			List: "national", Version: v, Loaded: v, Numbers: set.Len(), By: "ann", Source: "national.csv",
			Sum: lists[1].Sum, Bytes: lists[1].Bytes,
		}, lists[1].Info)
		assert.Len(t, lists[1].Sum, 64)
		assert.Less(t, lists[1].Bytes, 3*set.Len())
		assert.WithinDuration(t, time.Now(), v.Time(), time.Minute)
	})
}

func TestLoadKeepsThePreviousVersionAndExpiresOlderOnes(t *testing.T) {
	onEach(t, func(t *testing.T, client *redis.Client) {
		store := NewStore(client)
		sets := []*Set{span(t, 12125550100, 10), span(t, 12125550200, 20), span(t, 12125550300, 30)}
		var versions []Version
		for _, set := range sets {
			versions = append(versions, load(t, client, "national", set))
		}
		requireCurrent(t, client, "national", versions[2], sets[2])
		requireLasting(t, client)
		_, expiring := keysByLife(t, client)
		assert.Len(t, expiring, 2, "manifest and chunk of the first version")
		for key, ttl := range expiring {
			assert.InDelta(t, retiredTTL.Seconds(), ttl.Seconds(), 60, key)
		}

		for _, want := range []int{1, 2, 1} {
			info, err := store.Rollback(t.Context(), "national")
			require.NoError(t, err)
			assert.Equal(t, versions[want], info.Version)
			requireCurrent(t, client, "national", versions[want], sets[want])
			requireLasting(t, client)
		}
	})
}

func TestLoadGuard(t *testing.T) {
	onEach(t, func(t *testing.T, client *redis.Client) {
		store := NewStore(client)
		_, err := store.Load(t.Context(), "national", &Set{}, meta, LoadOptions{})
		require.ErrorIs(t, err, ErrGuard, "empty, and the first")
		v := load(t, client, "national", span(t, 12125550100, 1000))

		for _, set := range []*Set{{}, span(t, 12125550100, 899)} {
			_, err := store.Load(t.Context(), "national", set, meta, LoadOptions{})
			require.ErrorIs(t, err, ErrGuard)
			require.ErrorContains(t, err, "--force")
		}
		requireCurrent(t, client, "national", v, span(t, 12125550100, 1000))
		requireLasting(t, client)

		v, err = store.Load(t.Context(), "national", span(t, 12125550100, 900), meta, LoadOptions{})
		require.NoError(t, err, "a tenth may go")
		requireCurrent(t, client, "national", v, span(t, 12125550100, 900))
		v, err = store.Load(t.Context(), "national", &Set{}, meta, LoadOptions{Force: true})
		require.NoError(t, err)
		requireCurrent(t, client, "national", v, &Set{})
		_, err = store.Rollback(t.Context(), "national")
		require.NoError(t, err)
	})
}

func TestDryRunChangesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, client *redis.Client) {
		store := NewStore(client)
		d, err := store.DryRun(t.Context(), "national", span(t, 12125550100, 100))
		require.NoError(t, err)
		assert.Equal(t, Diff{Added: 100}, d)
		keys, _ := keysByLife(t, client)
		assert.Empty(t, keys)

		v := load(t, client, "national", span(t, 12125550100, 100))
		d, err = store.DryRun(t.Context(), "national", span(t, 12125550150, 60))
		require.NoError(t, err)
		assert.Equal(t, [2]int{10, 50}, [2]int{d.Added, d.Removed})
		assert.Equal(t, v, d.Current.Version)
		require.ErrorIs(t, d.Refused, ErrGuard)
		requireCurrent(t, client, "national", v, span(t, 12125550100, 100))
	})
}

func TestWhatIsNotThere(t *testing.T) {
	onEach(t, func(t *testing.T, client *redis.Client) {
		store := NewStore(client)
		n := gate.Number("+12125550100")
		_, _, err := store.Fetch(t.Context(), "national")
		require.ErrorIs(t, err, ErrNoList)
		_, err = store.Rollback(t.Context(), "national")
		require.ErrorIs(t, err, ErrNoList)
		_, _, err = store.Add(t.Context(), "national", n, meta)
		require.ErrorIs(t, err, ErrNoList)
		require.ErrorIs(t, store.Drop(t.Context(), "national"), ErrNoList)
		lists, err := store.Lists(t.Context())
		require.NoError(t, err)
		assert.Empty(t, lists)

		load(t, client, "national", span(t, 1, 1))
		_, err = store.Rollback(t.Context(), "national")
		require.ErrorIs(t, err, ErrNoPrevious)
		for _, name := range []string{"", "National", "a:b", "{x}", "-a", "a b", string(make([]byte, 65))} {
			_, err := store.Load(t.Context(), name, span(t, 1, 1), meta, LoadOptions{})
			require.ErrorContains(t, err, "cannot name a list")
		}
	})
}

func TestEditRewritesOneChunk(t *testing.T) {
	onEach(t, func(t *testing.T, client *redis.Client) {
		store := NewStore(client)
		before := compiled(t, some(seeded(), 500_000, usNumber)...)
		load(t, client, "national", span(t, 12125550100, 10))
		loaded := load(t, client, "national", before)
		wrote := 0
		client.AddHook(&tap{tapped: func(cmd redis.Cmder) {
			if cmd.Name() == "set" {
				wrote++
			}
		}})

		const n = gate.Number("+19999999999") // no number of the country looks like it
		v, changed, err := store.Add(t.Context(), "national", n, Meta{By: "bob"})
		require.NoError(t, err)
		assert.True(t, changed)
		assert.Greater(t, v, loaded)
		assert.LessOrEqual(t, wrote, 3, "a manifest, and a chunk or its two halves")
		requireLasting(t, client)
		set, info, err := store.Fetch(t.Context(), "national")
		require.NoError(t, err)
		assert.True(t, set.Has(19999999999))
		assert.Equal(t, before.Len()+1, set.Len())
		assert.Equal(t, []any{v, loaded, 1, "bob", "national.csv"}, []any{info.Version, info.Loaded, info.Edits, info.By, info.Source})

		again, changed, err := store.Add(t.Context(), "national", n, meta)
		require.NoError(t, err)
		assert.False(t, changed)
		assert.Equal(t, v, again)
		v, changed, err = store.Remove(t.Context(), "national", n, meta)
		require.NoError(t, err)
		assert.True(t, changed)
		requireCurrent(t, client, "national", v, before)
		_, changed, err = store.Remove(t.Context(), "national", n, meta)
		require.NoError(t, err)
		assert.False(t, changed)
		requireLasting(t, client)

		info, err = store.Rollback(t.Context(), "national")
		require.NoError(t, err)
		requireCurrent(t, client, "national", info.Version, span(t, 12125550100, 10))
		requireLasting(t, client)
	})
}

func TestEditDownToNothingAndBack(t *testing.T) {
	onEach(t, func(t *testing.T, client *redis.Client) {
		store := NewStore(client)
		load(t, client, "company", span(t, 12125550100, 1))
		v, _, err := store.Remove(t.Context(), "company", "+12125550100", meta)
		require.NoError(t, err)
		requireCurrent(t, client, "company", v, &Set{})
		v, _, err = store.Add(t.Context(), "company", "+442079460000", meta)
		require.NoError(t, err)
		requireCurrent(t, client, "company", v, span(t, 442079460000, 1))
		v, _, err = store.Add(t.Context(), "company", "+12125550100", meta)
		require.NoError(t, err, "below the first chunk")
		requireCurrent(t, client, "company", v, compiled(t, 442079460000, 12125550100))
		requireLasting(t, client)

		_, _, err = store.Add(t.Context(), "company", "+0212555012345", meta)
		require.ErrorContains(t, err, "no E.164 number")
		require.NotContains(t, err.Error(), "0212555012345")
	})
}

func TestDrop(t *testing.T) {
	onEach(t, func(t *testing.T, client *redis.Client) {
		store := NewStore(client)
		load(t, client, "national", span(t, 1, 10))
		load(t, client, "national", span(t, 2, 10))
		require.NoError(t, store.Drop(t.Context(), "national"))
		_, _, err := store.Fetch(t.Context(), "national")
		require.ErrorIs(t, err, ErrNoList)
		requireLasting(t, client)
		require.ErrorIs(t, store.Drop(t.Context(), "national"), ErrNoList)
		v := load(t, client, "national", span(t, 3, 10))
		requireCurrent(t, client, "national", v, span(t, 3, 10))
		requireLasting(t, client)
	})
}

// Changes of many at once come one after the other, none is lost and none is half done; whoever reads meanwhile sees
// one version or another, whole.
func TestConcurrentChanges(t *testing.T) {
	onEach(t, func(t *testing.T, client *redis.Client) {
		store := NewStore(client)
		load(t, client, "company", span(t, 12125550100, 1))
		load(t, client, "national", span(t, 12125550100, 100))
		watcher := NewWatcher(client, nil)
		ctx, cancel := context.WithCancel(t.Context())
		var writers, reader sync.WaitGroup
		reader.Go(func() {
			for ctx.Err() == nil {
				if err := watcher.Refresh(ctx); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
				for _, h := range watcher.Snapshot() {
					if h.List == "national" && h.Numbers%100 != 0 {
						t.Errorf("a version of %d numbers was never loaded", h.Numbers)
						return
					}
				}
			}
		})
		for i := range 6 {
			writers.Go(func() {
				_, err := store.Load(ctx, "national", span(t, 12125550100, 100*(i+1)), meta, LoadOptions{Force: true})
				assert.NoError(t, err)
			})
			writers.Go(func() {
				_, changed, err := store.Add(ctx, "company", Unpack(12125550200+uint64(i)), meta)
				assert.NoError(t, err)
				assert.True(t, changed)
			})
		}
		writers.Wait()
		cancel()
		reader.Wait()

		set, info, err := store.Fetch(t.Context(), "company")
		require.NoError(t, err)
		assert.Equal(t, 7, set.Len(), "no addition is lost")
		assert.Equal(t, 6, info.Edits)
		set, _, err = store.Fetch(t.Context(), "national")
		require.NoError(t, err)
		assert.Zero(t, set.Len()%100)
		requireLasting(t, client)
	})
}

// cutEverywhere runs a change again and again on fresh servers, with the connection cut at its first, second, ...
// command until it gets through.
func cutEverywhere(t *testing.T, after bool, do func(*Store) error, check func(t *testing.T, client *redis.Client, failed bool)) {
	for cut := int64(1); ; cut++ {
		server := miniredis.RunT(t)
		client := connect(t, redis.Options{Addr: server.Addr()})
		load(t, client, "national", span(t, 12125550100, 50))
		load(t, client, "national", span(t, 12125550100, 100))
		cutting := connect(t, redis.Options{Addr: server.Addr()})
		cutting.AddHook(&tap{cut: cut, after: after})
		err := do(NewStore(cutting))
		if err != nil {
			require.ErrorIs(t, err, errCut)
		}
		check(t, client, err != nil)
		requireLasting(t, client)
		server.FastForward(max(stagedTTL, retiredTTL) + time.Second)
		check(t, client, err != nil)
		requireLasting(t, client)
		if _, expiring := keysByLife(t, client); len(expiring) > 0 {
			t.Fatalf("cut at %d leaves %v", cut, expiring)
		}
		if err == nil {
			require.Greater(t, cut, int64(3))
			return
		}
	}
}

func TestChangesCutOffAnywhereLeaveOldOrNew(t *testing.T) {
	big := compiled(t, some(seeded(), 400_000, usNumber)...)
	for name, c := range map[string]struct {
		do   func(*Store) error
		want int
	}{
		"load": {func(s *Store) error {
			_, err := s.Load(t.Context(), "national", big, meta, LoadOptions{})
			return err
		}, big.Len()},
		"add": {func(s *Store) error {
			_, _, err := s.Add(t.Context(), "national", "+442079460000", meta)
			return err
		}, 101},
		"rollback": {func(s *Store) error {
			_, err := s.Rollback(t.Context(), "national")
			return err
		}, 50},
	} {
		t.Run(name, func(t *testing.T) {
			cutEverywhere(t, false, c.do, func(t *testing.T, client *redis.Client, failed bool) {
				set, _, err := NewStore(client).Fetch(t.Context(), "national")
				require.NoError(t, err)
				want := c.want
				if failed {
					want = 100
				}
				require.Equal(t, want, set.Len())
			})
			// When only replies are lost, the change may have been made; half of it never.
			cutEverywhere(t, true, c.do, func(t *testing.T, client *redis.Client, failed bool) {
				set, _, err := NewStore(client).Fetch(t.Context(), "national")
				require.NoError(t, err)
				require.Contains(t, []int{100, c.want}, set.Len())
				require.True(t, failed || set.Len() == c.want)
			})
		})
	}
}

// A client that lost the reply and repeats the script must not take its own work for somebody else's.
func TestSwitchRepeatedIsDoneOnce(t *testing.T) {
	onEach(t, func(t *testing.T, client *redis.Client) {
		store := NewStore(client)
		load(t, client, "national", span(t, 1, 10))
		runs := 0
		client.AddHook(&tap{tapped: func(cmd redis.Cmder) {
			if cmd.Name() == "evalsha" {
				if runs++; runs == 1 {
					again := redis.NewSliceCmd(t.Context(), cmd.Args()...)
					require.NoError(t, client.Process(t.Context(), again))
					require.Equal(t, []any{"switched"}, again.Val())
				}
			}
		}})
		v, err := store.Load(t.Context(), "national", span(t, 1, 20), meta, LoadOptions{})
		require.NoError(t, err)
		assert.Equal(t, 2, runs, "the second was told of a conflict and saw that it was its own")
		requireCurrent(t, client, "national", v, span(t, 1, 20))
		info, err := store.Rollback(t.Context(), "national")
		require.NoError(t, err)
		assert.Equal(t, 10, info.Numbers)
	})
}

// A write that was thought lost may arrive late, when its key has come into use; it must not make it expire.
func TestStageNeverTouchesAKeyInUse(t *testing.T) {
	onEach(t, func(t *testing.T, client *redis.Client) {
		load(t, client, "national", span(t, 1, 10))
		lasting, _ := keysByLife(t, client)
		for key := range lasting {
			require.NoError(t, NewStore(client).stage(t.Context(), key, []byte("late")))
		}
		requireLasting(t, client)
		_, _, err := NewStore(client).Fetch(t.Context(), "national")
		require.NoError(t, err)
	})
}

// When staged keys go before the switch, evicted or expired, nothing changes.
func TestSwitchRefusesWhenAChunkIsGone(t *testing.T) {
	onEach(t, func(t *testing.T, client *redis.Client) {
		v := load(t, client, "national", span(t, 1, 10))
		_, err := NewStore(client).Load(t.Context(), "national", span(t, 1, 20), meta, LoadOptions{Progress: func(int, int) {
			_, expiring := keysByLife(t, client)
			for key := range expiring {
				require.NoError(t, client.Del(t.Context(), key).Err())
			}
		}})
		require.ErrorContains(t, err, "has gone from Redis")
		requireCurrent(t, client, "national", v, span(t, 1, 10))
		requireLasting(t, client)
	})
}

func TestOthersTooBusy(t *testing.T) {
	onEach(t, func(t *testing.T, client *redis.Client) {
		v := load(t, client, "national", span(t, 1, 10))
		busy := connect(t, redis.Options{Network: client.Options().Network, Addr: client.Options().Addr})
		busy.AddHook(&tap{tapped: func(cmd redis.Cmder) {
			if cmd.Name() == "evalsha" {
				require.NoError(t, client.Incr(t.Context(), keyVersion).Err())
			}
		}})
		_, err := NewStore(busy).Load(t.Context(), "national", span(t, 1, 20), meta, LoadOptions{})
		require.ErrorIs(t, err, ErrBusy)
		requireCurrent(t, client, "national", v, span(t, 1, 10))
		requireLasting(t, client)
	})
}

func TestDamage(t *testing.T) {
	onEach(t, func(t *testing.T, client *redis.Client) {
		for name, harm := range damages(t, client) {
			load(t, client, "national", span(t, 12125550100, 90))
			load(t, client, "national", span(t, 12125550100, 100))
			harm("national")
			_, _, err := NewStore(client).Fetch(t.Context(), "national")
			require.ErrorIs(t, err, ErrDamaged, name)
			require.ErrorContains(t, err, "load it again", name)
			v := load(t, client, "national", span(t, 12125550100, 110))
			requireCurrent(t, client, "national", v, span(t, 12125550100, 110))
		}
	})
}

// damages are ways in which a list may be spoilt in Redis.
func damages(t *testing.T, client *redis.Client) map[string]func(list string) {
	current := func(list string) *manifest {
		entries, err := readEntries(t.Context(), client)
		require.NoError(t, err)
		m, err := readManifest(t.Context(), client, *entries[list].Current)
		require.NoError(t, err)
		return m
	}
	chunk := func(list string) string { return current(list).keys()[1] }
	ok := func(err error) { require.NoError(t, err) }
	return map[string]func(string){
		"chunk altered":    func(l string) { ok(client.SetRange(t.Context(), chunk(l), 12, "x").Err()) },
		"chunk cut":        func(l string) { ok(client.Set(t.Context(), chunk(l), "rfd1", 0).Err()) },
		"chunk missing":    func(l string) { ok(client.Del(t.Context(), chunk(l)).Err()) },
		"chunk of another": func(l string) { ok(client.Set(t.Context(), chunk(l), span(t, 1, 100).segments[0].encode(), 0).Err()) },
		"chunk with another number": func(l string) {
			ok(client.Set(t.Context(), chunk(l), span(t, 12125550101, 100).segments[0].encode(), 0).Err())
		},
		"manifest and chunk exchanged": func(l string) {
			data, m := span(t, 12125550101, 100).segments[0].encode(), current(l)
			m.Chunks[0].Sum = sumOf(data)
			raw, err := json.Marshal(m)
			ok(err)
			ok(client.Set(t.Context(), m.keys()[0], raw, 0).Err())
			ok(client.Set(t.Context(), m.keys()[1], data, 0).Err())
		},
		"manifest missing": func(l string) { ok(client.Del(t.Context(), current(l).keys()[0]).Err()) },
		"manifest cut":     func(l string) { ok(client.Set(t.Context(), current(l).keys()[0], "{", 0).Err()) },
		"manifest altered": func(l string) {
			raw, err := client.Get(t.Context(), current(l).keys()[0]).Result()
			ok(err)
			ok(client.Set(t.Context(), current(l).keys()[0], replaceOnce(t, raw, `"numbers":100`, `"numbers":101`, 2), 0).Err())
		},
		"entry cut": func(l string) { ok(client.HSet(t.Context(), keyLists, l, "{").Err()) },
		"entry of another list": func(l string) {
			ok(client.HSet(t.Context(), keyLists, l, fmt.Sprintf(`{"current":{"list":"x","version":%q}}`, Version(1))).Err())
		},
	}
}

// replaceOnce alters the given occurrence, from 1, of a text that must be there.
func replaceOnce(t *testing.T, text, old, with string, occurrence int) string {
	t.Helper()
	parts := strings.Split(text, old)
	require.Greater(t, len(parts), occurrence, text)
	return strings.Join(parts[:occurrence], old) + with + strings.Join(parts[occurrence:], old)
}
