package proxy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"net/netip"
	"strings"
	"sync"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/transport"
)

// macSize is how much of an HMAC-SHA-256 a token carries, in bytes: 96 bits, which nobody guesses on the wire.
const macSize = 12

// Keys sign what the gate writes into Record-Route and Path, so that it may be believed when it comes back, over
// restarts and at any gate that holds the same keys. The first one signs; every one verifies.
type Keys struct{ macs []*sync.Pool }

// NewKeys takes the secrets, newest first, each of at least 16 bytes.
func NewKeys(secrets ...[]byte) (*Keys, error) {
	k := &Keys{}
	for _, s := range secrets {
		if len(s) < 16 {
			return nil, errors.New("a signing key has fewer than 16 bytes: use a longer one, such as the output of `openssl rand -hex 32`")
		}
		k.macs = append(k.macs, &sync.Pool{New: func() any { return hmac.New(sha256.New, s) }})
	}
	if len(k.macs) == 0 {
		return nil, errors.New("no signing key")
	}
	return k, nil
}

// Sign implements identity.Signer.
func (k *Keys) Sign(parts ...[]byte) []byte { return k.sum(0, parts...) }

// Verify implements identity.Signer.
func (k *Keys) Verify(mac []byte, parts ...[]byte) bool { return k.verify(mac, parts...) }

// sum is the MAC of parts under key i. A NUL, which no part can hold, stands between them.
func (k *Keys) sum(i int, parts ...[]byte) []byte {
	h, _ := k.macs[i].Get().(hash.Hash)
	defer k.macs[i].Put(h)
	h.Reset()
	for _, p := range parts {
		h.Write(p)
		h.Write([]byte{0})
	}
	return h.Sum(nil)[:macSize]
}

func (k *Keys) verify(mac []byte, parts ...[]byte) bool {
	for i := range k.macs {
		if hmac.Equal(mac, k.sum(i, parts...)) {
			return true
		}
	}
	return false
}

// A call's token is "<digits>.<mac>" in the parameter rf of our Record-Route: the decided number, or 0 when no number
// was decided (emergency, internal and inbound calls), signed together with the Call-ID and the caller's tag. A second
// ".<mac>" may follow: it signs the remote target that the dialog's other end named (target.go).

var (
	callToken   = []byte("call")
	targetToken = []byte("target")
)

// signCall makes the token of a dialog that the caller with this tag begins.
func (k *Keys) signCall(n gate.Number, callID, callerTag []byte) string {
	digits := n.Digits()
	if digits == "" {
		digits = "0"
	}
	return digits + "." + base64.RawURLEncoding.EncodeToString(k.sum(0, callToken, callID, callerTag, []byte(digits)))
}

// signTarget is what is put behind a token to sign the remote target too.
func (k *Keys) signTarget(token string, callID, target []byte) string {
	return "." + base64.RawURLEncoding.EncodeToString(k.sum(0, targetToken, callID, []byte(token), target))
}

// call is what a token of ours says of the dialog it came back in.
type call struct {
	number gate.Number // "" when none was decided
	by     side        // who sent the request
	token  string      // without the second signature
	target []byte      // the second signature, nil when there is none
}

// verifyCall reads a token that came back on a request or response with these tags, either of which may be the caller's.
func (k *Keys) verifyCall(token, callID, fromTag, toTag []byte) (c call, ok bool) {
	digits, rest, found := strings.Cut(string(token), ".")
	if !found {
		return call{}, false
	}
	signature, target, targeted := strings.Cut(rest, ".")
	mac, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil {
		return call{}, false
	}
	c.token = string(token[:len(digits)+1+len(signature)])
	d := []byte(digits)
	switch {
	case k.verify(mac, callToken, callID, fromTag, d):
		c.by = callerSide
	case k.verify(mac, callToken, callID, toTag, d):
		c.by = calleeSide
	default:
		return call{}, false
	}
	if digits != "0" {
		c.number = gate.Number("+" + digits)
	}
	if targeted {
		c.target, _ = base64.RawURLEncoding.DecodeString(target) // what cannot be read signs nothing
	}
	return c, true
}

// verifyTarget says whether c's token signs this remote target.
func (k *Keys) verifyTarget(c call, callID, target []byte) bool {
	return len(c.target) == macSize && k.verify(c.target, targetToken, callID, []byte(c.token), target)
}

// side is one of a dialog's two.
type side uint8

const (
	noSide     side = iota
	callerSide      // who sent the INVITE
	calleeSide
)

// A flow's token is the user part of our Path (RFC 5626 §5.2): where the REGISTER came from, signed.

var flowToken = []byte("flow")

func (k *Keys) signFlow(a transport.Address) string { return k.sealFlow(a, flowToken) }

func (k *Keys) verifyFlow(token []byte) (transport.Address, bool) {
	return k.openFlow(token, flowToken)
}

// In a Record-Route of ours the user part is the connection over which that side of the call reached us, signed for this
// call alone (RFC 5626 §5.3): what a phone behind a NAT writes as its Contact leads nowhere.

var sideFlowTokens = [...][]byte{callerSide: []byte("caller"), calleeSide: []byte("callee")}

func (k *Keys) signCallFlow(a transport.Address, of side, callID []byte) string {
	return k.sealFlow(a, sideFlowTokens[of], callID)
}

func (k *Keys) verifyCallFlow(token []byte, of side, callID []byte) (transport.Address, bool) {
	return k.openFlow(token, sideFlowTokens[of], callID)
}

func (k *Keys) sealFlow(a transport.Address, context ...[]byte) string {
	ip := a.Addr().AsSlice()
	b := make([]byte, 0, 3+len(ip)+macSize)
	b = append(b, byte(a.Protocol), byte(a.Port()>>8), byte(a.Port()))
	b = append(b, ip...)
	b = append(b, k.sum(0, append(context, b)...)...)
	return base64.RawURLEncoding.EncodeToString(b)
}

func (k *Keys) openFlow(token []byte, context ...[]byte) (transport.Address, bool) {
	b, err := base64.RawURLEncoding.DecodeString(string(token))
	if err != nil || len(b) < 3+4+macSize {
		return transport.Address{}, false
	}
	body, mac := b[:len(b)-macSize], b[len(b)-macSize:]
	ip, ok := netip.AddrFromSlice(body[3:])
	if !ok || !k.verify(mac, append(context, body)...) {
		return transport.Address{}, false
	}
	port := uint16(body[1])<<8 | uint16(body[2])
	return transport.Address{Protocol: transport.Protocol(body[0]), AddrPort: netip.AddrPortFrom(ip, port)}, true
}
