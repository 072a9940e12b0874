package resolver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// locate is RFC 3263 §4 for a name. A name in the hosts file is its address, and no name server is asked.
func (r *Resolver) locate(ctx context.Context, q Query) (Answer, error) {
	if len(r.spoken(q)) == 0 {
		_, err := r.chosen(q)
		return Answer{}, err
	}
	if ips := hostsFile(r.Hosts, q.Host); len(ips) > 0 {
		s, _ := r.chosen(q)
		f := &finding{resolver: r, life: min(time.Minute, r.MaxTTL)} // the file may change
		f.add(srv{}, s, s.portOf(q), ips)
		return f.answer(q)
	}
	c, err := r.client(q.Host)
	if err != nil {
		return Answer{}, err
	}
	for _, name := range c.names {
		f := &finding{resolver: r, client: c, life: r.MaxTTL}
		if err := f.find(ctx, name, q); err != nil {
			return Answer{}, fmt.Errorf("look up %s: %w", q.Host, err)
		}
		if len(f.found) > 0 {
			return f.answer(q)
		}
	}
	return Answer{}, fmt.Errorf("%s: %w", q.Host, ErrAbsent)
}

// finding gathers the addresses of one name.
type finding struct {
	resolver *Resolver
	client   *client

	told  bool // there are SRV records, though perhaps none that leads anywhere
	mu    sync.Mutex
	life  time.Duration // the shortest of the records used
	found []found
}

type found struct {
	srv
	transport string
	at        netip.AddrPort
}

// srv is what an SRV record says of the order.
type srv struct{ priority, weight uint16 }

// find is RFC 3263 §4.1 and §4.2. An error means that somebody who would know did not answer: what was remembered is then
// better than going on with less.
func (f *finding) find(ctx context.Context, name string, q Query) error {
	if q.Port == 0 {
		if err := f.findServices(ctx, name, q); err != nil || f.told {
			return err
		}
	}
	s, err := f.resolver.chosen(q)
	if err != nil {
		return err
	}
	ips, err := f.addresses(ctx, name)
	f.add(srv{}, s, s.portOf(q), ips)
	return err
}

// findServices goes by NAPTR when neither port nor transport are named, and by SRV: the first service that has servers.
func (f *finding) findServices(ctx context.Context, name string, q Query) error {
	if q.Transport == "" {
		at, err := f.naptr(ctx, name, q)
		if err != nil {
			return err
		}
		for _, n := range at {
			if err := f.servers(ctx, n.domain, n.service); err != nil || len(f.found) > 0 {
				return err
			}
		}
	}
	for _, s := range f.resolver.spoken(q) {
		if err := f.servers(ctx, s.srv+"."+name, s); err != nil || len(f.found) > 0 {
			return err
		}
	}
	return nil
}

// pointer is a NAPTR record that we can follow: a service that we speak, and where its SRV records are.
type pointer struct {
	service service
	domain  string
}

// naptr are the name's NAPTR records by order and preference (RFC 3263 §4.1).
func (f *finding) naptr(ctx context.Context, name string, q Query) (at []pointer, err error) {
	records, err := f.ask(ctx, name, dns.TypeNAPTR)
	if err != nil {
		return nil, err
	}
	var all []*dns.NAPTR
	for _, rr := range records {
		if n, ok := rr.(*dns.NAPTR); ok && strings.EqualFold(n.Flags, "s") {
			all = append(all, n)
		}
	}
	slices.SortStableFunc(all, func(a, b *dns.NAPTR) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
	})
	for _, n := range all {
		for _, s := range f.resolver.spoken(q) {
			if strings.EqualFold(n.Service, s.naptr) {
				at = append(at, pointer{s, n.Replacement})
			}
		}
	}
	return at, nil
}

// servers are the addresses behind a service's SRV records (RFC 2782). The single target "." says that the domain has no
// such service, and the name's own address would have none either.
func (f *finding) servers(ctx context.Context, domain string, s service) error {
	records, err := f.ask(ctx, domain, dns.TypeSRV)
	if err != nil {
		return err
	}
	f.told = f.told || len(records) > 0
	var asked sync.WaitGroup
	errs := make([]error, min(len(records), maxHops))
	for i, rr := range records[:len(errs)] {
		record, ok := rr.(*dns.SRV)
		if !ok || record.Target == "." || record.Port == 0 {
			continue
		}
		asked.Go(func() {
			ips, err := f.addresses(ctx, record.Target)
			errs[i] = err
			f.add(srv{record.Priority, record.Weight}, s, record.Port, ips)
		})
	}
	asked.Wait()
	if err := errors.Join(errs...); err != nil && len(f.found) == 0 {
		return err
	} else if err != nil {
		f.life = 0 // some servers are known: use them, and ask for the others soon
	}
	return nil
}

// addresses are a host's A and AAAA records, of the families that we can send by.
func (f *finding) addresses(ctx context.Context, host string) (ips []netip.Addr, err error) {
	var errs []error
	for _, family := range f.resolver.Families {
		kind := dns.TypeA
		if family == IPv6 {
			kind = dns.TypeAAAA
		}
		records, err := f.ask(ctx, host, kind)
		errs = append(errs, err)
		for _, rr := range records {
			if ip, ok := addressOf(rr); ok {
				ips = append(ips, ip)
			}
		}
	}
	if len(ips) > 0 {
		return ips, nil
	}
	return nil, errors.Join(errs...)
}

func addressOf(rr dns.RR) (ip netip.Addr, ok bool) {
	switch a := rr.(type) {
	case *dns.A:
		ip, ok = netip.AddrFromSlice(a.A)
	case *dns.AAAA:
		ip, ok = netip.AddrFromSlice(a.AAAA)
	}
	// An address that nobody can be at is a fault of the zone or worse; calls are not to be sent to ourselves by it.
	return ip.Unmap(), ok && !ip.IsUnspecified() && !ip.IsMulticast()
}

// ask asks the name servers and notes how long the records hold.
func (f *finding) ask(ctx context.Context, name string, kind uint16) ([]dns.RR, error) {
	records, life, err := f.client.records(ctx, name, kind)
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(records) > 0 {
		f.life = min(f.life, life)
	}
	return records, err
}

func (f *finding) add(order srv, s service, port uint16, ips []netip.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, ip := range ips {
		if slices.Contains(f.resolver.Families, familyOf(ip)) {
			f.found = append(f.found, found{order, s.transport, netip.AddrPortFrom(ip, port)})
		}
	}
}

func familyOf(ip netip.Addr) Family {
	if ip.Is4() {
		return IPv4
	}
	return IPv6
}

// answer puts what was found into order: by priority, then by the family that we prefer, then by address, so that the
// same records always make the same answer.
func (f *finding) answer(q Query) (Answer, error) {
	if len(f.found) == 0 {
		return Answer{}, fmt.Errorf("%s: %w", q.Host, ErrAbsent)
	}
	family := func(a found) int { return slices.Index(f.resolver.Families, familyOf(a.at.Addr())) }
	level := func(a, b found) int {
		return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(family(a), family(b)))
	}
	slices.SortFunc(f.found, func(a, b found) int { return cmp.Or(level(a, b), a.at.Compare(b.at)) })
	f.found = slices.CompactFunc(f.found, func(a, b found) bool { return level(a, b) == 0 && a.at == b.at })
	f.found = f.found[:min(len(f.found), maxHops)]
	a := Answer{Life: f.life}
	rank := 0
	for i, h := range f.found {
		if i > 0 && level(f.found[i-1], h) != 0 {
			rank++
		}
		a.Hops = append(a.Hops, Hop{h.transport, h.at, rank, share(h.weight)})
	}
	return a, nil
}

// share makes a weight of 0 what RFC 2782 wants it to be among others: a very small chance.
func share(weight uint16) uint32 { return max(1, uint32(weight)*1000) }
