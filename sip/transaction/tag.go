package transaction

import (
	"crypto/rand"
	"encoding/base32"
)

// cookie is the magic cookie of RFC 3261 §8.1.1.7.
const cookie = "z9hG4bK"

var encoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewTag is a To-tag: 80 random bits, more than the 32 that §19.3 asks for.
func NewTag() string { return random(10) }

// NewBranch is a branch that nobody else can guess, so that a response that carries it answers our request.
func NewBranch() string { return cookie + random(10) }

func random(n int) string {
	var b [16]byte
	_, _ = rand.Read(b[:n]) // never fails (Go 1.24+)
	return encoding.EncodeToString(b[:n])
}
