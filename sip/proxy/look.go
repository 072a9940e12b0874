package proxy

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/guard"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transaction"
	"github.com/ringfence/ringfence/sip/transport"
)

// Look is the first look at a message, before anything of it is kept: what is too much is refused here, without a
// transaction and for a fraction of what a call costs. It is transport.Config.Look.
//
// Never refused are repetitions of what was taken, responses, ACK, CANCEL and BYE, what belongs to a dialog, and emergency
// calls: whoever has a call gets to its end. Only a source that is banned is not even heard with these, unless we signed the
// dialog ourselves. Where even refusing takes too long, what is new is dropped: its sender repeats it.
func (p *Proxy) Look(raw []byte, from transport.Source) bool {
	method := message.Peek(raw)
	if method == "" {
		return true // a response, or a request that will not get far
	}
	limit, plan := p.routing.Load().limit(from.Address)
	isNew := method == "INVITE" || method == "REGISTER"
	if limit == nil && !isNew {
		return true
	}
	now := time.Now()
	switch p.Sources.Take(from.Addr(), limit, begins(method), now) {
	case guard.Over:
		return p.refuseOver(raw, from, plan)
	case guard.NowBanned:
		p.logBan(from.Addr(), limit)
		return p.hearBanned(raw, plan)
	case guard.Banned:
		return p.hearBanned(raw, plan)
	}
	if !isNew {
		return true
	}
	excess, why := p.late(from), shedQueue
	if excess == guard.None {
		excess, why = p.askers.line.Overdue(), shedRegistry
		if excess != guard.None && p.waited(from) > p.Wait/aMoment {
			excess = guard.Hopeless // the time that refusals take is what the registry's answers wait for
		}
	}
	if excess != guard.None || p.Wait > 0 && p.waited(from) > p.Wait/2 {
		p.strained.Store(now.Add(strainedFor).UnixNano())
	}
	switch {
	case excess == guard.Hopeless && p.isNew(raw, from):
		p.Metrics.Dropped(why)
		return false
	case excess >= guard.Plenty || excess == guard.Some && p.Sources.Heavy(from.Addr(), now):
		if !p.aloud.Take(now) && p.isNew(raw, from) {
			p.Metrics.Dropped(why)
			return false
		}
		return p.shed(raw, from, why)
	case p.refused.any(now):
		return p.shedAgain(raw, from)
	}
	return true
}

// aMoment is the part of Config.Wait that a message may have waited for a gate that has time to spare.
const aMoment = 5

// strainedFor is how long the gate is taken to have too much to do after messages have waited for it: what was asked of the
// registry then is answered, or late, by its end.
const strainedFor = time.Second

// Why new requests are refused: the closed set of the metric.
const (
	shedRate     = "rate"     // its source sends too many
	shedQueue    = "queue"    // messages wait too long for their reader
	shedRegistry = "registry" // questions wait too long for the registry
)

// begins says whether requests of this method begin something when they are not in a dialog.
func begins(method string) bool {
	switch method {
	case "ACK", "CANCEL", "BYE", "PRACK", "UPDATE", "INFO":
		return false
	}
	return true
}

// refuseOver answers a source that is above its rate, as long as it gets no more bytes than it has sent: it may not be
// the one it says it is.
func (p *Proxy) refuseOver(raw []byte, from transport.Source, plan gate.Dialplan) bool {
	m, err := message.Parse(raw)
	if err != nil {
		p.Metrics.Dropped(shedRate)
		return false
	}
	if p.emergencyCall(m, plan) || p.signedDialog(m) || p.Known(m) {
		return true
	}
	answer := p.overloaded(m, from)
	if len(answer) > len(raw) {
		p.Metrics.Dropped(shedRate)
		return false
	}
	p.sayOverloaded(m, from, answer, shedRate)
	return false
}

// isNew says whether it is certain, without reading all of it, that a request begins something and that this is no
// emergency call.
func (p *Proxy) isNew(raw []byte, from transport.Source) bool {
	uri, certain := message.PeekNew(raw)
	if !certain {
		return false
	}
	u, err := message.ParseURI(uri)
	return err == nil && !p.Gate.Emergency(u.Scheme, string(u.User), p.planOf(from))
}

// planOf is how the phones of the peer that a message comes from dial.
func (p *Proxy) planOf(from transport.Source) (plan gate.Dialplan) {
	if peer := p.routing.Load().origin(from.Address).peer; peer != nil {
		plan = peer.Plan
	}
	return plan
}

// shed refuses a new request because the gate has too much to do. What the strict reader would refuse goes the way of
// all such messages, which is as short.
func (p *Proxy) shed(raw []byte, from transport.Source, why string) bool {
	m, err := message.Parse(raw)
	if err != nil || m.ToTag != nil || p.Known(m) {
		return true
	}
	if m.Method == "INVITE" && p.emergencyCall(m, p.planOf(from)) {
		return true
	}
	p.sayOverloaded(m, from, p.overloaded(m, from), why)
	return false
}

// shedAgain refuses what was refused lately and comes again.
func (p *Proxy) shedAgain(raw []byte, from transport.Source) bool {
	m, err := message.Parse(raw)
	if err != nil || m.Method != "INVITE" || !p.refused.has(p.loop, m) {
		return true
	}
	p.sayOverloaded(m, from, p.overloaded(m, from), shedQueue)
	return false
}

// hearBanned lets in what a banned source may still say.
func (p *Proxy) hearBanned(raw []byte, plan gate.Dialplan) bool {
	m, err := message.Parse(raw)
	if err == nil && (p.emergencyCall(m, plan) || p.signedDialog(m)) {
		return true
	}
	p.Metrics.Dropped("ban")
	return false
}

// emergencyCall: the Request-URI names an emergency service. Of a call to one that is true of INVITE, CANCEL and the ACK
// of a refusal; all else in it is signed.
func (p *Proxy) emergencyCall(m *message.Message, plan gate.Dialplan) bool {
	if m.Method != "INVITE" && m.Method != "CANCEL" && m.Method != "ACK" {
		return false
	}
	u, err := message.ParseURI(m.Bytes(m.RequestURI))
	return err == nil && p.Gate.Emergency(u.Scheme, string(u.User), plan)
}

// signedDialog: m belongs to a dialog that this gate, or one with its keys, has signed.
func (p *Proxy) signedDialog(m *message.Message) bool { return m.ToTag != nil && p.route(m).signed }

// statelessTag begins the To-tags of answers that nothing is remembered of, so that their ACKs are known.
var statelessTag = []byte("rf-stateless-")

// overloaded is the 503 of a request. Its Retry-After is random, so that those who are refused together do not come back
// together; its To-tag is a function of the request, so that a repeated request gets the same (RFC 3261 §8.2.7).
func (p *Proxy) overloaded(m *message.Message, from transport.Source) []byte {
	tag := strconv.AppendUint(slices.Clip(statelessTag), branchHash(p.loop, m), 36)
	r := refusal{Status: 503, Phrase: "Service Unavailable"}
	if peer := p.routing.Load().origin(from.Address).peer; peer != nil && m.Method == "INVITE" {
		r = peer.Mode.noYes(r)
	}
	return message.AppendAnswer(nil, m, message.Answer{
		Status: r.Status, Phrase: r.Phrase, ToTag: string(tag), Source: from.AddrPort,
		Headers: retryLines[rand.IntN(len(retryLines))],
	})
}

// retryLines are the lines of 1 to 10 seconds.
var retryLines = func() (lines [10][]byte) {
	for i := range lines {
		lines[i] = []byte("Retry-After: " + strconv.Itoa(i+1) + "\r\n")
	}
	return lines
}()

func (p *Proxy) sayOverloaded(m *message.Message, from transport.Source, answer []byte, why string) {
	p.Transport.Reply(transaction.ReplyTo(m, from), answer, nil)
	if m.Method == "INVITE" {
		p.refused.add(p.loop, m, time.Now())
	}
	p.Metrics.Shed(why)
	p.Metrics.Response(m.Method, 503)
}

// stateless: an ACK of such an answer acknowledges nothing that is known, and goes nowhere.
func stateless(m *message.Message) bool { return bytes.HasPrefix(m.ToTag, statelessTag) }

// logBan says so, once for each ban.
func (p *Proxy) logBan(source netip.Addr, l *guard.Limit) {
	p.Metrics.Banned("flood")
	p.Log.Warn().Stringer("source", source).Stringer("rate", l.Rate).Time("until", time.Now().Add(l.Ban)).
		Msg("banned: this address went on sending far more than its rate; nothing of it is heard until then but emergency calls and calls that are up")
}

// limit is what this address may send, nil when that is not limited: trunks, the extensions, and whom the operator trusts.
func (r *Routing) limit(from transport.Address) (*guard.Limit, gate.Dialplan) {
	if !r.Limited {
		return nil, nil
	}
	addr := from.Addr()
	if r.Extensions != nil && r.Extensions.read(from) || contains(r.Trusted, addr) {
		return nil, nil
	}
	for i := range r.Trunks {
		if r.Trunks[i].read(from) {
			return nil, nil
		}
	}
	for i := range r.Peers {
		if contains(r.Peers[i].From, addr) {
			return r.Peers[i].Limit, r.Peers[i].Plan
		}
	}
	return nil, nil
}

func contains(all []netip.Prefix, a netip.Addr) bool {
	for i := range all {
		if all[i].Contains(a) {
			return true
		}
	}
	return false
}
