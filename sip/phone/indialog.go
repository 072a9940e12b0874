package phone

import (
	"github.com/emiago/sipgo/sip"
)

func (p *Phone) onAck(req *sip.Request, _ sip.ServerTransaction) {
	if l := p.leg(keyOf(req)); l != nil {
		l.confirm()
	}
}

func (p *Phone) onBye(req *sip.Request, tx sip.ServerTransaction) {
	l := p.leg(keyOf(req))
	if l == nil {
		respond(tx, sip.NewResponseFromRequest(req, 481, phrase(481), nil))
		return
	}
	respond(tx, sip.NewResponseFromRequest(req, sip.StatusOK, "OK", nil))
	l.end()
}

// reInvite accepts a new offer within a call, such as hold, RFC 3261 §14.2.
func (p *Phone) reInvite(req *sip.Request, tx sip.ServerTransaction) {
	l := p.leg(keyOf(req))
	if l == nil {
		respond(tx, sip.NewResponseFromRequest(req, 481, phrase(481), nil))
		return
	}
	res := sip.NewResponseFromRequest(req, sip.StatusOK, "OK", nil)
	res.AppendHeader(p.contact(l.dialog.local.Address.User))
	res.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	res.SetBody(answer(req.Body(), p.domain()))
	respond(tx, res)
}

// inDialog accepts what asks for nothing more than a 200 when the call exists.
func (p *Phone) inDialog(req *sip.Request, tx sip.ServerTransaction) {
	if p.leg(keyOf(req)) == nil {
		respond(tx, sip.NewResponseFromRequest(req, 481, phrase(481), nil))
		return
	}
	respond(tx, sip.NewResponseFromRequest(req, sip.StatusOK, "OK", nil))
}
