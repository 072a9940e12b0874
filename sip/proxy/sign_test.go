package proxy

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

func keys(t *testing.T, secrets ...string) *Keys {
	all := make([][]byte, len(secrets))
	for i := range secrets {
		all[i] = []byte(secrets[i])
	}
	k, err := NewKeys(all...)
	require.NoError(t, err)
	return k
}

const (
	secretOld = "the old key of 16 bytes and more"
	secretNew = "the new key of 16 bytes and more"
)

// A token is good for one number, one Call-ID and one caller's tag, and says which side a request comes from.
func TestCallToken(t *testing.T) {
	k := keys(t, secretNew)
	verify := func(token, callID, from, to string) (call, bool) {
		return k.verifyCall([]byte(token), []byte(callID), []byte(from), []byte(to))
	}
	token := k.signCall("+12125550100", []byte("id"), []byte("caller"))

	c, ok := verify(token, "id", "caller", "callee")
	require.True(t, ok)
	require.Equal(t, call{number: "+12125550100", by: callerSide, token: token}, c)
	c, ok = verify(token, "id", "callee", "caller")
	require.True(t, ok)
	require.Equal(t, calleeSide, c.by, "the callee's request, or a caller's with its tags swapped")

	for name, other := range map[string][3]string{
		"another call":   {"other", "caller", "callee"},
		"another caller": {"id", "x", "callee"},
		"no tags":        {"id", "", ""},
		"shifted":        {"idc", "aller", "callee"},
		"case":           {"ID", "caller", "callee"},
	} {
		_, ok = verify(token, other[0], other[1], other[2])
		require.False(t, ok, name)
	}
	digits, mac, _ := strings.Cut(token, ".")
	for name, bad := range map[string]string{
		"another number": "12125550101." + mac, "no number": "0." + mac, "+": "+" + token, "longer": digits + "0." + mac,
		"no mac": digits + ".", "no dot": digits, "empty": "", "short mac": token[:len(token)-1], "long mac": token + "A", "space": " " + token,
	} {
		_, ok = verify(bad, "id", "caller", "callee")
		require.False(t, ok, name)
	}
}

// Every bit of a token counts.
func TestEveryBitOfAToken(t *testing.T) {
	k := keys(t, secretNew)
	token := k.signCall("+12125550100", []byte("id"), []byte("caller"))
	digits, mac, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(mac)
	require.NoError(t, err)
	require.Len(t, raw, macSize)
	for bit := range macSize * 8 {
		raw[bit/8] ^= 1 << (bit % 8)
		_, ok := k.verifyCall([]byte(digits+"."+base64.RawURLEncoding.EncodeToString(raw)), []byte("id"), []byte("caller"), []byte("callee"))
		require.False(t, ok, "bit %d", bit)
		raw[bit/8] ^= 1 << (bit % 8)
	}
	for i := range token {
		for bit := range 8 {
			b := []byte(token)
			b[i] ^= 1 << bit
			_, ok := k.verifyCall(b, []byte("id"), []byte("caller"), []byte("callee"))
			require.False(t, ok, "%q", b)
		}
	}
}

// Keys are rotated by putting a new one before the old: what was signed with the old one holds as long as it is there.
// Gates that share a file believe each other.
func TestKeyRotation(t *testing.T) {
	before, during, after, elsewhere := keys(t, secretOld), keys(t, secretNew, secretOld), keys(t, secretNew), keys(t, secretOld, secretNew)
	old := []byte(before.signCall("+12125550100", []byte("id"), []byte("caller")))
	fresh := []byte(during.signCall("+12125550100", []byte("id"), []byte("caller")))
	for name, c := range map[string]struct {
		keys  *Keys
		token []byte
		good  bool
	}{
		"old key, still there":       {during, old, true},
		"old key, gone":              {after, old, false},
		"new key":                    {after, fresh, true},
		"another gate, old key":      {elsewhere, old, true},
		"another gate, new key":      {elsewhere, fresh, true},
		"a gate without the new key": {before, fresh, false},
	} {
		_, ok := c.keys.verifyCall(c.token, []byte("id"), []byte("caller"), nil)
		require.Equal(t, c.good, ok, name)
	}
}

// The second signature is good for one target of one call.
func TestTargetSignature(t *testing.T) {
	k := keys(t, secretNew)
	token := k.signCall("", []byte("id"), []byte("caller"))
	signed := token + k.signTarget(token, []byte("id"), []byte("there"))
	c, ok := k.verifyCall([]byte(signed), []byte("id"), []byte("caller"), nil)
	require.True(t, ok)
	require.Equal(t, token, c.token)
	require.Equal(t, gate.Number(""), c.number)
	require.True(t, k.verifyTarget(c, []byte("id"), []byte("there")))
	require.False(t, k.verifyTarget(c, []byte("id"), []byte("elsewhere")))
	require.False(t, k.verifyTarget(c, []byte("other"), []byte("there")))
	for i := len(token) + 1; i < len(signed); i++ {
		b := []byte(signed)
		b[i] ^= 1
		if c, ok = k.verifyCall(b, []byte("id"), []byte("caller"), nil); ok {
			require.False(t, k.verifyTarget(c, []byte("id"), []byte("there")), "%q", b)
		}
	}
	c, ok = k.verifyCall([]byte(token), []byte("id"), []byte("caller"), nil)
	require.True(t, ok)
	require.False(t, k.verifyTarget(c, []byte("id"), nil), "no signature signs nothing")
	other := k.signCall("+12125550100", []byte("id"), []byte("caller"))
	c, ok = k.verifyCall([]byte(other+signed[len(token):]), []byte("id"), []byte("caller"), nil)
	require.True(t, ok)
	require.False(t, k.verifyTarget(c, []byte("id"), []byte("there")), "of another token")
}
