package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReplaceMeasured(t *testing.T) {
	page := "# Speed\nwords\n" + measuredBegin + "\nold\n" + measuredEnd + "\nmore words\n"
	once, err := replaceMeasured(page, "new\n")
	require.NoError(t, err)
	assert.Equal(t, "# Speed\nwords\n"+measuredBegin+"\n\nnew\n\n"+measuredEnd+"\nmore words\n", once)
	twice, err := replaceMeasured(once, "new\n")
	require.NoError(t, err)
	assert.Equal(t, once, twice)
	for _, broken := range []string{"", measuredBegin, measuredEnd, measuredEnd + measuredBegin} {
		_, err := replaceMeasured(broken, "new\n")
		require.Error(t, err, "%q", broken)
	}
}

func TestWritePageMakesOne(t *testing.T) {
	file := filepath.Join(t.TempDir(), "performance.md")
	m := machine{when: time.Unix(0, 0), cpu: "Abacus", cores: 2, kernel: "6", versions: []string{"Go 1"}}
	tables := []table{{title: "Cost", head: []string{"", "µs"}, rows: [][]string{{"Ringfence", "1"}}, notes: []string{"Five rounds."}}}
	require.NoError(t, writePage(file, m, effort{quick: true}, "Quiet.", tables))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, wanted := range []string{
		"1970-01-01 00:00 UTC, 2 cores Abacus, Linux 6, Go 1.", "A quick run", "Quiet.",
		"### Cost\n\n|  | µs |\n|---|--:|\n| Ringfence | 1 |\n\nFive rounds.\n", measuredEnd,
	} {
		assert.Contains(t, string(text), wanted)
	}
}

func TestPrintAligns(t *testing.T) {
	var out bytes.Buffer
	tb := table{title: "Cost", head: []string{"", "µs"}, rows: [][]string{{"a", "1000"}, {"längst", "1"}}}
	tb.print(&out)
	assert.Equal(t, "\nCost\n            µs\n  a       1000\n  längst     1\n", out.String())
}

func TestParseBenchmarks(t *testing.T) {
	got, err := parseBenchmarks("goos: linux\npkg: example.org/sip\nBenchmarkParse/one-way-2 \t 100\t 812.5 ns/op\t 64 B/op\t 2 allocs/op\nPASS\n" +
		"BenchmarkLatency/unix/5000-2 1 9 ns/op 181.0 Decide-p50-µs\nBenchmarkName\n    bench_test.go:1: words that are no result\n")
	require.NoError(t, err)
	require.Len(t, got, 2)
	assert.Equal(t, benchmark{"example.org/sip", "Parse/one-way", map[string]float64{"ns/op": 812.5, "B/op": 64, "allocs/op": 2}}, got[0])
	assert.InDelta(t, 181, got[1].values["Decide-p50-µs"], 0)
	_, err = parseBenchmarks("BenchmarkX-2 1 nan? ns/op\n")
	require.Error(t, err)
}

func TestThousands(t *testing.T) {
	assert.Equal(t, []string{"0", "999", "1,000", "100,000,000"}, []string{thousands(0), thousands(999), thousands(1000), thousands(100_000_000)})
}

func TestMachineIsRead(t *testing.T) {
	assert.Equal(t, "AMD EPYC", modelName("processor\t: 0\nmodel name\t: AMD EPYC\nmodel name\t: other\n"))
	assert.Equal(t, "5.6.3", versionIn("version: kamailio 5.6.3 (x86_64/linux)"))
	assert.Equal(t, "3.6.1", versionIn("\n SIPp v3.6.1-SCTP-PCAP.\n"))
}

func TestChoose(t *testing.T) {
	all, err := choose("")
	require.NoError(t, err)
	assert.Len(t, all, len(sections))
	some, err := choose("memory,full")
	require.NoError(t, err)
	require.Len(t, some, 2)
	assert.Equal(t, "memory", some[0].name)
	_, err = choose("full,speed")
	assert.ErrorContains(t, err, `no section "speed"`)
}
