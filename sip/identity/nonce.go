package identity

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
	"time"
)

// Signer is what makes nonces unforgeable: the keys of sip.secret_file, which all gates share. Sign uses the newest one,
// Verify takes every one.
type Signer interface {
	Sign(parts ...[]byte) []byte
	Verify(mac []byte, parts ...[]byte) bool
}

// nonce is the challenge of RFC 7616 §3.3, without state: when it was made, for whom, and that one of our gates made it.
// On the wire it is base64url(id | MAC). It is bound to the source's network, so that whoever cannot receive there can
// neither use a nonce there nor have that source banned with it.
type nonce [nonceSize]byte

const (
	nonceSize = 8 + 8 // µs since 1970, random
	networkV6 = 64    // an IPv6 site's own part of the address changes as it likes
)

var nonceToken = []byte("nonce")

// network is the part of a source's address that stays the same for one sender.
func network(source netip.Addr) netip.Addr {
	source = source.Unmap().WithZone("")
	if source.Is4() {
		return source
	}
	p, err := source.Prefix(networkV6)
	if err != nil {
		return source
	}
	return p.Addr()
}

func newNonce(now time.Time) (n nonce) {
	binary.BigEndian.PutUint64(n[:8], uint64(now.UnixMicro()))
	_, _ = rand.Read(n[8:]) // never fails
	return n
}

// issued is when the nonce was made.
func (n nonce) issued() time.Time { return time.UnixMicro(int64(binary.BigEndian.Uint64(n[:8]))) }

func (n nonce) signed(s Signer, realm string, source netip.Addr) string {
	mac := s.Sign(n.parts(realm, source)...)
	return base64.RawURLEncoding.EncodeToString(append(n[:nonceSize:nonceSize], mac...))
}

func (n nonce) parts(realm string, source netip.Addr) [][]byte {
	at := network(source).As16()
	return [][]byte{nonceToken, n[:], at[:], []byte(realm)}
}

// parseNonce reads a nonce that came back and says whether one of our gates made it for this realm and source.
func parseNonce(text string, s Signer, realm string, source netip.Addr) (n nonce, ours bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) <= nonceSize {
		return n, false
	}
	copy(n[:], b)
	return n, s.Verify(b[nonceSize:], n.parts(realm, source)...)
}
