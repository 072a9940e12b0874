package phone

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// handle says which method goes where. Every handler is counted, so that Close can wait for it, and finds the headers
// that a request must have, RFC 3261 §8.1.1.
func (p *Phone) handle(server *sipgo.Server) {
	on := func(f func(*sip.Request, sip.ServerTransaction)) sipgo.RequestHandler {
		return func(req *sip.Request, tx sip.ServerTransaction) {
			if !p.enter() {
				return
			}
			defer p.busy.Done()
			if req.From() == nil || req.To() == nil || req.CallID() == nil || req.CSeq() == nil {
				respond(tx, sip.NewResponseFromRequest(req, sip.StatusBadRequest, "Missing Header", nil))
				return
			}
			f(req, tx)
		}
	}
	server.OnInvite(on(p.onInvite))
	server.OnAck(on(p.onAck))
	server.OnBye(on(p.onBye))
	server.OnCancel(on(p.inDialog)) // only one that matches no INVITE comes here: 481
	server.OnInfo(on(p.inDialog))
	server.OnUpdate(on(p.inDialog))
	server.OnOptions(on(func(req *sip.Request, tx sip.ServerTransaction) {
		res := sip.NewResponseFromRequest(req, sip.StatusOK, "OK", nil)
		res.AppendHeader(sip.NewHeader("Allow", allow))
		respond(tx, res)
	}))
	server.OnNoRoute(on(func(req *sip.Request, tx sip.ServerTransaction) {
		res := sip.NewResponseFromRequest(req, sip.StatusMethodNotAllowed, "Method Not Allowed", nil)
		res.AppendHeader(sip.NewHeader("Allow", allow))
		respond(tx, res)
	}))
}

// respond sends; when that fails the other side's transaction asks again or times out, and nothing is left to do here.
func respond(tx sip.ServerTransaction, res *sip.Response) { _ = tx.Respond(res) }

// incoming is a call that comes in, until it is answered or refused.
type incoming struct {
	phone     *Phone
	request   *sip.Request // a copy whose To has our tag, so that every response carries the same one
	tx        sip.ServerTransaction
	cancelled chan struct{}
}

func (p *Phone) onInvite(req *sip.Request, tx sip.ServerTransaction) {
	if req.To().Params.Has("tag") {
		p.reInvite(req, tx)
		return
	}
	p.note(req)
	in := &incoming{phone: p, request: req.Clone(), tx: tx, cancelled: make(chan struct{})}
	in.request.To().Params.Add("tag", rand.Text())
	// sipgo answers a CANCEL by itself, 200 and then 487. It calls this under its lock: only signal.
	if !tx.OnCancel(func(*sip.Request) { close(in.cancelled) }) {
		return
	}
	in.play(p.behaviourFor(req.Recipient.User))
}

// play does what the behaviour says. It returns when the transaction may end: over TCP sipgo drops it with the
// handler's return, and the ACK to a refusal would then be a stranger.
func (in *incoming) play(b Behaviour) {
	if b.Ring > 0 || b.Status == 0 {
		respond(in.tx, in.response(180, phrase(180), nil))
	}
	if !in.ring(b) {
		return
	}
	if b.Status/100 == 2 {
		in.answer(b)
		return
	}
	respond(in.tx, in.response(b.Status, b.phrase(), b.Headers))
	in.settle()
}

// ring waits until it is time for the final response; false when the caller gave up first.
func (in *incoming) ring(b Behaviour) bool {
	var due <-chan time.Time // nil: for ever
	if b.Status != 0 {
		timer := time.NewTimer(b.Ring)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-due:
		return true
	case <-in.cancelled:
		in.settle()
	case <-in.tx.Done():
	case <-in.phone.life.Done():
	}
	return false
}

// settle waits for the ACK to a refusal.
func (in *incoming) settle() {
	select {
	case <-in.tx.Acks():
	case <-in.tx.Done():
	case <-in.phone.life.Done():
	}
}

func (in *incoming) response(status int, phrase string, headers []string) *sip.Response {
	res := sip.NewResponseFromRequest(in.request, status, phrase, nil)
	if status > 100 && status < 300 {
		res.AppendHeader(in.phone.contact(in.request.Recipient.User))
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ":")
		res.AppendHeader(sip.NewHeader(name, strings.TrimSpace(value)))
	}
	return res
}

// answer sends the 2xx until its ACK comes, RFC 3261 §13.3.1.4, and stays with the call until it is over.
func (in *incoming) answer(b Behaviour) {
	d, err := dialogOfCallee(in.request, in.request.To())
	if err != nil {
		respond(in.tx, in.response(sip.StatusBadRequest, "Missing Contact", nil))
		in.settle()
		return
	}
	res := in.response(b.Status, b.phrase(), b.Headers)
	res.AppendHeader(sip.NewHeader("Allow", allow))
	res.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	res.SetBody(answer(in.request.Body(), in.phone.domain()))
	l := in.phone.addLeg(d, make(chan struct{}))
	respond(in.tx, res)
	if !in.confirmed(l, res) {
		_ = l.bye(context.Background())
		return
	}
	l.last(b.Talk)
}

// confirmed repeats the 2xx until the ACK comes; false when it did not within 64×T1, or the call ended before.
func (in *incoming) confirmed(l *leg, res *sip.Response) bool {
	interval := sip.T1
	giveUp := time.NewTimer(64 * sip.T1)
	defer giveUp.Stop()
	again := time.NewTimer(interval)
	defer again.Stop()
	for {
		select {
		case <-l.acked:
			return true
		case <-again.C:
			respond(in.tx, res)
			interval = min(2*interval, sip.T2)
			again.Reset(interval)
		case <-l.over:
			return false
		case <-giveUp.C:
			return false
		case <-in.phone.life.Done():
			l.end()
			return false
		}
	}
}

// last keeps the call up until somebody ends it: we do after talk, when it is not 0.
func (l *leg) last(talk time.Duration) {
	var due <-chan time.Time
	if talk > 0 {
		timer := time.NewTimer(talk)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-due:
		_ = l.bye(context.Background())
	case <-l.over:
	case <-l.phone.life.Done():
		l.end()
	}
}
