package transport

import (
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// atOnce is how many datagrams one system call takes while many wait, and how many must have waited before it does: a
// reader that keeps up has nothing to gain from it.
const atOnce = 16

// maxDatagram is more than UDP can carry, bytes.
const maxDatagram = 1 << 16

// drain is a recvmmsg of the reader: in a flood the way into the kernel and back costs more than to find out that there
// is no room for what was read. It is made when it is needed first.
type drain struct {
	headers [atOnce]header
	vectors [atOnce]unix.Iovec
	from    [atOnce]sockaddr
	got     int // headers that hold datagrams
	next    int // the first of these that was not handed out yet
	errno   syscall.Errno
	empty   bool // the socket was
	try     func(fd uintptr) (done bool)
}

// header is struct mmsghdr.
type header struct {
	unix.Msghdr
	length uint32
}

func newDrain() *drain {
	d := &drain{}
	d.try = d.once
	memory := make([]byte, atOnce*maxDatagram)
	for i := range d.headers {
		d.vectors[i].Base = &memory[i*maxDatagram]
		d.vectors[i].SetLen(maxDatagram)
		d.headers[i].Name = (*byte)(unsafe.Pointer(&d.from[i]))
		d.headers[i].Namelen = uint32(unsafe.Sizeof(d.from[i])) // the kernel makes it what a socket of this family has
		d.headers[i].Iov = &d.vectors[i]
		d.headers[i].SetIovlen(1)
	}
	return d
}

func (d *drain) once(fd uintptr) bool {
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&d.headers)), atOnce, 0, 0, 0)
		if errno == syscall.EINTR {
			continue
		}
		d.got, d.errno = int(n), errno
		if errno != 0 {
			d.got = 0
		}
		if errno == syscall.EAGAIN {
			d.empty = true
			return false
		}
		return true
	}
}

// waits says whether a datagram is there without another system call.
func (d *drain) waits() bool { return d != nil && d.next < d.got }

// take hands out the next one.
func (d *drain) take() ([]byte, netip.AddrPort) {
	i := d.next
	d.next++
	return unsafe.Slice(d.vectors[i].Base, d.headers[i].length), d.from[i].addrPort()
}

// readMany is read for a socket in which many wait.
func (s *datagramSocket) readMany() ([]byte, netip.AddrPort, error) {
	if s.drain == nil {
		s.drain = newDrain()
	}
	d := s.drain
	d.next, d.got, d.empty = 0, 0, false
	if err := s.raw.Read(d.try); err != nil {
		return nil, netip.AddrPort{}, err
	}
	if d.errno != 0 {
		return nil, netip.AddrPort{}, os.NewSyscallError("recvmmsg", d.errno)
	}
	if d.empty { // the reader has caught up
		s.waited = 0
	}
	data, from := d.take()
	return data, from, nil
}
