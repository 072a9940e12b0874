package dnc

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"unsafe"
)

// A segment is a run of containers: the part of a Set that travels and is replaced as one chunk. It finds a container
// by direct index: slots cuts the span of prefixes into equal pieces, about one for each container, and says where in
// heads each piece begins. For a national list every piece is one prefix; where the numbers are sparse or come in
// clumps a short search within the piece remains.
type segment struct {
	base  uint64   // prefix of the first container
	heads []head   // of the containers, ascending, and one more that says where the last ends
	words []uint16 // the containers, one after the other
	slots []uint16 // the containers of piece i are slots[i] to slots[i+1]
	shift uint8    // a piece spans 1<<shift prefixes
	count int      // numbers held
}

// head says which container begins where. Both in one place, so that a look-up waits for memory once less.
type head struct {
	key   uint32 // its prefix less base
	start uint32 // in words
}

const (
	maxContainers = math.MaxUint16 // of a segment: slots must be able to say where they end
	maxSpan       = math.MaxInt32  // of its prefixes: head.key must hold them
)

func (s *segment) has(prefix uint64, rest uint16) bool {
	key := prefix - s.base
	piece := key >> s.shift
	if piece >= uint64(len(s.slots)-1) {
		return false
	}
	lo, hi := int(s.slots[piece]), int(s.slots[piece+1])
	// A piece has one container as a rule: going through them is quickest, but how many it has is in the hands of whoever
	// wrote the list.
	if hi-lo > 8 {
		i, _ := slices.BinarySearchFunc(s.heads[lo:hi], uint32(key), func(h head, key uint32) int { return cmp.Compare(h.key, key) })
		lo += i
	}
	for ; lo < hi && s.heads[lo].key <= uint32(key); lo++ {
		if s.heads[lo].key == uint32(key) {
			return s.container(lo).has(rest)
		}
	}
	return false
}

func (s *segment) container(i int) container {
	return container(s.words[s.heads[i].start:s.heads[i+1].start])
}

// containers is how many there are: at least one.
func (s *segment) containers() int { return len(s.heads) - 1 }

func (s *segment) prefix(i int) uint64 { return s.base + uint64(s.heads[i].key) }

func (s *segment) lastPrefix() uint64 { return s.prefix(s.containers() - 1) }

// index builds slots once heads is complete.
func (s *segment) index() {
	heads := s.heads[:s.containers()]
	span := uint64(heads[len(heads)-1].key) + 1
	s.shift = 0
	if pieces := span / uint64(len(heads)); pieces > 1 {
		s.shift = uint8(bits.Len64(pieces) - 1)
	}
	s.slots = make([]uint16, (span-1)>>s.shift+2)
	for i, h := range heads {
		s.slots[h.key>>s.shift+1] = uint16(i + 1)
	}
	for i := 1; i < len(s.slots); i++ {
		s.slots[i] = max(s.slots[i], s.slots[i-1])
	}
}

// bytes is the memory the segment takes.
func (s *segment) bytes() int {
	return int(unsafe.Sizeof(*s)) + 8*cap(s.heads) + 2*cap(s.words) + 2*cap(s.slots)
}
