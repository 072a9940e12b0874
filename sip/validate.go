package sip

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/answer"
	"github.com/ringfence/ringfence/sip/identity"
	"github.com/ringfence/ringfence/sip/message"
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
	set(&c.Timers.Trying, 150*time.Millisecond)
	c.Limits.setDefaults()
	set(&c.DNS.MinTTL, 5*time.Second)
	set(&c.DNS.MaxTTL, time.Hour)
	set(&c.DNS.Penalty, 30*time.Second)
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
	for _, e := range c.TLS.validate(c.listensOn(transport.TLS) || c.listensOn(transport.WSS)) {
		bad("sip.tls."+e.key, e.err)
	}
	for _, e := range c.WebSocket.validate() {
		bad("sip.websocket."+e.key, e.err)
	}
	if len(c.Peers) == 0 {
		bad("sip.peers", errors.New("missing; without a peer nobody may send calls"))
	}
	profiles := c.profiles("")
	for i, p := range c.Peers {
		for _, e := range append(p.validate(profiles), c.provable(p)...) {
			bad(fmt.Sprintf("sip.peers[%d].%s", i, e.key), e.err)
		}
	}
	errs = append(errs, profiles.Validate(), c.Card.Validate())
	if len(c.Trunks) == 0 {
		bad("sip.trunks", errors.New("missing; allowed calls have nowhere to go"))
	}
	for i, t := range c.Trunks {
		for _, e := range append(t.validate(), c.reachable("uri", t.URI)...) {
			bad(fmt.Sprintf("sip.trunks[%d].%s", i, e.key), e.err)
		}
	}
	for _, e := range c.Digest.validate() {
		bad("sip.digest."+e.key, e.err)
	}
	c.Limits.setDefaults()
	for _, e := range c.Limits.validate() {
		bad("sip.limits."+e.key, e.err)
	}
	if _, err := regexp.Compile(c.Extensions.Pattern); err != nil {
		bad("sip.extensions.pattern", err)
	}
	switch {
	case c.Extensions.URI != "":
		if _, _, err := target(c.Extensions.URI); err != nil {
			bad("sip.extensions.uri", err)
		}
		for _, e := range c.reachable("uri", c.Extensions.URI) {
			bad("sip.extensions."+e.key, e.err)
		}
	case c.Extensions.Pattern != "":
		bad("sip.extensions.uri", errors.New("missing; extensions.pattern says which numbers are internal, but not where they ring"))
	}
	for _, e := range c.DNS.validate() {
		bad("sip.dns."+e.key, e.err)
	}
	return errors.Join(errs...)
}

type keyError struct {
	key string
	err error
}

func (p Peer) validate(profiles answer.Profiles) (errs []keyError) {
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
	if _, err := profiles.Named(p.Answers); err != nil {
		errs = append(errs, keyError{"answers", err})
	} else if profiles.NeedsCard(p.Answers) && profiles.Card == "" {
		errs = append(errs, keyError{"answers", errors.New("608 points callers to a card (RFC 8688 §3.1): say where it is in sip.card.url")})
	}
	return append(errs, p.validateMode()...)
}

// provable says what is missing for the peer's reps to prove who they are.
func (c Config) provable(p Peer) []keyError {
	switch {
	case p.Identity == "certificate" && c.TLS.files().Clients == transport.NoClientCertificate:
		return []keyError{{"identity", errors.New("certificate needs sip.tls.client_certificates: optional or required, else nobody is asked for one")}}
	case p.Identity == "flow" && c.Extensions.URI == "":
		return []keyError{{"identity", errors.New("flow needs extensions.uri: without a registrar nobody can register")}}
	}
	return nil
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
	if t.Ping != 0 && t.Ping < Duration(time.Second) {
		errs = append(errs, keyError{"ping", fmt.Errorf("%v is too often: use 1s or more, or leave it out", t.Ping)})
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

// listensOn says whether there is a listener of that protocol.
func (c Config) listensOn(p transport.Protocol) bool {
	return slices.ContainsFunc(c.Listen, func(l string) bool {
		a, err := parseListen(l)
		return err == nil && a.Protocol == p
	})
}

// reachable: over TLS we send as one of our listeners, by which the other side comes back.
func (c Config) reachable(key, uri string) []keyError {
	_, p, err := target(uri)
	if err == nil && p == transport.TLS && !c.listensOn(p) {
		return []keyError{{key, errors.New("goes over TLS, and nothing listens there: add tls://ADDRESS:5061 to sip.listen")}}
	}
	return nil
}

// target reads "sip:host[:port][;transport=udp|tcp|tls]".
func target(uri string) (message.URI, transport.Protocol, error) {
	u, err := message.ParseURI([]byte(uri))
	if err != nil || u.Scheme != "sip" || len(u.User) > 0 || len(u.Headers) > 0 {
		return u, 0, fmt.Errorf("%q is not of the form sip:HOST:PORT;transport=udp", uri)
	}
	name, ok := u.Param("transport")
	if !ok {
		return u, transport.UDP, nil
	}
	p, err := transport.ParseProtocol(string(name))
	if err != nil || p.Web() { // over WebSockets others come to us
		return u, 0, fmt.Errorf("%q: transport is udp, tcp or tls", uri)
	}
	return u, p, nil
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
	fixed("sip.websocket.origins", slices.Equal(c.WebSocket.Origins, next.WebSocket.Origins))
	fixed("sip.advertise", c.Advertise == next.Advertise)
	fixed("sip.secret_file", c.SecretFile == next.SecretFile)
	fixed("sip.timers", c.Timers == next.Timers)
	fixed("sip.card", c.Card == next.Card)
	fixed("sip.limits, but for rate, burst, ban and trusted,", c.Limits.same(&next.Limits))
	fixed("sip.dns", c.DNS.same(next.DNS))
	return errors.Join(errs...)
}
