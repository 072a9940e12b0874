package message

import (
	"encoding/binary"
	"math/bits"
)

// Classes of bytes, RFC 3261 §25.1. Several fit into one table look-up.
const (
	tokenByte  uint8 = 1 << iota // token
	hostByte                     // hostname and IPv4address; "_" is not in the grammar but in many a name
	paramByte                    // name or unquoted value of a parameter: anything that cannot end one
	uriByte                      // any URI: printable ASCII without blank, quotes and angle brackets
	schemeByte                   // scheme of a URI
)

var classes = func() (t [256]uint8) {
	for c := range 256 {
		b := byte(c)
		alphanum := '0' <= b && b <= '9' || 'a' <= lower(b) && lower(b) <= 'z'
		if alphanum || contains("-.!%*_+`'~", b) {
			t[c] |= tokenByte
		}
		if alphanum || contains("-._", b) {
			t[c] |= hostByte
		}
		if b > ' ' && b != 0x7f && !contains(`;=,"<>`, b) {
			t[c] |= paramByte
		}
		if b > ' ' && b < 0x7f && !contains(`"<>`, b) {
			t[c] |= uriByte
		}
		if alphanum || contains("+-.", b) {
			t[c] |= schemeByte
		}
	}
	return t
}()

func contains(s string, b byte) bool {
	for i := range len(s) {
		if s[i] == b {
			return true
		}
	}
	return false
}

// all says whether every byte of b is of class.
func all(b []byte, class uint8) bool {
	for _, c := range b {
		if classes[c]&class == 0 {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

func isLetter(c byte) bool { return 'a' <= lower(c) && lower(c) <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

// isLWS holds inside a header's value, where every CR and LF belongs to a fold.
func isLWS(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// equalFold compares without regard to the case of ASCII letters, and of nothing else.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	if string(b) == s {
		return true // nearly always, and cheaper
	}
	for i := range b {
		if b[i] != s[i] && lower(b[i]) != lower(s[i]) {
			return false
		}
	}
	return true
}

// trim takes LWS off both ends of raw[s.Start:s.End].
func trim(raw []byte, s Span) Span {
	for s.Start < s.End && isLWS(raw[s.Start]) {
		s.Start++
	}
	for s.End > s.Start && isLWS(raw[s.End-1]) {
		s.End--
	}
	return s
}

// nextControl is the place of the first byte below 0x20 or equal to 0x7f at or after i, or len(b).
//
// It looks at eight bytes at once, since every byte of every header section passes here. In (w-n)&^w&high the lowest
// bit set belongs to the first byte that is less than n: borrows only spread to the bytes after it.
func nextControl(b []byte, i int) int {
	const (
		ones = 0x0101010101010101
		high = 0x80 * ones
	)
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		del := w ^ 0x7f*ones
		found := ((w-0x20*ones)&^w | (del-ones)&^del) & high
		if found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(b); i++ {
		if b[i] < ' ' || b[i] == 0x7f {
			return i
		}
	}
	return len(b)
}
