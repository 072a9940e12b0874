package phone

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/emiago/sipgo/sip"
)

// legKey names a dialog as this phone sees it, RFC 3261 §12.
type legKey struct{ callID, local, remote string }

// dialog is what RFC 3261 §12.1 keeps of a call: enough to build every further request in it.
type dialog struct {
	key      legKey
	local    sip.FromHeader // ourselves, with our tag
	remote   sip.ToHeader   // the other side, with its tag
	target   sip.Uri        // the remote target: the other side's Contact
	routes   []string       // the route set, top first
	network  string         // what the INVITE came or went by
	invite   uint32         // CSeq number of the INVITE
	sequence atomic.Uint32  // CSeq number last used by us
}

var errNoContact = errors.New("it has no Contact")

// dialogOfCaller is the dialog that a response to our INVITE makes, RFC 3261 §12.1.2.
func dialogOfCaller(invite *sip.Request, res *sip.Response) (*dialog, error) {
	from, to, contact := invite.From(), res.To(), res.Contact()
	if to == nil || contact == nil {
		return nil, errNoContact
	}
	d := &dialog{
		local: *from, remote: *to, target: *contact.Address.Clone(),
		network: invite.Transport(), invite: invite.CSeq().SeqNo,
		routes: routeSet(res),
	}
	slices.Reverse(d.routes) // the proxy nearest to the callee wrote the top one
	d.sequence.Store(d.invite)
	d.key = legKey{invite.CallID().Value(), tagOf(from.Params), tagOf(to.Params)}
	return d, nil
}

// dialogOfCallee is the dialog that our answer to an INVITE makes, RFC 3261 §12.1.1. to carries our tag.
func dialogOfCallee(invite *sip.Request, to *sip.ToHeader) (*dialog, error) {
	from, contact := invite.From(), invite.Contact()
	if contact == nil {
		return nil, errNoContact
	}
	d := &dialog{
		local: to.AsFrom(), remote: from.AsTo(), target: *contact.Address.Clone(),
		network: invite.Transport(), invite: invite.CSeq().SeqNo,
		routes: routeSet(invite),
	}
	d.key = legKey{invite.CallID().Value(), tagOf(to.Params), tagOf(from.Params)}
	return d, nil
}

func tagOf(p sip.HeaderParams) string {
	tag, _ := p.Get("tag")
	return tag
}

// keyOf is the dialog that a request from the other side belongs to.
func keyOf(req *sip.Request) legKey {
	return legKey{req.CallID().Value(), tagOf(req.To().Params), tagOf(req.From().Params)}
}

// routeSet are the values of Record-Route in order, one name-addr each.
func routeSet(m sip.Message) []string {
	var routes []string
	for _, h := range m.GetHeaders("Record-Route") {
		routes = append(routes, splitAddresses(h.Value())...)
	}
	return routes
}

// splitAddresses cuts a list of name-addrs at the commas outside <> and quotes.
func splitAddresses(list string) []string {
	var parts []string
	start, quoted, angle := 0, false, false
	for i := range len(list) {
		switch c := list[i]; {
		case c == '"' && (i == 0 || list[i-1] != '\\'):
			quoted = !quoted
		case quoted:
		case c == '<' || c == '>':
			angle = c == '<'
		case c == ',' && !angle:
			parts = append(parts, strings.TrimSpace(list[start:i]))
			start = i + 1
		}
	}
	return append(parts, strings.TrimSpace(list[start:]))
}

// request builds a request within the dialog, RFC 3261 §12.2.1.1, and says where it goes. ACK takes the INVITE's number.
func (d *dialog) request(method sip.RequestMethod, l *line) (*sip.Request, error) {
	recipient, routes, next, err := d.path()
	if err != nil {
		return nil, err
	}
	number := d.invite
	if method != sip.ACK {
		number = d.sequence.Add(1)
	}
	req := sip.NewRequest(method, recipient)
	for _, r := range routes {
		req.AppendHeader(sip.NewHeader("Route", r))
	}
	callID, maxForwards := sip.CallIDHeader(d.key.callID), sip.MaxForwardsHeader(70)
	req.AppendHeader(&maxForwards)
	req.AppendHeader(sip.HeaderClone(&d.local))
	req.AppendHeader(sip.HeaderClone(&d.remote))
	req.AppendHeader(&callID)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: number, MethodName: method})
	network := d.network
	if t, ok := next.UriParams.Get("transport"); ok && t != "" {
		network = t
	} else if len(d.routes) > 0 {
		network = "udp" // RFC 3263 §4.1: a numeric sip: URI without a transport
	}
	l.send(req, network, hostPort(next))
	req.SetBody(nil)
	return req, nil
}

// path is the Request-URI, the Route header and the next hop of a request, RFC 3261 §12.2.1.1: through loose routers
// the target stays in the Request-URI; a strict one takes its place and the target moves to the end of the route.
func (d *dialog) path() (recipient sip.Uri, routes []string, next sip.Uri, err error) {
	if len(d.routes) == 0 {
		return d.target, nil, d.target, nil
	}
	if _, err := sip.ParseAddressValue(d.routes[0], &next, &sip.HeaderParams{}); err != nil {
		return recipient, nil, next, fmt.Errorf("route %q: %w", d.routes[0], err)
	}
	if next.UriParams.Has("lr") {
		return d.target, d.routes, next, nil
	}
	routes = append(slices.Clone(d.routes[1:]), "<"+d.target.String()+">")
	return next, routes, next, nil
}
