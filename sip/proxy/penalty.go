package proxy

import (
	"bytes"
	"strconv"
	"time"

	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

// maxRetryAfter is the longest that a target is spared because it asks to be.
const maxRetryAfter = 5 * time.Minute

// retryAfter is what a response's Retry-After asks for (RFC 3261 §20.33); 0 when it has none that can be read.
func retryAfter(m *message.Message) time.Duration {
	v, _ := m.Get(message.RetryAfter)
	end := bytes.IndexFunc(v, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(v)
	}
	seconds, err := strconv.ParseUint(string(v[:end]), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// penalise puts the address that is being tried behind the others of its target.
func (b *branch) penalise(wait time.Duration, asked bool) {
	if b.hops != nil && b.rc.m != nil { // out goes with m
		b.rc.p.penalise(b.out.at, b.hops.all[b.hop].Address, wait, asked)
	}
}

// answers notes that something came back: whoever failed before does not fail now.
func (b *branch) answers() {
	if b.heard {
		return
	}
	b.heard = true
	if b.hops != nil && b.rc.m != nil {
		b.rc.p.lift(b.out.at, b.hops.all[b.hop].Address)
	}
}

func (p *Proxy) penalise(t *Target, a transport.Address, wait time.Duration, asked bool) {
	if wait <= 0 || !t.penalise(a, time.Now().Add(wait), asked) {
		return
	}
	why := "it does not answer"
	if asked {
		why = "it says that it is overloaded"
	}
	p.Log.Warn().Str("target", t.Name).Str("address", a.String()).Stringer("for", wait).Str("why", why).
		Msg("an address comes after the others for a while")
}

func (p *Proxy) lift(t *Target, a transport.Address) {
	if t.lift(a) {
		p.Log.Info().Str("target", t.Name).Str("address", a.String()).Msg("an address answers again")
	}
}
