package proxy

import (
	"strings"

	"github.com/ringfence/ringfence/gate"
)

// longest is how much of a field that a sender wrote goes into a log line, in bytes: as much as any phone's Call-ID has.
const longest = 128

func clip(s string) string { return s[:min(len(s), longest)] }

// rep is a rep's id as the log shows it. Where identity is From or asserted, a peer may send a telephone number for one,
// and then it is masked like any other.
func (p *Proxy) rep(id gate.Rep) string {
	s := clip(string(id))
	if p.Full || !number(s) {
		return s
	}
	return gate.Mask(s)
}

// number says whether s could be somebody's telephone number; the longest extensions have six digits.
func number(s string) bool {
	digits := 0
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			digits++
		case !strings.ContainsRune("+-.()", rune(c)):
			return false
		}
	}
	return digits > 6
}
