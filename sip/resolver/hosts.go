package resolver

import (
	"bufio"
	"net/netip"
	"os"
	"strings"
)

// hostsFile are the addresses that a hosts(5) file gives a name. A file that cannot be read names nobody.
func hostsFile(path, host string) (ips []netip.Addr) {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	host = strings.TrimSuffix(host, ".")
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		ip, err := netip.ParseAddr(fields[0])
		if err != nil {
			continue
		}
		for _, name := range fields[1:] {
			if strings.EqualFold(name, host) {
				ips = append(ips, ip.Unmap())
			}
		}
	}
	return ips
}
