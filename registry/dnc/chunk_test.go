package dnc

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestChunksGiveBackTheirSegments(t *testing.T) {
	for name, spread := range spreads {
		s := compiled(t, some(seeded(), 150_000, spread)...)
		for _, seg := range s.segments {
			got, err := decode(seg.encode())
			require.NoError(t, err, name)
			require.Equal(t, seg, got, name)
		}
	}
}

// parts writes a chunk by hand: pairs of gap and length, then words.
func parts(containers uint64, entries []uint64, words ...uint16) []byte {
	b := binary.AppendUvarint([]byte(chunkMagic), containers)
	for _, v := range entries {
		b = binary.AppendUvarint(b, v)
	}
	for _, w := range words {
		b = binary.LittleEndian.AppendUint16(b, w)
	}
	return b
}

func TestDecodeRefuses(t *testing.T) {
	whole := parts(2, []uint64{10, 2, 1, 1}, 1, 2, 3)
	seg, err := decode(whole)
	require.NoError(t, err)
	require.Equal(t, []uint64{10<<16 | 1, 10<<16 | 2, 11<<16 | 3}, slices.Collect(newSet([]*segment{seg}).All()))

	sparseBitmap := make([]uint16, bitmapWords)
	sparseBitmap[0] = 1
	for name, b := range map[string][]byte{
		"nothing":                nil,
		"another format":         []byte("RFD2\x01\x01\x01\x00\x00"),
		"no containers":          parts(0, nil),
		"too many containers":    parts(maxContainers+1, nil),
		"more than the bytes":    parts(60_000, []uint64{10, 2, 1, 1}, 1, 2, 3),
		"cut off in the head":    whole[:6],
		"cut off in the numbers": whole[:len(whole)-1],
		"something behind":       append(slices.Clone(whole), 0, 0),
		"prefix too large":       parts(1, []uint64{maxPrefix + 1, 1}, 1),
		"number too large":       parts(1, []uint64{maxPrefix, 1}, 0xffff),
		"span too large":         parts(2, []uint64{1, 1, maxSpan + 1, 1}, 1, 1),
		"number 0":               parts(1, []uint64{0, 1}, 0),
		"two of one prefix":      parts(2, []uint64{10, 1, 0, 1}, 1, 2),
		"empty container":        parts(2, []uint64{10, 0, 1, 2}, 1, 2),
		"container too long":     parts(1, []uint64{10, bitmapWords + 1}, make([]uint16, bitmapWords+1)...),
		"unsorted":               parts(1, []uint64{10, 2}, 2, 1),
		"repeated":               parts(1, []uint64{10, 2}, 1, 1),
		"bitmap of one":          parts(1, []uint64{10, bitmapWords}, sparseBitmap...),
		"too long":               append(slices.Clone(whole), make([]byte, maxChunk)...),
		"endless integer":        append([]byte(chunkMagic), slices.Repeat([]byte{0xff}, 30)...),
	} {
		_, err := decode(b)
		assert.ErrorIs(t, err, errChunk, name)
	}
}

func TestSegmentEdit(t *testing.T) {
	r := seeded()
	for name, spread := range spreads {
		s := compiled(t, some(r, 3000, spread)...)
		want := map[uint64]bool{}
		for n := range s.All() {
			want[n] = true
		}
		for range 300 {
			n, listed := spread(r), r.IntN(2) == 0
			if len(s.segments) > 1 {
				s = newSet(s.segments[:1]) // far too sparse to be one chunk; edits are of one
				want = map[uint64]bool{}
				for n := range s.All() {
					want[n] = true
				}
			}
			var seg *segment
			if len(s.segments) == 1 {
				seg = s.segments[0]
			}
			segments, changed := seg.edit(n, listed)
			require.Equal(t, want[n] != listed, changed, name)
			if changed {
				s = newSet(segments)
				want[n] = listed
				if !listed {
					delete(want, n)
				}
			}
		}
		requireSame(t, want, s)
	}
}

func TestSegmentEditSplitsInHalves(t *testing.T) {
	full := compiled(t, some(seeded(), 400_000, usNumber)...).segments[0]
	segments, count := []*segment{full}, full.count
	for n := join(full.base, 0); len(segments) == 1; n++ {
		if edited, changed := segments[0].edit(n, true); changed {
			segments = edited
			count++
		}
	}
	require.Len(t, segments, 2)
	assert.Equal(t, count, newSet(segments).Len())
	for _, seg := range segments {
		assert.InDelta(t, maxChunk/2, len(seg.encode()), 3*bitmapWords, "there is room for the next numbers")
	}

	none, changed := compiled(t, 12125550100).segments[0].edit(12125550100, false)
	assert.True(t, changed)
	assert.Empty(t, none)
}

// FuzzDecode holds that whatever the bytes are, decoding them gives an error or a segment that can be searched.
func FuzzDecode(f *testing.F) {
	for _, numbers := range [][]uint64{{1}, {12125550100, 12125550101, 861380000000000}} {
		f.Add(compiled(f, numbers...).segments[0].encode())
	}
	solid := make([]uint64, 9000)
	for i := range solid {
		solid[i] = 12_000_000_000 + uint64(i)
	}
	f.Add(compiled(f, solid...).segments[0].encode())
	f.Add(parts(2, []uint64{10, 2, 1, 1}, 1, 2, 3))
	f.Fuzz(func(t *testing.T, data []byte) {
		seg, err := decode(data)
		if err != nil {
			return
		}
		if got := seg.bytes(); got > 16*len(data)+1024 {
			t.Fatalf("%d bytes became %d", len(data), got)
		}
		s, last, count := newSet([]*segment{seg}), uint64(0), 0
		for n := range s.All() {
			if n <= last || !s.Has(n) {
				t.Fatalf("%d after %d, held: %v", n, last, s.Has(n))
			}
			last = n
			count++
		}
		if count != s.Len() || last > maxNumber {
			t.Fatalf("%d numbers announced, %d found, the last %d", s.Len(), count, last)
		}
		again, err := decode(seg.encode())
		if err != nil || again.count != seg.count {
			t.Fatalf("it does not survive a second encoding: %v", err)
		}
	})
}
