package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseStat(t *testing.T) {
	pid, parent, err := parseStat("4711 (kamailio) (x) S 42 4711 0 -1 4194304 100\n")
	require.NoError(t, err)
	assert.Equal(t, 4711, pid)
	assert.Equal(t, 42, parent, "a name may hold brackets")
	for _, bad := range []string{"", "4711", "x (y) S 1", "1 (y) S x", "1 (y)"} {
		_, _, err := parseStat(bad)
		require.Error(t, err, "%q", bad)
	}
}

func TestParseSchedstat(t *testing.T) {
	got, err := parseSchedstat("1234567 890 12\n")
	require.NoError(t, err)
	assert.Equal(t, 1234567*time.Nanosecond, got)
	_, err = parseSchedstat("\n")
	require.Error(t, err)
}

func TestParsePSS(t *testing.T) {
	kib, err := parsePSS("5580-7ffe ---p 00000000 00:00 0 [rollup]\nRss:    9000 kB\nPss:    1234 kB\nPss_Dirty: 7 kB\n")
	require.NoError(t, err)
	assert.InDelta(t, 1234, kib, 0)
	_, err = parsePSS("Rss: 1 kB\n")
	require.Error(t, err)
}

func TestParseMachineTime(t *testing.T) {
	before, err := parseMachineTime("cpu  10 0 10 70 5 0 1 4 99 0\ncpu0 1 2 3\n")
	require.NoError(t, err)
	assert.Equal(t, machineTime{steal: 4, all: 100}, before, "guest time is within user time")
	assert.InDelta(t, 0.25, machineTime{steal: 54, all: 300}.stolenSince(before), 1e-9)
	assert.Zero(t, before.stolenSince(before))
	_, err = parseMachineTime("intr 1 2 3\n")
	require.Error(t, err)
}

// A shell and its child: both are found, and what they use is read.
func TestTree(t *testing.T) {
	cmd := exec.Command("sh", "-c", "sleep 60 & echo up; wait")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var family []int
	defer func() {
		for _, pid := range family {
			p, err := os.FindProcess(pid)
			require.NoError(t, err)
			_ = p.Kill() // the shell's child may be gone with it
		}
		_ = cmd.Wait() // killed
	}()
	family = []int{cmd.Process.Pid}
	_, err = out.Read(make([]byte, 3))
	require.NoError(t, err)
	family, err = tree(cmd.Process.Pid)
	require.NoError(t, err)
	require.Len(t, family, 2)
	used, err := cpuTime(family)
	require.NoError(t, err)
	assert.Positive(t, used)
	size, err := proportional(family)
	require.NoError(t, err)
	assert.Greater(t, size, 10_000.0)
	_, err = cpuTime([]int{1 << 30})
	assert.ErrorContains(t, err, "gone")
}

func TestSumSeries(t *testing.T) {
	const exposition = `# TYPE ringfence_decisions_total counter
ringfence_decisions_total{reason="owned",verdict="block"} 3
ringfence_decisions_total{reason="owned",verdict="redirect"} 4
ringfence_decisions_total{reason="owner",verdict="allow"} 100
ringfence_calls_up 17
`
	got, err := sumSeries(strings.NewReader(exposition), "ringfence_decisions_total", `reason="owned"`)
	require.NoError(t, err)
	assert.InDelta(t, 7, got, 0)
	got, err = sumSeries(strings.NewReader(exposition), "ringfence_calls_up")
	require.NoError(t, err)
	assert.InDelta(t, 17, got, 0)
	_, err = sumSeries(strings.NewReader(exposition), "ringfence_calls")
	require.Error(t, err, "a family that was renamed must not read as zero")
}
