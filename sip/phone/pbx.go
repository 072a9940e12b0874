package phone

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// PBX is a registrar (RFC 3261 §10) with a stateless proxy (§16.11): it remembers where extensions are and passes calls
// on to them, through the proxies that their REGISTER named in Path (RFC 3327). It keeps nothing of a call; whoever
// sends to it repeats what was lost. A stateless proxy cannot fork, so of several devices the one that registered last
// rings.
type PBX struct {
	layer *sip.TransportLayer
	line  *line

	open   sync.RWMutex // held while a message is dealt with, so that none opens a socket after Close
	closed bool

	mu       sync.Mutex
	bindings map[string]binding // by user part of the address of record
	changed  chan struct{}      // closed and replaced with every REGISTER that changed something
}

// NewPBX starts a PBX on host:port, UDP and TCP; port 0: the kernel chooses.
func NewPBX(address string) (*PBX, error) {
	line, err := bind(address)
	if err != nil {
		return nil, fmt.Errorf("pbx: %w", err)
	}
	p := &PBX{line: line, bindings: map[string]binding{}, changed: make(chan struct{})}
	p.layer = sip.NewTransportLayer(nil, sip.NewParser(sip.WithHeadersParsers(transparent())), nil,
		sip.WithTransportLayerLogger(quiet))
	// This runs in the read loop, one message after the other: that keeps a CANCEL behind its INVITE.
	p.layer.OnMessage(func(m sip.Message) {
		p.open.RLock()
		defer p.open.RUnlock()
		if p.closed {
			return
		}
		switch m := m.(type) {
		case *sip.Request:
			p.request(m)
		case *sip.Response:
			p.response(m)
		}
	})
	p.line.serve(p.layer)
	return p, nil
}

// transparent leaves Contact, Route and the like as they came: sipgo would lose some of their parameters in writing
// them again. It parses them when asked.
func transparent() map[string]sip.HeaderParser {
	parsers := map[string]sip.HeaderParser{}
	all := sip.DefaultHeadersParser()
	for _, name := range []string{"via", "v", "from", "f", "to", "t", "call-id", "i", "cseq", "max-forwards", "content-length", "l"} {
		if parse, ok := all[name]; ok {
			parsers[name] = parse
		}
	}
	return parsers
}

// Address is the host:port the PBX listens on, for UDP and TCP alike.
func (p *PBX) Address() string { return p.line.address() }

// Close ends the PBX. No goroutine is left.
func (p *PBX) Close() error {
	p.open.Lock()
	done := p.closed
	p.closed = true
	p.open.Unlock()
	if done {
		return nil
	}
	return errors.Join(p.layer.Close(), p.line.close())
}

// request is everything the PBX does with one.
func (p *PBX) request(req *sip.Request) {
	via := req.Via()
	if via == nil || req.From() == nil || req.To() == nil || req.CallID() == nil || req.CSeq() == nil {
		return // nothing can be answered without these
	}
	setReceived(via, req.Source())
	toUs := req.Recipient.User == ""
	switch {
	case req.Method == sip.REGISTER:
		p.register(req)
	case toUs && req.Method == sip.OPTIONS:
		p.answer(req, sip.StatusOK, "OK")
	default:
		p.forward(req)
	}
}

// answer answers statelessly, RFC 3261 §8.2.7: the To-tag is the same however often the request comes.
func (p *PBX) answer(req *sip.Request, status int, phrase string, headers ...sip.Header) {
	if req.IsAck() {
		return
	}
	if !req.To().Params.Has("tag") {
		req.To().Params.Add("tag", digest(req.CallID().Value(), tagOf(req.From().Params)))
	}
	res := sip.NewResponseFromRequest(req, status, phrase, nil)
	for _, h := range headers {
		res.AppendHeader(h)
	}
	p.send(res)
}

// send passes a response to whoever its topmost Via names. What cannot be sent is lost, as on any network.
func (p *PBX) send(res *sip.Response) {
	network, destination := res.Via().Transport, sender(res.Via())
	if !sip.IsReliable(network) {
		destination = p.line.address() // sipgo finds our socket by its own address; where to send is in the response
	}
	conn, err := p.layer.GetConnection(network, destination)
	if err != nil {
		return
	}
	defer func() { _, _ = conn.TryClose() }()
	res.SetTransport(sip.NetworkToUpper(network))
	res.SetDestination(sender(res.Via()))
	_ = conn.WriteMsg(res)
}

// WaitRegistered waits until all of these extensions are registered.
func (p *PBX) WaitRegistered(ctx context.Context, extensions ...string) error {
	for {
		p.mu.Lock()
		missing := ""
		for _, x := range extensions {
			if b, ok := p.bindings[x]; !ok || !b.expires.After(time.Now()) {
				missing = x
			}
		}
		changed := p.changed
		p.mu.Unlock()
		if missing == "" {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("pbx: extension %s has not registered: %w", missing, ctx.Err())
		}
	}
}
