package dnc

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nyaruka/phonenumbers"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/redistest"
)

// A million numbers go all the way: from a file in mixed spellings through Redis into a gate's memory.
func TestAMillionNumbersEndToEnd(t *testing.T) {
	const lines = 1_000_000
	numbers := some(seeded(), lines, assignedNumber(t))
	var file strings.Builder
	file.WriteString("name,phone\r\n")
	for i, n := range numbers {
		switch d := fmt.Sprint(n); i % 4 {
		case 0:
			fmt.Fprintf(&file, "x,+%s\r\n", d)
		case 1:
			fmt.Fprintf(&file, "\"Doe, J\",%s\r\n", d[1:])
		case 2:
			fmt.Fprintf(&file, "x,\"(%s) %s-%s\"\r\n", d[1:4], d[4:7], d[7:])
		default:
			fmt.Fprintf(&file, "x,%s\r\n", d)
		}
	}
	normaliser, err := gate.NewNormaliser("US", []string{"911"}, "")
	require.NoError(t, err)

	start, startCPU := time.Now(), cpuTime(t)
	reading, err := Read(strings.NewReader(file.String()), ReadOptions{Normalise: normaliser.Number, Column: "phone"})
	require.NoError(t, err)
	read, readCPU := time.Since(start), cpuTime(t)-startCPU
	require.Equal(t, lines, reading.Readable, "%+v", reading.Problems)
	require.Equal(t, lines, reading.Set.Len()+reading.Duplicates)

	client := connect(t, realOptions(redistest.Start(t)))
	start = time.Now()
	v := load(t, client, "national", reading.Set)
	loaded := time.Since(start)
	start = time.Now()
	w, _ := watched(client)
	require.NoError(t, w.Refresh(t.Context()))
	fetched := time.Since(start)

	requireHeld(t, w, "national", v, reading.Set.Len())
	for _, n := range numbers {
		if _, _, ok := w.Listed(Unpack(n).Digits()); !ok {
			t.Fatal("a number of the file is not listed")
		}
	}
	count := float64(reading.Set.Len())
	inRedis, inMemory := float64(memoryOf(t, client))/count, float64(w.Snapshot()[0].Bytes)/count
	t.Logf("read %v (%v of CPU), loaded %v, fetched %v; bytes a number: %.2f in Redis, %.2f in memory",
		read, readCPU, loaded, fetched, inRedis, inMemory)
	assert.Less(t, inRedis, 3.0)
	assert.Less(t, inMemory, 3.0)
}

// assignedNumber gives numbers of area codes that are in use: what a real list holds nearly without exception, and what
// the gate's normaliser reads by its short way.
func assignedNumber(tb testing.TB) func(*rand.Rand) uint64 {
	tb.Helper()
	var codes []uint64
	for code := uint64(200); code < 1000; code++ {
		n, err := phonenumbers.Parse(fmt.Sprintf("+1%d2345678", code), "US")
		if err == nil && phonenumbers.IsValidNumberForRegion(n, "US") {
			codes = append(codes, code)
		}
	}
	require.Greater(tb, len(codes), 300)
	return func(r *rand.Rand) uint64 {
		return 10_000_000_000 + codes[r.IntN(len(codes))]*10_000_000 + 2_000_000 + r.Uint64N(8_000_000)
	}
}

// cpuTime is what this process has used: time on the clock says little on a machine that others use too.
func cpuTime(tb testing.TB) time.Duration {
	tb.Helper()
	var usage syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// memoryOf is the memory that Redis says all its keys take.
func memoryOf(t *testing.T, client *redis.Client) (sum int64) {
	t.Helper()
	lasting, expiring := keysByLife(t, client)
	require.Empty(t, expiring)
	for key := range lasting {
		n, err := client.MemoryUsage(t.Context(), key).Result()
		require.NoError(t, err)
		sum += n
	}
	return sum
}

const loaderSocket = "RINGFENCE_TEST_LOADER_SOCKET"

// TestKilledLoader starts this test binary as a loader, which TestLoaderToBeKilled is, and kills it at half its way.
func TestKilledLoader(t *testing.T) {
	server := redistest.Start(t)
	client := connect(t, realOptions(server))
	v := load(t, client, "national", span(t, 12125550100, 100))
	loader := exec.Command(os.Args[0], "-test.run=^TestLoaderToBeKilled$")
	loader.Env = append(os.Environ(), loaderSocket+"="+server.Socket())
	out, err := loader.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, loader.Start())
	_, err = fmt.Fscanf(out, "half\n")
	require.NoError(t, loader.Process.Kill())
	_ = loader.Wait() // killed, as meant
	require.NoError(t, err)

	requireCurrent(t, client, "national", v, span(t, 12125550100, 100))
	requireLasting(t, client)
	_, expiring := keysByLife(t, client)
	require.NotEmpty(t, expiring)
	for key, ttl := range expiring {
		assert.LessOrEqual(t, ttl, stagedTTL, key)
	}
}

func TestLoaderToBeKilled(t *testing.T) {
	socket := os.Getenv(loaderSocket)
	if socket == "" {
		return // TestKilledLoader runs it
	}
	set := compiled(t, some(seeded(), 500_000, usNumber)...)
	client := connect(t, redis.Options{Network: "unix", Addr: socket})
	_, err := NewStore(client).Load(t.Context(), "national", set, meta, LoadOptions{Progress: func(done, total int) {
		if done == total/2 {
			fmt.Println("half")
			select {} // until it is killed
		}
	}})
	t.Fatal("it was not killed: ", err)
}

// On a Cluster a script may only touch keys of one slot, and TIME is asked of any node.
func TestCluster(t *testing.T) {
	server := redistest.Start(t, "--cluster-enabled", "yes")
	node := connect(t, redis.Options{Addr: server.Addr()})
	require.NoError(t, node.Do(t.Context(), "cluster", "addslotsrange", 0, 16383).Err())
	require.Eventually(t, func() bool {
		return strings.Contains(node.ClusterInfo(t.Context()).Val(), "cluster_state:ok")
	}, 20*time.Second, 10*time.Millisecond)
	cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{server.Addr()}, MaxRedirects: -1})
	t.Cleanup(func() { cluster.Close() })

	set := compiled(t, some(seeded(), 300_000, usNumber)...)
	load(t, cluster, "national", span(t, 12125550100, 10))
	v := load(t, cluster, "national", set)
	w, _ := watched(cluster)
	require.NoError(t, w.Refresh(t.Context()))
	requireHeld(t, w, "national", v, set.Len())
	v, changed, err := NewStore(cluster).Add(t.Context(), "national", "+442079460000", meta)
	require.NoError(t, err)
	assert.True(t, changed)
	require.NoError(t, w.Refresh(t.Context()))
	requireHeld(t, w, "national", v, set.Len()+1)
	_, err = NewStore(cluster).Rollback(t.Context(), "national")
	require.NoError(t, err)
	require.NoError(t, NewStore(cluster).Drop(t.Context(), "national"))
	require.NoError(t, w.Refresh(t.Context()))
	assert.Empty(t, w.Snapshot())
}
