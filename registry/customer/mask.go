package customer

import (
	"strings"
	"unicode/utf8"

	"github.com/ringfence/ringfence/gate"
)

// MaskValue shows so much of a value that who knows it recognises it, and nobody else learns it.
func MaskValue(kind Kind, text string) string {
	switch kind {
	case Number:
		return gate.Number(text).Masked()
	case Email:
		local, domain, _ := strings.Cut(text, "@")
		return head(local, 1) + "@" + head(domain, 1)
	case Company:
		return head(text, 2)
	default:
		return head(text, 1)
	}
}

// head keeps the first n characters of a text that is at least twice as long.
func head(text string, n int) string {
	if utf8.RuneCountInString(text) < 2*n {
		return "***"
	}
	runes := []rune(text)
	return string(runes[:n]) + "***"
}
