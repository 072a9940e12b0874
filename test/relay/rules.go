package relay

import (
	"hash/maphash"
	"math/rand/v2"
)

// Fate is what becomes of a packet.
type Fate uint8

// The fates.
const (
	Pass   Fate = iota
	Drop        // lost
	Repeat      // arrives twice
	Hold        // arrives after the packet that follows it, or after holdTime when none does
)

// Rule decides over the packets of one direction, in the order in which they come. A Rule keeps state: each direction
// needs its own. It is called from one goroutine.
type Rule func(packet []byte) Fate

// Faithful passes everything.
func Faithful() Rule { return func([]byte) Fate { return Pass } }

// Every gives fate f to every nth packet.
func Every(n int, f Fate) Rule {
	seen := 0
	return func([]byte) Fate {
		if seen++; seen%n == 0 {
			return f
		}
		return Pass
	}
}

// FirstCopy drops the first copy of each packet: whatever is not repeated never arrives.
func FirstCopy() Rule {
	seed, seen := maphash.MakeSeed(), map[uint64]bool{}
	return func(packet []byte) Fate {
		sum := maphash.Bytes(seed, packet)
		if seen[sum] {
			return Pass
		}
		seen[sum] = true
		return Drop
	}
}

// Random gives fate f to the share p (0 to 1) of the packets, alike in every run with the same seed.
func Random(seed uint64, p float64, f Fate) Rule {
	dice := rand.New(rand.NewPCG(seed, seed))
	return func([]byte) Fate {
		if dice.Float64() < p {
			return f
		}
		return Pass
	}
}
