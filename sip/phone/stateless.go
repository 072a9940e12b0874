package phone

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// forward passes a request to where its extension is, RFC 3261 §16.6 as §16.11 leaves it.
func (p *PBX) forward(req *sip.Request) {
	b, ok := p.lookup(req.Recipient.User)
	if !ok {
		p.answer(req, sip.StatusNotFound, "Nobody Registered Here")
		return
	}
	hops := req.MaxForwards()
	if hops != nil && hops.Val() == 0 {
		p.answer(req, 483, phrase(483))
		return
	}
	out, err := p.outbound(req, b)
	if err != nil {
		p.answer(req, 480, phrase(480))
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialTime)
	defer cancel()
	conn, err := p.layer.ClientRequestConnection(ctx, out)
	if err != nil {
		p.answer(req, 480, phrase(480))
		return
	}
	defer func() { _, _ = conn.TryClose() }()
	_ = conn.WriteMsg(out)
}

// outbound builds the copy that is sent on: to the binding's Contact, by the way of its Path.
func (p *PBX) outbound(req *sip.Request, b binding) (*sip.Request, error) {
	next := b.contact
	if len(b.path) > 0 {
		next = sip.Uri{}
		if _, err := sip.ParseAddressValue(b.path[0], &next, &sip.HeaderParams{}); err != nil {
			return nil, err
		}
	}
	if net.ParseIP(strings.Trim(next.Host, "[]")) == nil {
		return nil, fmt.Errorf("next hop %q is a name, and a read loop that asks the DNS reads nothing else meanwhile", next.Host)
	}
	network := next.UriParams.GetOr("transport", "udp")
	out := req.Clone()
	out.Recipient = *b.contact.Clone()
	hops := sip.MaxForwardsHeader(70)
	if old := req.MaxForwards(); old != nil {
		hops = sip.MaxForwardsHeader(old.Val() - 1)
	}
	out.RemoveHeader("Max-Forwards") // Clone shares it with the request that came
	out.AppendHeader(&hops)
	for _, v := range slices.Backward(b.path) {
		out.PrependHeader(sip.NewHeader("Route", v))
	}
	host, port, _ := net.SplitHostPort(p.line.address())
	number, _ := strconv.Atoi(port)
	via := &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: sip.NetworkToUpper(network), Host: host, Port: number}
	via.Params.Add("branch", p.branch(req))
	via.Params.Add("rport", "")
	out.PrependHeader(via)
	p.line.send(out, network, hostPort(next))
	return out, nil
}

// branch is the same for every repetition of a request, and for the CANCEL and the ACK that belong to an INVITE,
// RFC 3261 §16.11: it is made of the branch that came, which is the same in all of them.
func (p *PBX) branch(req *sip.Request) string {
	via := req.Via()
	return sip.RFC3261BranchMagicCookie + digest(via.Params.GetOr("branch", ""), via.SentBy(), req.CallID().Value(), p.line.address())
}

// response takes our Via off and passes the response on, RFC 3261 §16.7 steps 3 and 9, without any state.
func (p *PBX) response(res *sip.Response) {
	host, port, _ := net.SplitHostPort(p.line.address())
	top := res.Via()
	if top == nil || top.Host != host || strconv.Itoa(top.Port) != port {
		return // not ours: §16.7-3 lets nothing else through
	}
	res.RemoveHeader("Via")
	if res.Via() == nil {
		return
	}
	p.send(res)
}

// setReceived notes where a request came from, so that the way back needs no memory: RFC 3261 §18.2.1, RFC 3581 §4.
func setReceived(via *sip.ViaHeader, source string) {
	host, port, err := net.SplitHostPort(source)
	if err != nil {
		return
	}
	via.Params.Add("received", host)
	if via.Params.Has("rport") || sip.IsReliable(via.Transport) {
		via.Params.Add("rport", port)
	}
}

// sender is where a response to this Via goes, RFC 3261 §18.2.2.
func sender(via *sip.ViaHeader) string {
	host := via.Params.GetOr("received", via.Host)
	if port := via.Params.GetOr("rport", ""); port != "" {
		return net.JoinHostPort(host, port)
	}
	if via.Port == 0 {
		return net.JoinHostPort(host, strconv.Itoa(sip.DefaultUdpPort))
	}
	return net.JoinHostPort(host, strconv.Itoa(via.Port))
}

// digest makes a short token of its parts, the same for the same parts.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:10])
}
