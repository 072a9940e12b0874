package registry

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// quietPair is a quiet connection and its other end.
func quietPair(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	at := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", at)
	require.NoError(t, err)
	defer l.Close()
	c, err := net.Dial("unix", at)
	require.NoError(t, err)
	theirs, err = l.Accept()
	require.NoError(t, err)
	ours = quiet(c)
	require.IsType(t, &quietConn{}, ours)
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return ours, theirs
}

func TestQuietConnCarriesWhatIsLargerThanTheKernelsBuffer(t *testing.T) {
	ours, theirs := quietPair(t)
	sent := bytes.Repeat([]byte("ringfence"), 1<<20)
	got := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(theirs)
		got <- b
	}()
	n, err := ours.Write(sent)
	require.NoError(t, err)
	require.Equal(t, len(sent), n)
	require.NoError(t, ours.Close())
	require.True(t, bytes.Equal(sent, <-got))
}

func TestQuietConnReads(t *testing.T) {
	ours, theirs := quietPair(t)
	_, err := theirs.Write([]byte("answer"))
	require.NoError(t, err)
	b := make([]byte, 4)
	n, err := ours.Read(b)
	require.NoError(t, err)
	require.Equal(t, "answ", string(b[:n]))
	n, err = ours.Read(b)
	require.NoError(t, err)
	require.Equal(t, "er", string(b[:n]))

	theirs.Close()
	_, err = ours.Read(b)
	require.ErrorIs(t, err, io.EOF)
	_, err = ours.Write(b)
	require.ErrorIs(t, err, syscall.EPIPE)
}

func TestQuietConnKeepsItsDeadlines(t *testing.T) {
	ours, _ := quietPair(t)
	require.NoError(t, ours.SetDeadline(time.Now().Add(time.Millisecond)))
	_, err := ours.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, ours.Close())
	_, err = ours.Read(make([]byte, 1))
	require.ErrorIs(t, err, net.ErrClosed)
}

// The client looks at each connection before it uses it: one that died meanwhile must not cost a call its decision.
func TestQuietConnShowsWhatCameUnasked(t *testing.T) {
	ours, theirs := quietPair(t)
	looked := func() bool {
		raw, err := ours.(syscall.Conn).SyscallConn()
		require.NoError(t, err)
		seen := false
		require.NoError(t, raw.Read(func(uintptr) bool { seen = true; return true }))
		return seen
	}
	require.False(t, looked())
	theirs.Close()
	require.True(t, looked(), "the end of the stream")
}
