package sip

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/identity"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/proxy"
	"github.com/ringfence/ringfence/sip/transport"
)

// Duration is gate's, for the keys of this package.
type Duration = gate.Duration

func (c Config) withDefaults() Config {
	set := func(d *Duration, v time.Duration) {
		if *d == 0 {
			*d = Duration(v)
		}
	}
	set(&c.Timers.T1, 500*time.Millisecond)
	set(&c.Timers.TimerC, 190*time.Second)
	set(&c.Timers.NoAnswer, 5*time.Second)
	set(&c.Timers.Trying, 20*time.Millisecond)
	return c
}

// Validate names every mistake by its key. It asks no one: names of hosts are looked up when the server starts.
func (c Config) Validate() error {
	var errs []error
	bad := func(key string, err error) { errs = append(errs, fmt.Errorf("%s: %w", key, err)) }
	if len(c.Listen) == 0 {
		bad("sip.listen", errors.New("missing; where should the gate listen? For example [udp://0.0.0.0:5060]"))
	}
	for i, l := range c.Listen {
		if _, err := parseListen(l); err != nil {
			bad(fmt.Sprintf("sip.listen[%d]", i), err)
		}
	}
	if len(c.Peers) == 0 {
		bad("sip.peers", errors.New("missing; without a peer nobody may send calls"))
	}
	for i, p := range c.Peers {
		for _, e := range p.validate() {
			bad(fmt.Sprintf("sip.peers[%d].%s", i, e.key), e.err)
		}
	}
	if len(c.Trunks) == 0 {
		bad("sip.trunks", errors.New("missing; allowed calls have nowhere to go"))
	}
	for i, t := range c.Trunks {
		for _, e := range t.validate() {
			bad(fmt.Sprintf("sip.trunks[%d].%s", i, e.key), e.err)
		}
	}
	if _, err := regexp.Compile(c.Extensions.Pattern); err != nil {
		bad("sip.extensions.pattern", err)
	}
	switch {
	case c.Extensions.URI != "":
		if _, _, err := target(c.Extensions.URI); err != nil {
			bad("sip.extensions.uri", err)
		}
	case c.Extensions.Pattern != "":
		bad("sip.extensions.uri", errors.New("missing; extensions.pattern says which numbers are internal, but not where they ring"))
	}
	return errors.Join(errs...)
}

type keyError struct {
	key string
	err error
}

func (p Peer) validate() (errs []keyError) {
	if p.Name == "" {
		errs = append(errs, keyError{"name", errors.New("missing")})
	}
	if len(p.From) == 0 {
		errs = append(errs, keyError{"from", errors.New("missing; which addresses does this peer send from?")})
	}
	for i, f := range p.From {
		if _, err := prefix(f); err != nil {
			errs = append(errs, keyError{fmt.Sprintf("from[%d]", i), err})
		}
	}
	if _, err := identity.Parse(p.Identity); err != nil {
		errs = append(errs, keyError{"identity", err})
	}
	if _, err := gate.NewDialplan(p.Dialplan); err != nil {
		errs = append(errs, keyError{"dialplan", err})
	}
	if _, ok := proxy.NewProfile(p.Answers, ""); !ok {
		errs = append(errs, keyError{"answers", fmt.Errorf("unknown profile %q: use phone", p.Answers)})
	}
	return errs
}

func (t Trunk) validate() (errs []keyError) {
	if t.Name == "" {
		errs = append(errs, keyError{"name", errors.New("missing")})
	}
	if _, _, err := target(t.URI); err != nil {
		errs = append(errs, keyError{"uri", err})
	}
	if !slices.Contains(notations, t.Number) && t.Number != "" {
		errs = append(errs, keyError{"number", fmt.Errorf("unknown notation %q: use %s", t.Number, strings.Join(notations, ", "))})
	}
	return errs
}

// notations in the order of proxy.Notation.
var notations = []string{"e164", "digits", "national"}

func prefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("%q is neither an address nor a CIDR block such as 10.0.0.0/8", s)
	}
	return p.Masked(), nil
}

// target reads "sip:host[:port][;transport=udp|tcp]".
func target(uri string) (message.URI, transport.Protocol, error) {
	u, err := message.ParseURI([]byte(uri))
	if err != nil || u.Scheme != "sip" || len(u.User) > 0 || len(u.Headers) > 0 {
		return u, 0, fmt.Errorf("%q is not of the form sip:HOST:PORT;transport=udp", uri)
	}
	name, ok := u.Param("transport")
	if !ok {
		return u, transport.UDP, nil
	}
	p, err := transport.ParseProtocol(strings.ToUpper(string(name)))
	if err != nil {
		return u, 0, fmt.Errorf("%q: transport is udp or tcp", uri)
	}
	return u, p, nil
}

// routing looks the hosts up and makes what the proxy routes by.
func (c Config) routing(language string) (*proxy.Routing, error) {
	r := &proxy.Routing{}
	for _, p := range c.Peers {
		r.Peers = append(r.Peers, p.resolve(language))
	}
	for i, t := range c.Trunks {
		at, err := resolve(t.Name, t.URI)
		if err != nil {
			return nil, fmt.Errorf("sip.trunks[%d].uri: %w", i, err)
		}
		priority := t.Priority
		if priority == 0 {
			priority = i + 1
		}
		r.Trunks = append(r.Trunks, proxy.Trunk{Target: at, Priority: priority, Number: proxy.Notation(max(0, slices.Index(notations, t.Number)))})
	}
	slices.SortStableFunc(r.Trunks, func(a, b proxy.Trunk) int { return a.Priority - b.Priority })
	if c.Extensions.URI != "" {
		at, err := resolve("extensions", c.Extensions.URI)
		if err != nil {
			return nil, fmt.Errorf("sip.extensions.uri: %w", err)
		}
		r.Extensions = &at
	}
	return r, nil
}

func (p Peer) resolve(language string) proxy.Peer {
	out := proxy.Peer{Name: p.Name}
	out.Plan, _ = gate.NewDialplan(p.Dialplan)
	out.Identity, _ = identity.Parse(p.Identity)
	out.Profile, _ = proxy.NewProfile(p.Answers, language)
	for _, f := range p.From {
		if pre, err := prefix(f); err == nil {
			out.From = append(out.From, pre)
		}
	}
	return out
}

// resolve finds a target's address; a name is looked up once, now.
func resolve(name, uri string) (proxy.Target, error) {
	u, proto, err := target(uri)
	if err != nil {
		return proxy.Target{}, err
	}
	port := u.Port
	if port == 0 {
		port = 5060
	}
	host := string(u.Host)
	ip, err := netip.ParseAddr(host)
	if err != nil {
		ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
		defer stop()
		found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil || len(found) == 0 {
			return proxy.Target{}, fmt.Errorf("%s has no address (%w): write the address itself or mend the name service", host, err)
		}
		ip = found[0]
	}
	return proxy.Target{
		Name: name, Host: net.JoinHostPort(host, strconv.Itoa(int(port))),
		Address: transport.Address{Protocol: proto, AddrPort: netip.AddrPortFrom(ip.Unmap(), port)},
	}, nil
}

// keys reads secret_file: one key a line, newest first, hexadecimal or any text of 16 bytes and more.
func (c Config) keys(log zerolog.Logger) (*proxy.Keys, error) {
	if c.SecretFile == "" {
		log.Warn().Msg("sip.secret_file is not set: Record-Route is signed with a key that a restart forgets, and that no other gate knows")
		key := make([]byte, 32)
		_, _ = rand.Read(key)
		return proxy.NewKeys(key)
	}
	content, err := os.ReadFile(c.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("sip.secret_file: %w", err)
	}
	var secrets [][]byte
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if b, err := hex.DecodeString(line); err == nil {
			secrets = append(secrets, b)
			continue
		}
		secrets = append(secrets, []byte(line))
	}
	k, err := proxy.NewKeys(secrets...)
	if err != nil {
		return nil, fmt.Errorf("sip.secret_file: %w", err)
	}
	return k, nil
}

// sameStatic names what a reload cannot change.
func (c Config) sameStatic(next Config) error {
	var errs []error
	fixed := func(key string, same bool) {
		if !same {
			errs = append(errs, fmt.Errorf("%s cannot change while the gate runs: restart it", key))
		}
	}
	fixed("sip.listen", slices.Equal(c.Listen, next.Listen))
	fixed("sip.advertise", c.Advertise == next.Advertise)
	fixed("sip.secret_file", c.SecretFile == next.SecretFile)
	fixed("sip.timers", c.Timers == next.Timers)
	return errors.Join(errs...)
}
