package registry

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
)

// sep parts the fields of packed texts (records, answers, attempts). No field holds it, since escape writes control
// bytes as %XX; so Lua and Go split without quoting.
const sep = "\x1f"

// part parts one entry of a list whose entries sep parts.
const part = "\x1e"

// Longest texts that are kept, in bytes as they arrive. What comes from the wire has no length of its own.
const (
	maxName = 128 // rep, extension, peer, gate, list, operator
	maxText = 256 // Call-ID, note
)

// escape writes control bytes and "%" as %XX, and nothing else. It is reversible, and free for ordinary text.
func escape(s string) string {
	for i := range len(s) {
		if mustEscape(s[i]) {
			return escapeFrom(s, i)
		}
	}
	return s
}

func mustEscape(c byte) bool { return c < 0x20 || c == 0x7f || c == '%' }

func escapeFrom(s string, first int) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(s) + 8)
	b.WriteString(s[:first])
	for i := first; i < len(s); i++ {
		if c := s[i]; mustEscape(c) {
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unescape is the inverse of escape. A broken escape is left as it stands: records are for reading.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// identity is escape for texts that are compared: one that is too long keeps its beginning and gains a digest, so that
// two long names stay two names.
func identity(s string) string {
	if len(s) <= maxName {
		return escape(s)
	}
	digest := sha256.Sum256([]byte(s))
	return escape(s[:maxName-18]) + "%~" + hex.EncodeToString(digest[:8])
}

// note is escape for texts that are only read: one that is too long is cut.
func note(s string) string {
	if len(s) <= maxText {
		return escape(s)
	}
	return escape(s[:maxText]) + "…"
}

// attemptID names one call attempt at one number: a digest of number, Call-ID and From-tag that cannot be made to
// collide. The rep is left out on purpose: a BYE that arrives at another gate ends the call without knowing who rang,
// so the rep is kept beside the id and compared.
func attemptID(digits, callID, fromTag string) string {
	var stack [256]byte
	b := append(stack[:0], digits...)
	b = append(b, 0)
	b = strconv.AppendInt(b, int64(len(callID)), 10) // the length keeps "a"+"bc" and "ab"+"c" apart, whatever bytes they hold
	b = append(b, 0)
	b = append(b, callID...)
	b = append(b, fromTag...)
	digest := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(digest[:12])
}
