package resolver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	attempt     = time.Second // for one name server to answer, the first time; twice as long the second
	attempts    = 2           // rounds through the name servers
	datagram    = 1232        // bytes of an answer by UDP: what passes everywhere (DNS flag day 2020)
	maxServers  = 3           // as resolv.conf(5) has it
	aliasesMost = 8           // CNAMEs in a row
)

// client asks the name servers of one look-up.
type client struct {
	servers []string // ADDRESS:PORT
	names   []string // what the host stands for under resolv.conf's search list, fully qualified
}

// client reads resolv.conf anew for each look-up: networks change, and look-ups are rare.
func (r *Resolver) client(host string) (*client, error) {
	c := &client{}
	for _, s := range r.Servers {
		c.servers = append(c.servers, s.String())
	}
	conf, err := dns.ClientConfigFromFile(r.ResolvConf)
	switch {
	case err == nil:
	case os.IsNotExist(err):
		conf = &dns.ClientConfig{Ndots: 1}
	default:
		return nil, fmt.Errorf("%w: make it readable, or name the servers in sip.dns.servers", err)
	}
	if len(c.servers) == 0 {
		for _, s := range conf.Servers[:min(len(conf.Servers), maxServers)] {
			c.servers = append(c.servers, net.JoinHostPort(s, conf.Port))
		}
	}
	if len(c.servers) == 0 {
		return nil, fmt.Errorf("%s names no name server: name one there, or in sip.dns.servers", r.ResolvConf)
	}
	for _, n := range conf.NameList(strings.ToLower(host)) {
		if _, ok := dns.IsDomainName(n); ok {
			c.names = append(c.names, dns.Fqdn(n))
		}
	}
	return c, nil
}

// records are those of one kind that name has, CNAMEs followed, and how long they hold. That there are none is no error.
func (c *client) records(ctx context.Context, name string, kind uint16) (found []dns.RR, life time.Duration, err error) {
	if _, ok := dns.IsDomainName(name); !ok {
		return nil, 0, nil
	}
	name, seconds := dns.CanonicalName(name), ^uint32(0)
	for range aliasesMost {
		reply, err := c.exchange(ctx, name, kind)
		if err != nil {
			return nil, 0, err
		}
		found, alias := followed(reply.Answer, name, kind, &seconds)
		if len(found) > 0 || alias == name {
			return found, time.Duration(seconds) * time.Second, nil
		}
		name = alias
	}
	return nil, 0, nil
}

// followed are the records of one kind that an answer has for name or for what name is an alias of, and that alias.
func followed(answer []dns.RR, name string, kind uint16, seconds *uint32) (found []dns.RR, alias string) {
	for range aliasesMost {
		next := name
		for _, rr := range answer {
			h := rr.Header()
			if dns.CanonicalName(h.Name) != name {
				continue
			}
			if c, ok := rr.(*dns.CNAME); ok {
				next = dns.CanonicalName(c.Target)
			} else if h.Rrtype == kind {
				found = append(found, rr)
			} else {
				continue
			}
			*seconds = min(*seconds, h.Ttl)
		}
		if len(found) > 0 || next == name {
			break
		}
		name = next
	}
	return found, name
}

// exchange asks one name server after another, until one says what there is or that there is nothing.
func (c *client) exchange(ctx context.Context, name string, kind uint16) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.SetQuestion(name, kind)
	m.SetEdns0(datagram, false)
	var errs []error
	for round := range attempts {
		for _, server := range c.servers {
			reply, err := ask(ctx, m, server, attempt<<round)
			if err == nil {
				return reply, nil
			}
			errs = append(errs, fmt.Errorf("name server %s, %s %s: %w", server, name, dns.TypeToString[kind], err))
			if ctx.Err() != nil {
				return nil, errors.Join(errs...)
			}
		}
	}
	return nil, errors.Join(errs...)
}

// ask asks one name server, by TCP when its answer does not fit a datagram.
func ask(ctx context.Context, m *dns.Msg, server string, patience time.Duration) (*dns.Msg, error) {
	m.Id = dns.Id()
	for _, network := range []string{"udp", "tcp"} {
		within, stop := context.WithTimeout(ctx, patience)
		d := dns.Client{Net: network, Timeout: patience, UDPSize: datagram}
		reply, _, err := d.ExchangeContext(within, m, server)
		stop()
		switch {
		case reply != nil && reply.Truncated && network == "udp":
			continue
		case err != nil:
			return nil, err
		case len(reply.Question) != 1 || reply.Question[0] != m.Question[0]:
			return nil, errors.New("the answer is to another question")
		case reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError:
			return nil, fmt.Errorf("it says %s", dns.RcodeToString[reply.Rcode])
		}
		return reply, nil
	}
	return nil, errors.New("the answer is cut off even by TCP")
}
