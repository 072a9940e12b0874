package sip

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/answer"
	"github.com/ringfence/ringfence/sip/identity"
	"github.com/ringfence/ringfence/sip/proxy"
	"github.com/ringfence/ringfence/sip/resolver"
	"github.com/ringfence/ringfence/sip/transport"
)

// lookup gives the addresses behind a target's URI.
type lookup func(target string, q resolver.Query) *proxy.Addresses

// routing makes what the proxy routes by.
func (c Config) routing(language string, log zerolog.Logger, at lookup) (_ *proxy.Routing, err error) {
	r := &proxy.Routing{Trusted: c.Limits.trusted()}
	profiles := c.profiles(language)
	if r.Realm, err = c.realm(log); err != nil {
		return nil, err
	}
	for i, p := range c.Peers {
		peer := p.resolve(profiles)
		if err := p.resolveMode(&peer, language, at); err != nil {
			return nil, fmt.Errorf("sip.peers[%d].announcement: %w", i, err)
		}
		peer.Limit = c.Limits.limitOf(&p)
		r.Limited = r.Limited || peer.Limit != nil
		r.Peers = append(r.Peers, peer)
	}
	for i, t := range c.Trunks {
		to, err := resolve(t.Name, t.URI, at)
		if err != nil {
			return nil, fmt.Errorf("sip.trunks[%d].uri: %w", i, err)
		}
		priority := t.Priority
		if priority == 0 {
			priority = i + 1
		}
		r.Trunks = append(r.Trunks, proxy.Trunk{
			Target: to, Priority: priority, Number: proxy.Notation(max(0, slices.Index(notations, t.Number))), Trusted: t.Trusted, Ping: t.Ping.Std(),
		})
	}
	slices.SortStableFunc(r.Trunks, func(a, b proxy.Trunk) int { return a.Priority - b.Priority })
	if c.Extensions.URI != "" {
		to, err := resolve("extensions", c.Extensions.URI, at)
		if err != nil {
			return nil, fmt.Errorf("sip.extensions.uri: %w", err)
		}
		r.Extensions = &to
	}
	return r, nil
}

// profiles are the answers that peers may name, in a language.
func (c Config) profiles(language string) answer.Profiles {
	return answer.Profiles{Custom: c.Answers, Language: language, Card: c.Card.URL}
}

// issuer serves the card of answer profile 608; nil when another server does, or nobody.
func (c Config) issuer(log zerolog.Logger) (*answer.Issuer, error) {
	if !c.Card.Served() {
		return nil, nil
	}
	i, err := answer.NewIssuer(c.Card)
	if err != nil {
		return nil, err
	}
	if err := i.Check(time.Now()); err != nil {
		log.Warn().Err(err).Msg("refusals point to a card that nobody can fetch")
	}
	return i, nil
}

func (p Peer) resolve(profiles answer.Profiles) proxy.Peer {
	out := proxy.Peer{Name: p.Name}
	out.Plan, _ = gate.NewDialplan(p.Dialplan)
	out.Identity, _ = identity.Parse(p.Identity)
	if profile, err := profiles.Named(p.Answers); err == nil {
		out.Profile = &proxy.Profile{Profile: profile}
	}
	for _, f := range p.From {
		if pre, err := prefix(f); err == nil {
			out.From = append(out.From, pre)
		}
	}
	return out
}

// resolve makes a target of its URI.
func resolve(name, uri string, at lookup) (proxy.Target, error) {
	u, _, err := target(uri)
	if err != nil {
		return proxy.Target{}, err
	}
	q := queryOf(u)
	t := proxy.Target{Name: name, Host: q.Host, Addresses: at(name, q)}
	if q.Transport != "" {
		t.Protocol, _ = transport.ParseProtocol(q.Transport)
	}
	if h, ok := resolver.Literal(q); ok {
		t.Host = h.AddrPort.String()
	} else if q.Port != 0 {
		t.Host = net.JoinHostPort(q.Host, strconv.Itoa(int(q.Port)))
	}
	return t, nil
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
