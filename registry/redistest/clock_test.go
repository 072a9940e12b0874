package redistest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A server goes by the clock that it was given, keys that expire included.
func TestClock(t *testing.T) {
	c := NewClock(t)
	s := c.Start()
	c.Set(time.UnixMicro(1_800_000_000_123_456))
	require.Contains(t, s.info("TIME"), "1800000000\r\n$6\r\n123456")
	s.must("+OK", "SET a b PX 5000")
	c.Set(time.UnixMicro(1_800_000_005_000_000))
	s.must("$1", "GET a")
	c.Set(time.UnixMicro(1_800_000_005_124_000))
	s.must("$-1", "GET a")
}

// A jump of a year leaves a cluster whole.
func TestClockOfCluster(t *testing.T) {
	c := NewClock(t)
	cluster := c.StartCluster(3)
	c.Set(time.Now().Add(365 * 24 * time.Hour))
	for _, node := range cluster.Nodes {
		require.True(t, strings.Contains(node.info("CLUSTER INFO"), "cluster_state:ok"))
	}
}
