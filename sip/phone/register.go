package phone

import (
	"context"
	"fmt"

	"github.com/emiago/sipgo/sip"
)

// registrationTime is how long a registration is asked to last, in seconds.
const registrationTime = 86400

// Register tells the registrar behind the proxy where this phone is, RFC 3261 §10.2.
func (p *Phone) Register(ctx context.Context) error {
	self := p.self()
	recipient := sip.Uri{Scheme: "sip", Host: self.Host}
	req := p.request(sip.REGISTER, recipient, self, self)
	expires := sip.ExpiresHeader(registrationTime)
	req.AppendHeader(p.contact(""))
	req.AppendHeader(&expires)
	req.AppendHeader(sip.NewHeader("Supported", "path")) // RFC 3327 §5.1
	res, err := p.do(ctx, req)
	if err != nil {
		return fmt.Errorf("phone %s: REGISTER to %s: %w", p.cfg.User, req.Destination(), err)
	}
	if !res.IsSuccess() {
		return fmt.Errorf("phone %s: REGISTER to %s was answered %d %s", p.cfg.User, req.Destination(), res.StatusCode, res.Reason)
	}
	return nil
}
