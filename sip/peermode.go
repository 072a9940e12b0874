package sip

import (
	"fmt"
	"strconv"
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
	mode, ok := proxy.ParseMode(p.Mode)
	if !ok {
		errs = append(errs, keyError{"mode", fmt.Errorf("unknown mode %q: use %s", p.Mode, strings.Join(proxy.ModeNames(), ", "))})
	}
	if d := time.Duration(p.Lease); p.Lease != 0 && (d < shortestLease || d > longestLease) {
		errs = append(errs, keyError{"lease", fmt.Errorf("%s is out of range; allowed are %s to %s", p.Lease, Duration(shortestLease), Duration(longestLease))})
	}
	if p.Announcement == "" {
		return errs
	}
	if _, err := proxy.ParseAnnouncement(p.Announcement); err != nil {
		errs = append(errs, keyError{"announcement", err})
	} else if ok && !mode.Carries() {
		errs = append(errs, keyError{"announcement", fmt.Errorf("in mode %s the gate carries no call that could hear one: leave it out, or use mode proxy", p.Mode)})
	}
	return errs
}

// resolveMode puts a valid peer's mode into out and looks the announcement's host up.
func (p Peer) resolveMode(out *proxy.Peer, language string, at lookup) error {
	out.Mode, _ = proxy.ParseMode(p.Mode)
	out.Notify = p.Notify
	if out.Lease = time.Duration(p.Lease); out.Lease == 0 {
		out.Lease = defaultLease
	}
	if p.Announcement == "" {
		return nil
	}
	u, err := proxy.ParseAnnouncement(p.Announcement)
	if err != nil {
		return err
	}
	where := "sip:" + string(u.Host)
	if strings.Contains(string(u.Host), ":") {
		where = "sip:[" + string(u.Host) + "]"
	}
	if u.Port != 0 {
		where += ":" + strconv.Itoa(int(u.Port))
	}
	if name, ok := u.Param("transport"); ok {
		where += ";transport=" + string(name)
	}
	to, err := resolve("announcement", where, at)
	if err != nil {
		return err
	}
	out.Announcement = &proxy.Announcement{Target: to, Template: p.Announcement, Language: language}
	return nil
}
