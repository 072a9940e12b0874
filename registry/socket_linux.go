package registry

import (
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"
)

// quiet makes c read and write by system calls that the Go scheduler is not told of. They never block, since the socket
// is non-blocking and the poller waits for it; told of them, the scheduler wakes its monitor thread for each burst of
// work, which then looks round every 20 µs. sip/transport does the same and says what it gains.
func quiet(c net.Conn) net.Conn {
	s, ok := c.(syscall.Conn)
	if !ok {
		return c // TLS
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return c
	}
	q := &quietConn{Conn: c, raw: raw}
	q.reading.try, q.writing.try = q.reading.read, q.writing.write
	return q
}

// quietConn is a connection with one reader and one writer at a time, which is how the client uses one.
type quietConn struct {
	net.Conn
	raw              syscall.RawConn
	reading, writing transfer
}

// transfer is one system call's way in and out.
type transfer struct {
	b     []byte
	n     int
	errno syscall.Errno
	try   func(fd uintptr) (done bool)
}

func (t *transfer) read(fd uintptr) bool  { return t.call(syscall.SYS_READ, fd) }
func (t *transfer) write(fd uintptr) bool { return t.call(syscall.SYS_WRITE, fd) }

func (t *transfer) call(number, fd uintptr) bool {
	for {
		n, _, errno := syscall.RawSyscall(number, fd, uintptr(unsafe.Pointer(unsafe.SliceData(t.b))), uintptr(len(t.b)))
		if errno == syscall.EINTR {
			continue
		}
		t.n, t.errno = int(n), errno
		return errno != syscall.EAGAIN
	}
}

// Read is net.Conn's.
func (q *quietConn) Read(b []byte) (int, error) {
	t := &q.reading
	t.b = b
	err := q.raw.Read(t.try)
	t.b = nil
	switch {
	case err != nil:
		return 0, err
	case t.errno != 0:
		return 0, os.NewSyscallError("read", t.errno)
	case t.n == 0 && len(b) > 0:
		return 0, io.EOF
	}
	return t.n, nil
}

// Write is net.Conn's.
func (q *quietConn) Write(b []byte) (written int, err error) {
	t := &q.writing
	for written < len(b) {
		t.b = b[written:]
		err := q.raw.Write(t.try)
		t.b = nil
		switch {
		case err != nil:
			return written, err
		case t.errno != 0:
			return written, os.NewSyscallError("write", t.errno)
		}
		written += t.n
	}
	return written, nil
}

// SyscallConn is for the client's look at a connection before it uses it.
func (q *quietConn) SyscallConn() (syscall.RawConn, error) { return peeked{q.raw}, nil }

// peeked answers that look, whether anything unasked has come or the server has gone, quietly too: look is only called
// when there is something to see.
type peeked struct{ syscall.RawConn }

// Read is syscall.RawConn's.
func (p peeked) Read(look func(fd uintptr) bool) error {
	return p.RawConn.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b)), 1,
			syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
		return errno == syscall.EAGAIN || look(fd)
	})
}
