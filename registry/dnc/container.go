package dnc

import (
	"math/bits"
	"slices"
)

// A container holds the numbers that share one prefix as 16-bit words: their rests in ascending order or, from 4,096
// of them on, a bitmap of all 65,536 rests, which is then no larger. Its length alone tells which of the two it is.
type container []uint16

const (
	bitmapWords = 1 << restBits / 16
	maxRests    = bitmapWords - 1 // of a container that is not a bitmap
)

func (c container) bitmap() bool { return len(c) == bitmapWords }

func (c container) has(rest uint16) bool {
	if c.bitmap() {
		return c[rest/16]>>(rest%16)&1 == 1
	}
	_, found := slices.BinarySearch(c, rest)
	return found
}

// numbers is how many the container holds.
func (c container) numbers() int {
	if !c.bitmap() {
		return len(c)
	}
	sum := 0
	for _, word := range c {
		sum += bits.OnesCount16(word)
	}
	return sum
}

// appendRests appends the rests in ascending order.
func (c container) appendRests(dst []uint16) []uint16 {
	if !c.bitmap() {
		return append(dst, c...)
	}
	for i, word := range c {
		for ; word != 0; word &= word - 1 {
			dst = append(dst, uint16(i*16+bits.TrailingZeros16(word)))
		}
	}
	return dst
}

// appendContainer appends to words the container that holds rests, which ascend without repetition.
func appendContainer(words, rests []uint16) []uint16 {
	if len(rests) <= maxRests {
		return append(words, rests...)
	}
	start := len(words)
	words = slices.Grow(words, bitmapWords)[:start+bitmapWords]
	bitmap := words[start:]
	clear(bitmap)
	for _, rest := range rests {
		bitmap[rest/16] |= 1 << (rest % 16)
	}
	return words
}
