package transport

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// datagramSocket is a UDP socket whose system calls the Go scheduler is not told of. They never block, since the socket
// is non-blocking and the poller waits for it; told of them, the scheduler wakes its monitor thread for each burst of
// work, which then looks round every 20 µs: a fifth of the CPU at 300 calls/s, a tenth at 2,000.
type datagramSocket struct {
	*net.UDPConn
	raw     syscall.RawConn
	receive receive
	drain   *drain // nil until many have waited
	waited  int    // datagrams that were read one after another and had to wait for the reader
	send    send
}

func newDatagramSocket(c *net.UDPConn) (*datagramSocket, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &datagramSocket{UDPConn: c, raw: raw}
	s.receive.buf = make([]byte, maxDatagram)
	s.receive.try, s.send.try = s.receive.once, s.send.once
	s.age() // the first question turns the kernel's clock on
	return s, nil
}

// receive is one recvfrom of the reader, of which there is one.
type receive struct {
	buf   []byte
	n     int
	from  sockaddr
	empty bool // the socket was, before this datagram came
	errno syscall.Errno
	try   func(fd uintptr) (done bool)
}

func (r *receive) once(fd uintptr) bool {
	for {
		size := uint32(unsafe.Sizeof(r.from))
		n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&r.buf[0])), uintptr(len(r.buf)),
			0, uintptr(unsafe.Pointer(&r.from)), uintptr(unsafe.Pointer(&size)))
		if errno == syscall.EINTR {
			continue
		}
		r.n, r.errno = int(n), errno
		if errno == syscall.EAGAIN {
			r.empty = true
			return false
		}
		return true
	}
}

// read waits for a datagram. What it returns is good until read is called again.
func (s *datagramSocket) read() ([]byte, netip.AddrPort, error) {
	switch {
	case s.drain.waits():
		data, from := s.drain.take()
		return data, from, nil
	case s.waited >= atOnce:
		return s.readMany()
	}
	r := &s.receive
	r.empty = false
	if err := s.raw.Read(r.try); err != nil {
		return nil, netip.AddrPort{}, err
	}
	if r.errno != 0 {
		return nil, netip.AddrPort{}, os.NewSyscallError("recvfrom", r.errno)
	}
	s.waited++
	if r.empty {
		s.waited = 0
	}
	return r.buf[:r.n], r.from.addrPort(), nil
}

// queued says whether the datagram that was read last had to wait for the reader.
func (s *datagramSocket) queued() bool { return s.waited > 0 }

// age is how long ago the kernel received the datagram that was read last. The kernel notes that of every one, at no cost
// that could be measured; asking for it is a system call, which costs a third of reading the datagram. (A control message
// with each datagram, SO_TIMESTAMPNS, would cost half of that with every one.)
func (s *datagramSocket) age() (age time.Duration) {
	_ = s.raw.Control(func(fd uintptr) {
		var at unix.Timespec
		_, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, fd, unix.SIOCGSTAMPNS, uintptr(unsafe.Pointer(&at)))
		if errno == 0 {
			age = max(0, time.Duration(time.Now().UnixNano()-at.Nano()))
		}
	})
	return age
}

// used is how much of the room for datagrams that wait is taken, as a share of it (sock_diag(7), SK_MEMINFO).
func (s *datagramSocket) used() (share float64) {
	_ = s.raw.Control(func(fd uintptr) {
		const allocated, room, fields = 0, 1, 9
		var info [fields]uint32
		size := uint32(unsafe.Sizeof(info))
		_, _, errno := syscall.RawSyscall6(syscall.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		if errno == 0 && info[room] > 0 {
			share = float64(info[allocated]) / float64(info[room])
		}
	})
	return share
}

// send is one sendto; senders take turns, as they do inside the kernel.
type send struct {
	mu    sync.Mutex
	b     []byte
	to    sockaddr
	size  uintptr // bytes of to
	errno syscall.Errno
	try   func(fd uintptr) (done bool)
}

func (w *send) once(fd uintptr) bool {
	for {
		_, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(w.b))), uintptr(len(w.b)),
			0, uintptr(unsafe.Pointer(&w.to)), w.size)
		if errno == syscall.EINTR {
			continue
		}
		w.errno = errno
		return errno != syscall.EAGAIN
	}
}

// write hands b to the kernel, as WriteToUDPAddrPort does: it waits only while the send buffer is full.
func (s *datagramSocket) write(b []byte, to netip.AddrPort) error {
	if to.Addr().Zone() != "" { // its name must be looked up
		_, err := s.WriteToUDPAddrPort(b, to)
		return err
	}
	w := &s.send
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b, w.size = b, w.to.set(to)
	err := s.raw.Write(w.try)
	w.b = nil
	if err == nil && w.errno != 0 {
		err = os.NewSyscallError("sendto", w.errno)
	}
	return err
}

// sockaddr is struct sockaddr_in or sockaddr_in6, whichever its first field says.
type sockaddr struct{ unix.RawSockaddrInet6 }

func (a *sockaddr) inet4() *unix.RawSockaddrInet4 {
	return (*unix.RawSockaddrInet4)(unsafe.Pointer(&a.RawSockaddrInet6))
}

// port is in network order in both, at the same place.
func (a *sockaddr) port() []byte { return (*[2]byte)(unsafe.Pointer(&a.Port))[:] }

func (a *sockaddr) addrPort() netip.AddrPort {
	port := binary.BigEndian.Uint16(a.port())
	if a.Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4(a.inet4().Addr), port)
	}
	ip := netip.AddrFrom16(a.Addr)
	if a.Scope_id != 0 {
		ip = ip.WithZone(strconv.FormatUint(uint64(a.Scope_id), 10))
	}
	return netip.AddrPortFrom(ip, port)
}

// set writes ap, which has no zone, and returns the size of what it wrote.
func (a *sockaddr) set(ap netip.AddrPort) uintptr {
	a.RawSockaddrInet6 = unix.RawSockaddrInet6{}
	binary.BigEndian.PutUint16(a.port(), ap.Port())
	if ap.Addr().Is4() {
		v4 := a.inet4()
		v4.Family, v4.Addr = unix.AF_INET, ap.Addr().As4()
		return unsafe.Sizeof(*v4)
	}
	a.Family, a.Addr = unix.AF_INET6, ap.Addr().As16()
	return unsafe.Sizeof(a.RawSockaddrInet6)
}
