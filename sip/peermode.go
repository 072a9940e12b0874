package sip

import (
	"fmt"
	"strings"
	"time"

	"github.com/ringfence/ringfence/sip/proxy"
)

// defaultLease is long enough for a switch to set a call up and for somebody to answer it.
const defaultLease = 2 * time.Minute

// The bounds of sip.peers[].lease.
const (
	shortestLease = time.Second
	longestLease  = 4 * time.Hour
)

// validateMode holds a peer's mode and what goes with it to what they can be.
func (p Peer) validateMode() (errs []keyError) {
	if _, ok := proxy.ParseMode(p.Mode); !ok {
		errs = append(errs, keyError{"mode", fmt.Errorf("unknown mode %q: use %s", p.Mode, strings.Join(proxy.ModeNames(), ", "))})
	}
	if d := time.Duration(p.Lease); p.Lease != 0 && (d < shortestLease || d > longestLease) {
		errs = append(errs, keyError{"lease", fmt.Errorf("%s is out of range; allowed are %s to %s", p.Lease, Duration(shortestLease), Duration(longestLease))})
	}
	return errs
}

// resolveMode puts a valid peer's mode into out.
func (p Peer) resolveMode(out *proxy.Peer) {
	out.Mode, _ = proxy.ParseMode(p.Mode)
	if out.Lease = time.Duration(p.Lease); out.Lease == 0 {
		out.Lease = defaultLease
	}
}
