package site

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// Ports handed to children come from below the range that Linux gives out by itself (32768 and up): a port that was free
// a moment ago is then not taken by some connection's local end before the child binds it.
const (
	firstPort = 10_000
	lastPort  = 32_000
)

// Several test processes run at once, and between looking at a port and the child's binding it another could take it.
// So each has a block of its own, claimed by listening on the block's first port for as long as the process lives.
const blockSize = 1000

var (
	block = sync.OnceValues(func() (claim net.Listener, err error) {
		for _, n := range rand.Perm((lastPort - firstPort) / blockSize) {
			if claim, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", firstPort+n*blockSize)); err == nil {
				return claim, nil
			}
		}
		return nil, fmt.Errorf("no block of ports is left for this test: %w", err)
	})
	nextPort atomic.Uint32
)

// FreeAddress finds a port that is free on host for UDP and TCP alike, so that a child may be told to listen there.
// Within one process no port is given twice in a row.
func FreeAddress(host netip.Addr) (netip.AddrPort, error) {
	claim, err := block()
	if err != nil {
		return netip.AddrPort{}, err
	}
	first := claim.Addr().(*net.TCPAddr).Port
	// A child that is forked meanwhile would hold the sockets opened here until it has become another program, and so keep
	// their port taken after they are closed.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	for range blockSize {
		port := uint32(first) + 1 + nextPort.Add(1)%(blockSize-1)
		at := netip.AddrPortFrom(host, uint16(port))
		tcp, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
		if err != nil {
			continue // taken for TCP
		}
		udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
		if err != nil {
			_ = tcp.Close() // taken for UDP: this one is of no use either
			continue
		}
		return at, errors.Join(tcp.Close(), udp.Close())
	}
	return netip.AddrPort{}, fmt.Errorf("no port on %v is free for UDP and TCP", host)
}

// Protocol is how a phone or trunk speaks SIP.
type Protocol string

// The protocols.
const (
	UDP Protocol = "udp"
	TCP Protocol = "tcp"
)

// tcpListen is the kernel's number for a socket that listens (include/net/tcp_states.h).
const tcpListen = "0A"

// listens says whether some process has bound a for p, without touching the socket.
func listens(p Protocol, a netip.AddrPort) bool {
	f, err := os.Open("/proc/net/" + string(p))
	if err != nil {
		return false
	}
	defer f.Close()
	b := a.Addr().As4()
	local := fmt.Sprintf("%02X%02X%02X%02X:%04X", b[3], b[2], b[1], b[0], a.Port())
	for lines := bufio.NewScanner(f); lines.Scan(); {
		// sl local_address rem_address st ...
		fields := strings.Fields(lines.Text())
		if len(fields) > 3 && fields[1] == local && (p == UDP || fields[3] == tcpListen) {
			return true
		}
	}
	return false
}
