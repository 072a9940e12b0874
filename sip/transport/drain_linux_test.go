package transport

import (
	"bytes"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Datagrams that have waited come out whole, in their order, and from whom they are, whether one system call took one of
// them or many.
func TestDatagramSocketTakesManyAtOnce(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		to := listenDatagrams(t, host)
		senders := []*datagramSocket{listenDatagrams(t, host), listenDatagrams(t, host)}
		const many = 5*atOnce + 3
		text := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 37*i%1500) } // 0: one is empty
		for i := range many {
			require.NoError(t, senders[i%2].write(text(i), addrPortOf(to)))
		}
		for i := range many {
			data, from, err := to.read()
			require.NoError(t, err)
			require.Equal(t, text(i), append([]byte{}, data...), "%d", i)
			require.Equal(t, addrPortOf(senders[i%2]), from, "%d", i)
			require.True(t, to.queued(), "%d waited for its reader", i)
		}
		require.NotNil(t, to.drain, "a system call for each of %d", many)
		assert.Zero(t, to.drain.got-to.drain.next)

		// The reader comes before the datagram: it has caught up, and is back to one at a time.
		for tries := 0; to.queued(); tries++ {
			require.Less(t, tries, 1000)
			time.AfterFunc(time.Millisecond, func() { _ = senders[0].write([]byte("late"), addrPortOf(to)) })
			data, _, err := to.read()
			require.NoError(t, err)
			require.Equal(t, "late", string(data))
		}
	}
}

// An error ends a reader that takes many as it ends one that takes one.
func TestDatagramSocketThatTakesManyEnds(t *testing.T) {
	s := listenDatagrams(t, "127.0.0.1")
	s.waited = atOnce
	raw := s.raw
	s.raw = noSocket{raw}
	_, _, err := s.read()
	require.ErrorIs(t, err, unix.EBADF)
	s.raw = raw
	require.NoError(t, s.Close())
	_, _, err = s.read()
	require.ErrorContains(t, err, "use of closed network connection")
}

// noSocket is a connection whose descriptor is none.
type noSocket struct{ syscall.RawConn }

func (noSocket) Read(f func(fd uintptr) bool) error {
	f(^uintptr(0))
	return nil
}
