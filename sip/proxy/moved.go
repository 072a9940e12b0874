package proxy

import (
	"strconv"
	"strings"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// redirect is RFC 3261 §8.3: it answers where the call is to go, in the order of preference.
func (p *Proxy) redirect(rc *responseContext, in *inbound, d *gate.Decision) {
	r := p.routing.Load()
	to := contacts{sips: in.uri.Scheme == "sips" && d.Reason != gate.Emergency}
	switch internal := d.Call.Dialled.Kind == gate.Extension; {
	case internal && r.Extensions == nil:
		rc.answer(refusal{Status: 404, Phrase: "No extensions here"})
		return
	case internal:
		to.add(r.Extensions, r.Extensions.uri(d.Call.Dialled.Local), 1000)
	case d.Verdict == gate.Redirect && (d.Extension == "" || r.Extensions == nil):
		*d = d.Blocked()
		p.block(rc, d)
		return
	case d.Verdict == gate.Redirect: // to the owner, whose customer it is
		to.add(r.Extensions, r.Extensions.uri(d.Extension), 1000)
	default:
		groups := r.groups()
		for i, group := range groups { // trunks of one priority have the same q
			for _, t := range group {
				to.add(&t.Target, t.requestURI(p.Gate, &d.Call.Dialled), 1000*(len(groups)-i)/len(groups))
			}
		}
	}
	if to.lines.Len() == 0 {
		p.Gate.Forgo(d.Reservation)
		rc.answer(notSecured)
		return
	}
	rc.answer(refusal{Status: 302, Phrase: "Moved Temporarily", Headers: to.lines.String() + expires(d, rc.peer.Lease) + reasonHeader(d.Reason)})
}

// expires lets the caller use the Contacts again while the number is reserved for it; without it they hold for this one
// call (§21.3.3). So there is none when nothing is reserved, or when nobody knows since when.
func expires(d *gate.Decision, lease time.Duration) string {
	if !d.Reservation.Held() || d.Degraded || d.Repeated {
		return ""
	}
	return "Expires: " + strconv.Itoa(int(lease/time.Second)) + "\r\n"
}

// contacts are the Contact lines of a 302.
type contacts struct {
	sips  bool // the call came as sips, and is to stay so (RFC 5630 §5.3)
	lines strings.Builder
}

// add writes one Contact, unless the call would go to it in the clear and must not. q is in thousandths (§20.10).
func (c *contacts) add(t *Target, uri []byte, q int) {
	if c.sips {
		if !t.first().Protocol.Secure() {
			return
		}
		uri = sipsOf(uri)
	}
	value := "1.0"
	if q < 1000 {
		value = "0." + strconv.Itoa(1000 + q)[1:]
	}
	c.lines.WriteString("Contact: <" + string(uri) + ">;q=" + value + "\r\n")
}
