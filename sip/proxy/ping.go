package proxy

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/ringfence/ringfence/metrics"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transaction"
	"github.com/ringfence/ringfence/sip/transport"
)

// ping is one OPTIONS that asks an address of a target whether it is there (RFC 3261 §11). It is a client transaction of
// the gate's own, for nobody's request.
type ping struct {
	p      *Proxy
	target *Target
	at     transport.Address
	every  time.Duration
}

// Ping asks every address of t now, and then every so often, until ctx ends. What does not answer comes after the others
// until it does.
func (p *Proxy) Ping(ctx context.Context, l *transaction.Layer, t *Target, every time.Duration) {
	for {
		for _, h := range t.now().all {
			g := &ping{p, t, h.Address, every}
			g.send(l)
		}
		// A little earlier or later, so that the pings of many gates do not come together.
		timer := time.NewTimer(every - every/20 + rand.N(every/10+1))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

func (g *ping) send(l *transaction.Layer) {
	listener, sentBy, err := g.p.sentBy(g.at)
	if err != nil {
		g.failed()
		return
	}
	callID, branch := transaction.NewTag()+transaction.NewTag(), transaction.NewBranch()
	uri := string(g.target.uri(""))
	b := "OPTIONS " + uri + " SIP/2.0\r\n" +
		"Via: SIP/2.0/" + g.at.Protocol.String() + " " + sentBy + ";rport;branch=" + branch + "\r\n" +
		"Max-Forwards: 70\r\nFrom: <sip:ringfence@" + sentBy + ">;tag=" + transaction.NewTag() + "\r\nTo: <" + uri + ">\r\n" +
		"Call-ID: " + callID + "\r\nCSeq: 1 OPTIONS\r\nAccept: application/sdp\r\nContent-Length: 0\r\n\r\n"
	s := l.Shard([]byte(callID))
	s.Do(func() {
		s.Send(transaction.Request{
			Method: "OPTIONS", Branch: branch, Bytes: []byte(b), To: g.at, From: listener,
			Patience: min(g.p.Timers.NoAnswer, g.every), Context: g,
		})
	})
}

// received: any final response but 503 says that it is there and serves.
func (g *ping) received(m *message.Message) {
	switch {
	case m.Status < 200:
	case m.Status == 503:
		wait := retryAfter(m)
		if wait == 0 {
			wait = g.long()
		}
		g.p.penalise(g.target, g.at, min(wait, maxRetryAfter), true)
	default:
		g.p.lift(g.target, g.at)
	}
}

func (g *ping) failed() { g.p.penalise(g.target, g.at, g.long(), false) }

// long is until after the next ping has been answered, or not.
func (g *ping) long() time.Duration { return g.every + g.every/10 + g.p.Timers.NoAnswer }

// Trunks says of each trunk whether it can be used now, in order of priority.
func (p *Proxy) Trunks() (all []metrics.Trunk) {
	for _, t := range p.routing.Load().Trunks {
		all = append(all, metrics.Trunk{Name: t.Name, Up: t.now().usable()})
	}
	return all
}

// Reachable says whether any trunk has an address.
func (p *Proxy) Reachable() bool {
	for _, t := range p.routing.Load().Trunks {
		if t.Known() {
			return true
		}
	}
	return false
}
