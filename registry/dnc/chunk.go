package dnc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// A chunk is a segment as Redis keeps it:
//
//	magic       4 bytes
//	containers  uvarint
//	for each    uvarint: its prefix less that of the one before, the first one's less 0
//	            uvarint: its length in words
//	words       of all containers, 2 bytes each, little-endian
//
// which for random numbers of one country comes to 2.1 to 2.2 bytes a number.
const (
	chunkMagic = "rfd1"
	// maxChunk leaves room for Redis's own header within the 256 KiB size class of its allocator; one byte more and
	// every chunk takes 320 KiB.
	maxChunk  = 256<<10 - 64
	chunkHead = len(chunkMagic) + 3 // at most 65,535 containers
)

var errChunk = errors.New("the bytes are no chunk of numbers")

// encode gives the segment as a chunk.
func (s *segment) encode() []byte {
	b := make([]byte, 0, chunkHead+3*s.containers()+2*len(s.words))
	b = append(b, chunkMagic...)
	b = binary.AppendUvarint(b, uint64(s.containers()))
	before := uint64(0)
	for i := range s.containers() {
		prefix := s.prefix(i)
		b = binary.AppendUvarint(b, prefix-before)
		b = binary.AppendUvarint(b, uint64(s.heads[i+1].start-s.heads[i].start))
		before = prefix
	}
	for _, word := range s.words {
		b = binary.LittleEndian.AppendUint16(b, word)
	}
	return b
}

// decode reads a chunk and holds it to every invariant of a segment, so that whatever the bytes are, what comes out
// can be searched safely. It allocates a few times the chunk's own size at most.
func decode(b []byte) (*segment, error) {
	if len(b) > maxChunk {
		return nil, fmt.Errorf("%w: %d bytes where at most %d are written", errChunk, len(b), maxChunk)
	}
	rest, ok := bytes.CutPrefix(b, []byte(chunkMagic))
	if !ok {
		return nil, fmt.Errorf("%w: it does not begin with %q", errChunk, chunkMagic)
	}
	s, payload, err := decodeHeads(rest)
	if err != nil {
		return nil, err
	}
	if want := 2 * int(s.heads[s.containers()].start); len(payload) != want {
		return nil, fmt.Errorf("%w: %d bytes of numbers where %d are announced", errChunk, len(payload), want)
	}
	s.words = make([]uint16, len(payload)/2)
	for i := range s.words {
		s.words[i] = binary.LittleEndian.Uint16(payload[2*i:])
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	s.index()
	return s, nil
}

// decodeHeads reads the prefixes and lengths, and gives what follows them.
func decodeHeads(b []byte) (*segment, []byte, error) {
	containers, b, err := uvarint(b, maxContainers)
	if err != nil {
		return nil, nil, err
	}
	const minEntry = 1 + 1 + 2 // and the one number that a container holds at least
	if containers == 0 || int(containers) > len(b)/minEntry {
		return nil, nil, fmt.Errorf("%w: %d containers in %d bytes", errChunk, containers, len(b))
	}
	s := &segment{heads: make([]head, containers+1)}
	prefix := uint64(0)
	for i := range s.containers() {
		var gap, words uint64
		if gap, b, err = uvarint(b, maxPrefix-prefix); err != nil {
			return nil, nil, err
		}
		if words, b, err = uvarint(b, bitmapWords); err != nil {
			return nil, nil, err
		}
		prefix += gap
		if i == 0 {
			s.base = prefix
		}
		if words == 0 || (i > 0 && gap == 0) || prefix-s.base > maxSpan {
			return nil, nil, fmt.Errorf("%w: container %d is empty or out of order", errChunk, i)
		}
		s.heads[i].key = uint32(prefix - s.base)
		s.heads[i+1] = head{key: math.MaxUint32, start: s.heads[i].start + uint32(words)}
	}
	return s, b, nil
}

// uvarint reads one integer that may not be above limit.
func uvarint(b []byte, limit uint64) (uint64, []byte, error) {
	v, n := binary.Uvarint(b)
	if n <= 0 || v > limit {
		return 0, nil, fmt.Errorf("%w: it ends early or an integer in it is above %d", errChunk, limit)
	}
	return v, b[n:], nil
}

// check holds the containers to their form and counts their numbers.
func (s *segment) check() error {
	for i := range s.containers() {
		c := s.container(i)
		count := c.numbers()
		if c.bitmap() && count <= maxRests {
			return fmt.Errorf("%w: container %d is a bitmap of only %d numbers", errChunk, i, count)
		}
		for j := 1; j < len(c) && !c.bitmap(); j++ {
			if c[j-1] >= c[j] {
				return fmt.Errorf("%w: container %d is not sorted", errChunk, i)
			}
		}
		s.count += count
	}
	first := s.container(0).appendRests(nil)[0]
	rests := s.container(s.containers() - 1).appendRests(nil)
	if join(s.base, first) == 0 || join(s.lastPrefix(), rests[len(rests)-1]) > maxNumber {
		return fmt.Errorf("%w: it holds what is no E.164 number", errChunk)
	}
	return nil
}
