package sip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/proxy"
	"github.com/ringfence/ringfence/sip/resolver"
	"github.com/ringfence/ringfence/sip/transport"
)

// DNS is how names are looked up, and what becomes of an address that fails. Comments give the default.
type DNS struct {
	Servers []string `yaml:"servers"` // ADDRESS or ADDRESS:PORT of name servers; those of /etc/resolv.conf
	MinTTL  Duration `yaml:"min_ttl"` // 5s: no answer is kept for less, and a name that cannot be found is asked for so often
	MaxTTL  Duration `yaml:"max_ttl"` // 1h: no answer is kept for longer
	Penalty Duration `yaml:"penalty"` // 30s: how long an address that did not answer comes after the others
}

func (d DNS) validate() (errs []keyError) {
	for i, s := range d.Servers {
		if _, err := nameServer(s); err != nil {
			errs = append(errs, keyError{fmt.Sprintf("servers[%d]", i), err})
		}
	}
	d = Config{DNS: d}.withDefaults().DNS
	if d.MinTTL < 0 || d.MinTTL > d.MaxTTL {
		errs = append(errs, keyError{"min_ttl", fmt.Errorf("%v is not between 0 and max_ttl, %v", d.MinTTL, d.MaxTTL)})
	}
	if d.Penalty < 0 {
		errs = append(errs, keyError{"penalty", errors.New("it is negative")})
	}
	return errs
}

func (d DNS) same(other DNS) bool {
	return slices.Equal(d.Servers, other.Servers) && d.MinTTL == other.MinTTL && d.MaxTTL == other.MaxTTL && d.Penalty == other.Penalty
}

// nameServer reads an address with or without a port.
func nameServer(s string) (netip.AddrPort, error) {
	if ip, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(ip, 53), nil
	}
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		return a, fmt.Errorf("%q is neither an address nor ADDRESS:PORT", s)
	}
	return a, nil
}

// resolver makes the one resolver of a server. What it may answer with is what we have listeners for, in their order.
func (c Config) resolver(life context.Context) *resolver.Resolver {
	cfg := resolver.Config{MinTTL: c.DNS.MinTTL.Std(), MaxTTL: c.DNS.MaxTTL.Std()}
	for _, s := range c.DNS.Servers {
		if a, err := nameServer(s); err == nil {
			cfg.Servers = append(cfg.Servers, a)
		}
	}
	for _, l := range c.Listen {
		a, err := parseListen(l)
		if err != nil || a.Protocol.Web() { // browsers connect, and are not connected to
			continue
		}
		if t := strings.ToLower(a.Protocol.String()); !slices.Contains(cfg.Transports, t) {
			cfg.Transports = append(cfg.Transports, t)
		}
		family := resolver.IPv4
		if a.Addr().Is6() {
			family = resolver.IPv6
		}
		if !slices.Contains(cfg.Families, family) {
			cfg.Families = append(cfg.Families, family)
		}
	}
	return resolver.New(life, cfg)
}

// queryOf is what of a URI decides where it leads.
func queryOf(u message.URI) resolver.Query {
	q := resolver.Query{Host: strings.ToLower(string(u.Host)), Port: u.Port, Secure: u.Scheme == "sips"}
	if t, ok := u.Param("transport"); ok {
		q.Transport = strings.ToLower(string(t))
	}
	return q
}

// hops are an answer in the proxy's words. Over TLS it is still the host that must prove itself (RFC 5922 §7.1), not what
// its records name.
func hops(host string, a resolver.Answer) (all []proxy.Hop) {
	for _, h := range a.Hops {
		if p, err := transport.ParseProtocol(h.Transport); err == nil {
			to := transport.Address{Protocol: p, AddrPort: h.AddrPort}.Named(host)
			all = append(all, proxy.Hop{Address: to, Rank: h.Rank, Weight: h.Weight})
		}
	}
	return all
}
