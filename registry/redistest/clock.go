package redistest

import (
	_ "embed"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"
)

// Clock is the wall clock of servers: it stands still until the test sets it. Until then it is the real one.
type Clock struct {
	tb       testing.TB
	file     *os.File
	env      []string
	embedded *miniredis.Miniredis
}

// preload is what takes the place of the C library's clock.
//
//go:embed testdata/clock.c
var preload []byte

// compiled is preload as a library, once for all tests of a process.
var compiled = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "redistest")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	source, library := filepath.Join(dir, "clock.c"), filepath.Join(dir, "clock.so")
	if err := os.WriteFile(source, preload, 0o600); err != nil {
		return nil, err
	}
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-O1", "-o", library, source).CombinedOutput(); err != nil {
		return out, err
	}
	return os.ReadFile(library)
})

// NewClock makes a clock for Start and StartCluster. It needs gcc, as the race detector does.
func NewClock(tb testing.TB) *Clock {
	tb.Helper()
	library, err := compiled()
	require.NoError(tb, err, "%s", library)
	dir := tb.TempDir()
	path := filepath.Join(dir, "clock.so")
	require.NoError(tb, os.WriteFile(path, library, 0o700)) //nolint:gosec // the loader executes it
	c := &Clock{tb: tb}
	c.file, err = os.Create(filepath.Join(dir, "clock"))
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = c.file.Close() })
	c.set(0)
	c.env = append(os.Environ(), "LD_PRELOAD="+path, "CLOCK_FILE="+c.file.Name())
	return c
}

// Set makes it t, to the microsecond, from now on.
func (c *Clock) Set(t time.Time) {
	if c.embedded != nil {
		c.embedded.SetTime(t)
		return
	}
	c.set(t.UnixMicro())
}

func (c *Clock) set(us int64) {
	_, err := c.file.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(us)), 0) //nolint:gosec // it is not negative
	require.NoError(c.tb, err)
}

// Start runs a server as the function of the same name does, by this clock.
func (c *Clock) Start(args ...string) *Server {
	c.tb.Helper()
	return start(c.tb, c.env, args...)
}

// StartCluster runs a cluster as the function of the same name does, by this clock. Its nodes never hold each other for
// dead, however far the clock jumps.
func (c *Clock) StartCluster(n int) *Cluster {
	c.tb.Helper()
	const decades = "1000000000000" // ms
	return startCluster(c.tb, c.env, n, "--cluster-node-timeout", decades)
}

// StartEmbedded runs the embedded server with a clock, and returns how registry.Config.URL names it.
func StartEmbedded(tb testing.TB) (url string, c *Clock) {
	tb.Helper()
	server := miniredis.NewMiniRedis()
	server.ClockTTL(true)
	require.NoError(tb, server.StartAddr("127.0.0.1:0"))
	tb.Cleanup(server.Close)
	return "redis://" + server.Addr(), &Clock{tb: tb, embedded: server}
}
