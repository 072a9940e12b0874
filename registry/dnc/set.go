package dnc

import (
	"iter"
	"slices"
	"unsafe"
)

// Set is an immutable, exact set of numbers in 2 to 3 bytes each for lists of the usual density. It is made by a
// Builder, by Read or by Store.Fetch. The zero value is empty; a Set is safe for concurrent use.
type Set struct {
	segments []*segment
	firsts   []uint64 // prefix each segment begins with, ascending: the segment of a number is the last not above it
	count    int
}

// newSet takes segments in ascending order.
func newSet(segments []*segment) *Set {
	s := &Set{segments: slices.Clip(segments), firsts: make([]uint64, len(segments))}
	for i, seg := range segments {
		s.firsts[i] = seg.base
		s.count += seg.count
	}
	return s
}

// Has says whether n is in the set. It does not allocate.
func (s *Set) Has(n uint64) bool {
	prefix := prefixOf(n)
	i := s.segmentOf(prefix)
	return i >= 0 && s.segments[i].has(prefix, restOf(n))
}

// segmentOf is the only segment that may hold the prefix, or -1.
func (s *Set) segmentOf(prefix uint64) int {
	i, found := slices.BinarySearch(s.firsts, prefix)
	if !found {
		i--
	}
	return i
}

// Len is how many numbers the set holds.
func (s *Set) Len() int { return s.count }

// Bytes is the memory the set takes.
func (s *Set) Bytes() int {
	sum := int(unsafe.Sizeof(*s)) + 16*cap(s.segments)
	for _, seg := range s.segments {
		sum += seg.bytes()
	}
	return sum
}

// All goes through the numbers in ascending order.
func (s *Set) All() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		var rests []uint16
		for prefix, c := range s.containers() {
			rests = c.appendRests(rests[:0])
			for _, rest := range rests {
				if !yield(join(prefix, rest)) {
					return
				}
			}
		}
	}
}

// containers goes through the containers in ascending order of their prefixes.
func (s *Set) containers() iter.Seq2[uint64, container] {
	return func(yield func(uint64, container) bool) {
		for _, seg := range s.segments {
			for i := range seg.containers() {
				if !yield(seg.prefix(i), seg.container(i)) {
					return
				}
			}
		}
	}
}
