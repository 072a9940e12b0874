package identity

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// RFC 7616 §3.9.1, and htdigest's own line for MD5.
func TestHA1(t *testing.T) {
	require.Equal(t, "3d78807defe7de2157e2b0b6573a855f", MD5.HA1("Mufasa", "http-auth@example.org", "Circle of Life"))
	require.Equal(t, "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232", SHA256.HA1("Mufasa", "http-auth@example.org", "Circle of Life"))
}

func TestParseUsers(t *testing.T) {
	md5, sha := strings.Repeat("a", 32), strings.Repeat("B", 64)
	users, err := ParseUsers([]byte("# reps\n\n201:r:"+md5+"\n 201:r:sha-256:"+sha+"\r\n202:r:MD5:"+md5+"\n"), "r")
	require.NoError(t, err)
	require.Len(t, users, 2)
	ha1, known := users.ha1("201", SHA256)
	require.True(t, known)
	require.Equal(t, strings.ToLower(sha), ha1)
	_, known = users.ha1("202", SHA256)
	require.False(t, known)
	require.Equal(t, 1, users.Lacking(SHA256))
	require.Zero(t, users.Lacking(MD5))
}

// Every mistake is named by its line, none is repeated: it may hold a password.
func TestParseUsersMistakes(t *testing.T) {
	md5 := strings.Repeat("a", 32)
	_, err := ParseUsers([]byte("201:r:"+md5+"\nsecret\n202:other:"+md5+"\n203:r:secret\n204:r:SHA-256:"+md5+"\n:r:"+md5+"\n205:r:SHA-9:secret\n201:r:"+md5), "r")
	for _, line := range []string{"line 2:", "line 3: the realm", "line 4:", "line 5:", "line 6:", "line 7:", "line 8: this user has"} {
		require.ErrorContains(t, err, line)
	}
	require.NotContains(t, err.Error(), "line 1:")
	require.NotContains(t, err.Error(), "secret")
}
