package dnc

import (
	"math"
	"math/bits"
)

// layout lays containers out in segments. They must come in ascending order of their prefixes. The zero value is
// ready.
type layout struct {
	segments []*segment
	open     *segment // the one being filled; nil between two
	last     uint64   // prefix of its last container
	size     int      // bytes that it takes as a chunk
	limit    int      // bytes that it may take; 0 is maxChunk
	scratch  []uint16
}

// add lays out the container of rests, which ascend without repetition.
func (l *layout) add(prefix uint64, rests []uint16) {
	l.scratch = appendContainer(l.scratch[:0], rests)
	l.put(prefix, container(l.scratch), len(rests))
}

// put lays out a finished container that holds so many numbers.
func (l *layout) put(prefix uint64, c container, count int) {
	if l.open != nil && !l.fits(prefix, c) {
		l.close()
	}
	if l.open == nil {
		l.open, l.size = &segment{base: prefix}, chunkHead+entrySize(prefix, c)
	} else {
		l.size += entrySize(prefix-l.last, c)
	}
	l.last = prefix
	seg := l.open
	seg.heads = append(seg.heads, head{key: uint32(prefix - seg.base), start: uint32(len(seg.words))})
	seg.words = append(seg.words, c...)
	seg.count += count
}

func (l *layout) fits(prefix uint64, c container) bool {
	limit := l.limit
	if limit == 0 {
		limit = maxChunk
	}
	size := l.size + entrySize(prefix-l.last, c)
	return size <= limit && len(l.open.heads) < maxContainers && prefix-l.open.base <= maxSpan
}

// entrySize is what a container takes in a chunk: see encode.
func entrySize(gap uint64, c container) int {
	return uvarintSize(gap) + uvarintSize(uint64(len(c))) + 2*len(c)
}

func uvarintSize(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

func (l *layout) close() {
	seg := l.open
	if seg == nil {
		return
	}
	seg.heads = append(seg.heads, head{key: math.MaxUint32, start: uint32(len(seg.words))})
	seg.heads, seg.words = exact(seg.heads), exact(seg.words)
	seg.index()
	l.segments = append(l.segments, seg)
	l.open = nil
}

// set closes the last segment and gives the set.
func (l *layout) set() *Set {
	l.close()
	return newSet(l.segments)
}

// exact is s in memory of its own size: growing leaves up to a quarter unused, and a list lives long.
func exact[E any](s []E) []E { return append(make([]E, 0, len(s)), s...) }
