package dnc

import (
	"strconv"

	"github.com/ringfence/ringfence/gate"
)

// maxNumber is the largest number E.164 has room for: 15 digits.
const maxNumber = 999_999_999_999_999

// Pack turns the digits of an E.164 number, without "+", into the integer they spell. Nothing is lost: a country code
// never starts with 0, and 15 digits fit. It says false to anything else.
func Pack(digits string) (uint64, bool) {
	if len(digits) == 0 || len(digits) > 15 || digits[0] == '0' {
		return 0, false
	}
	var n uint64
	for i := range len(digits) {
		d := digits[i] - '0'
		if d > 9 {
			return 0, false
		}
		n = n*10 + uint64(d)
	}
	return n, true
}

// Unpack is the inverse of Pack, with the "+".
func Unpack(n uint64) gate.Number {
	return gate.Number("+" + strconv.FormatUint(n, 10))
}

// A number has two halves: its prefix, which names the container, and its rest, which is what the container holds.
const (
	restBits  = 16
	maxPrefix = maxNumber >> restBits
)

func prefixOf(n uint64) uint64 { return n >> restBits }

func restOf(n uint64) uint16 { return uint16(n) }

func join(prefix uint64, rest uint16) uint64 { return prefix<<restBits | uint64(rest) }
