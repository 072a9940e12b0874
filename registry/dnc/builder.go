package dnc

import (
	"fmt"
	"slices"
)

// runLength is how many numbers a Builder keeps as they came, 8 bytes each, before it sorts and compresses them.
const runLength = 1 << 20

// Builder compiles a Set from numbers in any order, with any repetition. Its memory is that of the set, of the copy a
// merge makes, and of one run. The zero value is ready; a Builder is not safe for concurrent use.
type Builder struct {
	run  []uint64
	sets []*Set // each at least twice as large as the next, so that a number is merged only log2 times
}

// Add adds a number as Pack gives it.
func (b *Builder) Add(n uint64) error {
	if n == 0 || n > maxNumber {
		return fmt.Errorf("an E.164 number has 1 to 15 digits and does not begin with 0: this has %d", len(fmt.Sprint(n)))
	}
	b.run = append(b.run, n)
	if len(b.run) == runLength {
		b.compress()
	}
	return nil
}

// Set is the set of the numbers added so far. The Builder may be used further.
func (b *Builder) Set() *Set {
	b.compress()
	for len(b.sets) > 1 {
		b.mergeLast()
	}
	if len(b.sets) == 0 {
		return &Set{}
	}
	return b.sets[0]
}

// compress turns the run into a set and merges sets that are near in size.
func (b *Builder) compress() {
	if len(b.run) == 0 {
		return
	}
	slices.Sort(b.run)
	b.sets = append(b.sets, fromSorted(b.run))
	b.run = b.run[:0]
	for n := len(b.sets); n > 1 && b.sets[n-2].Len() < 2*b.sets[n-1].Len(); n-- {
		b.mergeLast()
	}
}

func (b *Builder) mergeLast() {
	n := len(b.sets)
	b.sets[n-2] = union(b.sets[n-2], b.sets[n-1])
	b.sets = slices.Delete(b.sets, n-1, n) // Delete clears the slot, so that the merged set can be collected
}

// fromSorted compiles numbers that ascend; equal neighbours count once.
func fromSorted(numbers []uint64) *Set {
	var l layout
	var rests []uint16
	for i := 0; i < len(numbers); {
		prefix := prefixOf(numbers[i])
		rests = rests[:0]
		for ; i < len(numbers) && prefixOf(numbers[i]) == prefix; i++ {
			if rest := restOf(numbers[i]); len(rests) == 0 || rests[len(rests)-1] != rest {
				rests = append(rests, rest)
			}
		}
		l.add(prefix, rests)
	}
	return l.set()
}
