package proxy

import (
	"hash/maphash"
	"net/netip"
	"time"

	"github.com/ringfence/ringfence/sip/guard"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transaction"
	"github.com/ringfence/ringfence/sip/transport"
)

// Malformed answers what the strict reader refused; transport.Handler's other half. No state: it is cheap to provoke.
func (p *Proxy) Malformed(m *message.Message, from transport.Source, fault *message.Fault) {
	p.Metrics.Response(m.Method, fault.Code)
	p.logMalformed(from, fault)
	p.Transport.Reply(from, message.AppendAnswer(nil, m, message.Answer{
		Status: fault.Code, Phrase: fault.Phrase, ToTag: transaction.NewTag(), Source: from.AddrPort,
	}), nil)
}

// logMalformed names the header that is at fault and nothing that the message says.
func (p *Proxy) logMalformed(from transport.Source, fault *message.Fault) {
	e := p.Log.Debug()
	if !e.Enabled() {
		return
	}
	leftOut, ok := p.garbled.line(p.loop, from.Addr(), time.Now())
	if !ok {
		e.Discard()
		return
	}
	if leftOut > 0 {
		e.Int("lines_left_out", leftOut)
	}
	e.Str("from", from.String()).Str("fault", fault.Detail).Int("status", fault.Code).Msg("malformed request")
}

// lineLimit lets each source have its lines in the log. Sources share a fixed number of places, so that no number of them
// takes memory; two that share one share its lines.
type lineLimit [256]guard.Lines

// line says whether a line about from may be written now, and how many were left out before it.
func (l *lineLimit) line(seed maphash.Seed, from netip.Addr, now time.Time) (leftOut int, ok bool) {
	return l[maphash.Comparable(seed, from)%uint64(len(l))].Take(now)
}
