// Package resolver finds where a SIP URI leads, as RFC 3263 says: NAPTR, SRV, A and AAAA records, with what is
// remembered of them. It answers from the last known answer while no name server does. It knows nothing of calls; who
// asks it waits, so nobody asks it on a call's way.
package resolver

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// ErrAbsent is a name that exists nowhere, or has no record that we could use: asking again soon is of no use.
var ErrAbsent = errors.New("no address found")

// Query is what of a URI decides where it leads.
type Query struct {
	Host      string // a name or a literal address
	Port      uint16 // 0: not named
	Transport string // the transport parameter, lower-case; "" when there is none
	Secure    bool   // a sips URI
}

// Hop is one address to try.
type Hop struct {
	Transport string // lower-case
	netip.AddrPort
	Rank   int    // lower ones first
	Weight uint32 // the share that it gets among those of its rank; at least 1
}

// Answer is where a URI leads.
type Answer struct {
	Hops []Hop         // by rank
	Life time.Duration // how long that still holds; 0 for a literal address, which always does
}

// Config is what a Resolver is made of. Comments give the default, which the zero value means.
type Config struct {
	Servers    []netip.AddrPort // name servers; those of ResolvConf
	Transports []string         // what we speak, in order of preference; udp
	Families   []Family         // what we can send by, in order of preference; IPv4
	MinTTL     time.Duration    // no answer, and no failure, is kept for less; 5s
	MaxTTL     time.Duration    // no answer is kept for longer; 1h
	ResolvConf string           // /etc/resolv.conf
	Hosts      string           // /etc/hosts
}

// Family is an IP version.
type Family uint8

// The families.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

const (
	maxNames   = 4096            // answers that are remembered: hosts in URIs may be anybody's words
	maxHops    = 32              // addresses of one answer
	lookupTime = 8 * time.Second // for all the questions of one look-up together
)

// Resolver looks names up and remembers the answers. All methods may be called from any goroutine.
type Resolver struct {
	Config
	life   context.Context // ends look-ups that nobody waits for any more
	flight singleflight.Group

	mu    sync.Mutex
	known map[Query]remembered
}

// remembered is the last answer to a query. One that has run out is kept for the time that no name server answers.
type remembered struct {
	Answer
	err   error // of the last look-up
	until time.Time
}

// New makes a resolver whose look-ups end with life.
func New(life context.Context, c Config) *Resolver {
	if len(c.Transports) == 0 {
		c.Transports = []string{"udp"}
	}
	if len(c.Families) == 0 {
		c.Families = []Family{IPv4}
	}
	if c.MinTTL <= 0 {
		c.MinTTL = 5 * time.Second
	}
	if c.MaxTTL <= 0 {
		c.MaxTTL = time.Hour
	}
	if c.ResolvConf == "" {
		c.ResolvConf = "/etc/resolv.conf"
	}
	if c.Hosts == "" {
		c.Hosts = "/etc/hosts"
	}
	return &Resolver{Config: c, life: life, known: map[Query]remembered{}}
}

// Locate is where q leads. When no name server answers, that is the last known answer together with an error; an
// answer without hops always comes with one.
func (r *Resolver) Locate(ctx context.Context, q Query) (Answer, error) {
	if h, ok := Literal(q); ok {
		return Answer{Hops: []Hop{h}}, nil
	}
	if k, fresh := r.recall(q); fresh {
		return k.Answer, k.err
	}
	done := r.flight.DoChan(fmt.Sprint(q), func() (any, error) { return r.ask(q), nil })
	select {
	case found := <-done:
		k, _ := found.Val.(remembered)
		return k.Answer, k.err
	case <-ctx.Done():
		k, _ := r.recall(q)
		return k.Answer, fmt.Errorf("look up %s: %w", q.Host, ctx.Err())
	}
}

// ask looks q up and remembers the outcome. What a name server sent costs this look-up and no more.
func (r *Resolver) ask(q Query) (k remembered) {
	defer func() {
		if v := recover(); v != nil {
			k = r.remember(q, Answer{}, fmt.Errorf("look up %s: a fault in the resolver, please report it: %v", q.Host, v))
		}
	}()
	ctx, stop := context.WithTimeout(r.life, lookupTime)
	defer stop()
	a, err := r.locate(ctx, q)
	return r.remember(q, a, err)
}

// Literal answers for a host that is an address already (RFC 3263 §4.1 and §4.2: no NAPTR, no SRV); ok is false for a
// name. Whether we speak that transport is not asked.
func Literal(q Query) (h Hop, ok bool) {
	ip, err := netip.ParseAddr(q.Host)
	if err != nil {
		return Hop{}, false
	}
	s := service{transport: q.Transport, port: 5060}
	for _, known := range services {
		if known.serves(q) { // the first is UDP, and TLS for sips
			s = known
			break
		}
	}
	return Hop{s.transport, netip.AddrPortFrom(ip.Unmap(), s.portOf(q)), 0, 1}, true
}

// recall is what is known of q, and whether it still holds.
func (r *Resolver) recall(q Query) (remembered, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, ok := r.known[q]
	k.Life = time.Until(k.until)
	return k, ok && k.Life > 0
}

// remember keeps a look-up's outcome. After a failure the last answer stays, to be asked for anew after MinTTL.
func (r *Resolver) remember(q Query, a Answer, err error) remembered {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := remembered{Answer: a, err: err}
	if err != nil {
		k.Answer = r.known[q].Answer
	}
	k.Life = max(a.Life, r.MinTTL)
	k.until = time.Now().Add(k.Life)
	if _, known := r.known[q]; !known && len(r.known) >= maxNames {
		r.forgetOne()
	}
	r.known[q] = k
	return k
}

// forgetOne makes room: one that has run out if a few looks find one, else any.
func (r *Resolver) forgetOne() {
	now, looks := time.Now(), 0
	var victim Query
	for q, k := range r.known {
		victim = q
		if looks++; now.After(k.until) || looks == 16 {
			break
		}
	}
	delete(r.known, victim)
}
