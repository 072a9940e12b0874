package webhooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// signature is the header Ringfence-Signature: when it was signed, and the HMAC-SHA256 of "<time>.<body>" under each
// secret, so that a receiver may change secrets without losing anything.
func signature(secrets []string, at time.Time, body string) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	var b strings.Builder
	b.WriteString("t=" + seconds)
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(seconds + "." + body))
		b.WriteString(",v1=" + hex.EncodeToString(mac.Sum(nil)))
	}
	return b.String()
}
