package message

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A look must never take a request of a dialog for a new one; the other way round it only costs time.
func TestPeekNew(t *testing.T) {
	const head = "INVITE sip:+12125550100@g SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:1@g>;tag=1\r\n"
	for to, certain := range map[string]bool{
		"To: <sip:2@g>\r\n":               true,
		"t: <sip:2@g>\r\n":                true,
		"TO : <sip:2@g>;x=y\r\n":          true,
		"To: <sip:2@g>;tag=2\r\n":         false,
		"t:<sip:2@g>;TAG = 2\r\n":         false,
		"To: <sip:2@g>\r\n ;tag=2\r\n":    false,
		"To\t:\r\n <sip:2@g>;tag=2\r\n":   false,
		"To: <sip:tagliatelle@g>\r\n":     false,
		"Subject: To: <sip:2@g>\r\n":      false,
		"Subject: x\nTo: <sip:2@g>\r\n":   false,
		"\r\nTo: <sip:2@g>\r\n":           false,
		"To: <sip:2@g>;tag=2\r\nt: b\r\n": false,
	} {
		uri, ok := PeekNew([]byte(head + to + "Call-ID: c\r\nCSeq: 1 INVITE\r\n\r\n"))
		assert.Equal(t, certain, ok, "%q", to)
		if ok {
			assert.Equal(t, "sip:+12125550100@g", string(uri))
		}
	}
	for _, raw := range []string{"", "INVITE", "INVITE ", "INVITE sip:a@b", "INVITE sip:a@b SIP/2.0\r\n", strings.ReplaceAll(head, "\r\n", "\n") + "To: <sip:2@g>\n\n"} {
		_, ok := PeekNew([]byte(raw))
		assert.False(t, ok, "%q", raw)
	}
}
