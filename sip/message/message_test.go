package message

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// crlf gives text the line ends of the wire.
func crlf(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }

// parse reads text, whose lines end with LF, and fails the test if it cannot be read.
func parse(t *testing.T, text string) *Message {
	t.Helper()
	m, err := Parse([]byte(crlf(text)))
	require.NoError(t, err)
	return m
}
