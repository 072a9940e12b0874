package proxy

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What a whole call may allocate, the phones' and the test's own part of the benchmark included. Each allocation is CPU
// twice: now, and when it is collected. Raise a budget only together with a reason.
func TestAllocationBudgets(t *testing.T) {
	for name, c := range map[string]struct {
		call          func(*testing.B)
		allocs, bytes float64
	}{
		"allowed": {BenchmarkAllowedCall, 80, 14_000},
		"listed":  {BenchmarkListedCall, 48, 10_500},
	} {
		r := testing.Benchmark(c.call)
		require.Positive(t, r.N, name)
		require.LessOrEqual(t, float64(r.AllocsPerOp()), c.allocs*underRace, name)
		if underRace == 1 { // else some buffers are large because they are new
			require.LessOrEqual(t, float64(r.AllocedBytesPerOp()), c.bytes, name)
		}
	}
}
