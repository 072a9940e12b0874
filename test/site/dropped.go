package site

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// Dropped is how many datagrams the kernel has thrown away because the IPv4 UDP socket at a had no room for them
// (proc_net_udp(5), the column drops): those that nobody can say anything about but that they are lost.
func Dropped(a netip.AddrPort) (int, error) {
	table, err := os.ReadFile("/proc/net/udp")
	if err != nil {
		return 0, err
	}
	octets := a.Addr().As4()
	local := fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(octets[:]), a.Port())
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[1] == local {
			return strconv.Atoi(fields[len(fields)-1])
		}
	}
	return 0, fmt.Errorf("no UDP socket listens at %v", a)
}
