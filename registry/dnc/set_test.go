package dnc

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPack(t *testing.T) {
	for digits, want := range map[string]uint64{
		"12125550100": 12125550100, "1": 1, "999999999999999": maxNumber, "390612345678": 390612345678,
	} {
		n, ok := Pack(digits)
		assert.True(t, ok, digits)
		assert.Equal(t, want, n)
		assert.Equal(t, "+"+digits, string(Unpack(n)))
	}
	for _, bad := range []string{"", "0", "012125550100", "1000000000000000", "+12125550100", "1212555010x", "１２", "-1", " 1"} {
		_, ok := Pack(bad)
		assert.False(t, ok, bad)
	}
}

// spreads are the ways numbers lie in a list: what a container, a segment and its index look like depends on it.
var spreads = map[string]func(*rand.Rand) uint64{
	"country": usNumber,
	"clumps":  func(r *rand.Rand) uint64 { return 12_000_000_000 + r.Uint64N(40)*150_000_000 + r.Uint64N(3000) },
	"solid":   func(r *rand.Rand) uint64 { return 8_613_800_000_000 + r.Uint64N(200_000) },
	"world":   func(r *rand.Rand) uint64 { return 1 + r.Uint64N(maxNumber) },
	"few":     func(r *rand.Rand) uint64 { return 1 + r.Uint64N(9) },
	"end":     func(r *rand.Rand) uint64 { return maxNumber - r.Uint64N(70_000) },
	"two lands": func(r *rand.Rand) uint64 {
		return []uint64{12_120_000_000, 861_380_000_000_000}[r.IntN(2)] + r.Uint64N(1e9)
	},
}

// usNumber is a number of the North American plan: an area code of 350, an exchange that does not begin with 0 or 1.
func usNumber(r *rand.Rand) uint64 {
	return 10_000_000_000 + (200+2*r.Uint64N(350))*10_000_000 + 2_000_000 + r.Uint64N(8_000_000)
}

func seeded() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func compiled(tb testing.TB, numbers ...uint64) *Set {
	tb.Helper()
	var b Builder
	for _, n := range numbers {
		if err := b.Add(n); err != nil {
			tb.Fatal(err)
		}
	}
	return b.Set()
}

func some(r *rand.Rand, count int, number func(*rand.Rand) uint64) []uint64 {
	numbers := make([]uint64, count)
	for i := range numbers {
		numbers[i] = number(r)
	}
	return numbers
}

func TestSetHoldsExactlyWhatWasAdded(t *testing.T) {
	for name, spread := range spreads {
		t.Run(name, func(t *testing.T) {
			r := seeded()
			numbers := some(r, 120_000, spread)
			want := map[uint64]bool{}
			for _, n := range numbers {
				want[n] = true
			}
			s := compiled(t, numbers...)
			requireSame(t, want, s)
			for range 200_000 {
				n := spread(r) + r.Uint64N(3) - 1
				if s.Has(n) != want[n] {
					t.Fatalf("Has(%d) says %v", n, s.Has(n))
				}
			}
			for _, n := range []uint64{0, 1, maxNumber, maxNumber + 1, 1 << 63, ^uint64(0)} {
				require.Equal(t, want[n], s.Has(n), "%d", n)
			}
		})
	}
}

// requireSame holds a set to a map: members, neighbours, count and order.
func requireSame(t *testing.T, want map[uint64]bool, s *Set) {
	t.Helper()
	require.Equal(t, len(want), s.Len())
	require.True(t, slices.Equal(slices.Sorted(maps.Keys(want)), slices.Collect(s.All())), "other numbers or another order")
	for n := range want {
		if !s.Has(n) || s.Has(n+1) != want[n+1] || s.Has(n-1) != want[n-1] {
			t.Fatalf("around %d: Has says %v %v %v", n, s.Has(n-1), s.Has(n), s.Has(n+1))
		}
	}
}

func TestBuilderMergesRuns(t *testing.T) {
	r := seeded()
	var b Builder
	want := map[uint64]bool{}
	for range 2*runLength + 12_345 {
		n := 12_000_000_000 + r.Uint64N(4_000_000)
		want[n] = true
		if err := b.Add(n); err != nil {
			t.Fatal(err)
		}
	}
	s := b.Set()
	require.Equal(t, len(want), s.Len())
	for n := range s.All() {
		if !want[n] {
			t.Fatalf("%d was never added", n)
		}
	}
	require.NoError(t, b.Add(1))
	assert.Equal(t, s.Len()+1, b.Set().Len(), "the Builder goes on")
	assert.False(t, s.Has(1), "a set never changes")
}

func TestBuilderRefusesWhatIsNoNumber(t *testing.T) {
	var b Builder
	require.Error(t, b.Add(0))
	require.ErrorContains(t, b.Add(maxNumber+1), "this has 16")
	assert.Zero(t, b.Set().Len())
}

func TestEmptySet(t *testing.T) {
	var s Set
	assert.False(t, s.Has(12125550100))
	assert.Zero(t, s.Len())
	for range s.All() {
		t.Fatal("it holds something")
	}
}

func TestAllStopsWhenTold(t *testing.T) {
	for n := range compiled(t, 5, 6, 7).All() {
		assert.EqualValues(t, 5, n)
		break
	}
}

func TestContainerChangesFormWhereItPays(t *testing.T) {
	for count, words := range map[int]int{1: 1, maxRests: maxRests, bitmapWords: bitmapWords, 1 << restBits: bitmapWords} {
		rests := make([]uint16, count)
		for i := range rests {
			rests[i] = uint16(i)
		}
		c := container(appendContainer(nil, rests))
		assert.Len(t, c, words)
		assert.Equal(t, count, c.numbers())
		assert.Equal(t, rests, c.appendRests(nil))
		assert.Equal(t, count == 1<<restBits, c.has(0xffff))
	}
}

func TestSegmentsKeepToTheirLimits(t *testing.T) {
	for name, spread := range spreads {
		t.Run(name, func(t *testing.T) {
			s := compiled(t, some(seeded(), 300_000, spread)...)
			for i, seg := range s.segments {
				assert.LessOrEqual(t, len(seg.encode()), maxChunk)
				assert.LessOrEqual(t, seg.containers(), maxContainers)
				assert.LessOrEqual(t, len(seg.slots), 2*seg.containers()+2, "the index grows with the containers only")
				if i > 0 {
					assert.Greater(t, seg.base, s.segments[i-1].lastPrefix())
				}
			}
		})
	}
}

func TestCompare(t *testing.T) {
	r := seeded()
	for name, spread := range spreads {
		before, after := compiled(t, some(r, 5000, spread)...), compiled(t, some(r, 5000, spread)...)
		wantAdded, wantRemoved := 0, 0
		for n := range after.All() {
			if !before.Has(n) {
				wantAdded++
			}
		}
		for n := range before.All() {
			if !after.Has(n) {
				wantRemoved++
			}
		}
		added, removed := compare(before, after)
		assert.Equal(t, [2]int{wantAdded, wantRemoved}, [2]int{added, removed}, name)
	}
}

func TestHasDoesNotAllocate(t *testing.T) {
	s := compiled(t, some(seeded(), 100_000, usNumber)...)
	r := seeded()
	assert.Zero(t, testing.AllocsPerRun(1000, func() { s.Has(usNumber(r)) }))
}

// Limits of memory: 3 bytes a number at the density of a real list; where numbers are as sparse as they can be, a
// container each, it stays below what a slice of integers and its index would take twice over.
func TestMemory(t *testing.T) {
	for name, most := range map[string]float64{"country": 3, "clumps": 3, "solid": 1, "world": 20} {
		s := compiled(t, some(seeded(), 1_000_000, spreads[name])...)
		got := float64(s.Bytes()) / float64(s.Len())
		t.Logf("%s: %.2f bytes a number for %d", name, got, s.Len())
		assert.LessOrEqual(t, got, most, name)
	}
}

func FuzzSet(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	f.Fuzz(func(t *testing.T, data []byte) {
		var b Builder
		want := map[uint64]bool{}
		for ; len(data) >= 7; data = data[7:] {
			var n uint64
			for _, c := range data[:7] {
				n = n<<8 | uint64(c)
			}
			if err := b.Add(n); (err == nil) != (n > 0 && n <= maxNumber) {
				t.Fatalf("%d: %v", n, err)
			} else if err == nil {
				want[n] = true
			}
		}
		requireSame(t, want, b.Set())
	})
}

func BenchmarkHas(b *testing.B) {
	r := seeded()
	for name, count := range map[string]int{"1M": 1e6, "10M": 1e7} {
		numbers := some(r, count, usNumber)
		s := compiled(b, numbers...)
		r.Shuffle(len(numbers), func(i, j int) { numbers[i], numbers[j] = numbers[j], numbers[i] })
		others := some(r, 1<<20, usNumber)
		for kind, ask := range map[string][]uint64{"hit": numbers[:1<<19], "miss": others} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				b.ReportAllocs()
				hits := 0
				for i := 0; b.Loop(); i++ {
					if s.Has(ask[i%len(ask)]) {
						hits++
					}
				}
				b.ReportMetric(float64(hits)/float64(b.N), "hits/op")
			})
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	for name, count := range map[string]int{"1M": 1e6, "10M": 1e7} {
		numbers := some(seeded(), count, usNumber)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s := compiled(b, numbers...)
				b.ReportMetric(float64(s.Bytes())/float64(s.Len()), "bytes/number")
			}
		})
	}
}
