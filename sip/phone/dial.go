package phone

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// Call dials target, a number as a rep types it or a whole sip:, sips:, tel: or urn: URI. When somebody answers it
// keeps the call up for Config.Talk, or until the other side hangs up, and ends it. When ctx ends before the answer
// the call is cancelled. An outcome comes with every final response; the error says why there was none.
func (p *Phone) Call(ctx context.Context, target string) (*Outcome, error) {
	c, err := p.Dial(ctx, target)
	if err != nil {
		return nil, err
	}
	o, err := c.Wait(ctx)
	if err != nil {
		return o, err
	}
	if !o.Answered() {
		return o, nil
	}
	return c.talk(ctx, p.cfg.Talk)
}

// Dial sends the INVITE and returns without waiting for an answer.
func (p *Phone) Dial(ctx context.Context, target string) (*Call, error) {
	uri, err := p.target(target)
	if err != nil {
		return nil, err
	}
	if !p.enter() {
		return nil, fmt.Errorf("phone %s cannot dial: %w", p.cfg.User, errClosed)
	}
	c := newCall(p, p.invite(uri))
	dialling, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	defer context.AfterFunc(p.life, cancel)()
	c.tx, err = p.client.TransactionRequest(dialling, c.request, asBuilt)
	if err != nil {
		p.busy.Done()
		return nil, fmt.Errorf("phone %s cannot send its INVITE to %s: %w", p.cfg.User, c.request.Destination(), err)
	}
	go c.run()
	return c, nil
}

// target makes a Request-URI of what was dialled.
func (p *Phone) target(dialled string) (sip.Uri, error) {
	var uri sip.Uri
	scheme, _, found := strings.Cut(dialled, ":")
	switch strings.ToLower(scheme) {
	case "sip", "sips", "tel", "urn":
		if !found {
			break
		}
		if err := sip.ParseUri(dialled, &uri); err != nil {
			return uri, fmt.Errorf("cannot dial %q: %w", dialled, err)
		}
		return uri, nil
	}
	host := p.domain()
	return sip.Uri{Scheme: "sip", User: escapeUser(dialled), Host: host}, nil
}

// escapeUser percent-escapes what RFC 3261 §25.1 does not allow in a user part, as a phone does with "(212) 555 #1".
func escapeUser(s string) string {
	const allowed = "-_.!~*'()&=+$,;?/"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.IndexByte(allowed, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// invite builds an INVITE outside a dialog, RFC 3261 §8.1.1 and §13.2.1.
func (p *Phone) invite(uri sip.Uri) *sip.Request {
	req := p.request(sip.INVITE, uri, uri, p.self())
	req.AppendHeader(p.contact(""))
	req.AppendHeader(sip.NewHeader("Allow", allow))
	req.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	req.SetBody(offer(p.domain()))
	return req
}

// allow lists the methods a phone understands.
const allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE"

// request builds a request outside a dialog, addressed to the proxy when there is one.
func (p *Phone) request(method sip.RequestMethod, recipient, to, from sip.Uri) *sip.Request {
	req := sip.NewRequest(method, recipient)
	callID := sip.CallIDHeader(rand.Text())
	maxForwards := sip.MaxForwardsHeader(70)
	f := &sip.FromHeader{DisplayName: quotable(p.cfg.Display), Address: from}
	f.Params.Add("tag", rand.Text())
	req.AppendHeader(&maxForwards)
	req.AppendHeader(f)
	req.AppendHeader(&sip.ToHeader{Address: to})
	req.AppendHeader(&callID)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: 1, MethodName: method})
	req.AppendHeader(sip.NewHeader("User-Agent", "Ringfence phone"))
	p.line.send(req, p.cfg.Transport, p.nextHop(recipient))
	req.SetBody(nil)
	return req
}

// nextHop is where a request outside a dialog goes: the proxy, or the host that was dialled.
func (p *Phone) nextHop(recipient sip.Uri) string {
	if p.cfg.Proxy != "" {
		return p.cfg.Proxy
	}
	return hostPort(recipient)
}

func hostPort(uri sip.Uri) string {
	if uri.Port == 0 {
		return fmt.Sprintf("%s:%d", uri.Host, sip.DefaultUdpPort)
	}
	return uri.HostPort()
}

// asBuilt sends a request as it stands: only the Via is still missing.
func asBuilt(c *sipgo.Client, r *sip.Request) error {
	if r.Via() != nil {
		return nil
	}
	return sipgo.ClientRequestAddVia(c, r)
}

// unescape shows a user part as a person would write it.
func unescape(user string) string {
	if s, err := url.PathUnescape(user); err == nil {
		return s
	}
	return user
}
