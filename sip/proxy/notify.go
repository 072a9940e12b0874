package proxy

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/metrics"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transaction"
	"github.com/ringfence/ringfence/sip/transport"
)

const (
	mostNotices    = 256             // under way at once; a notice above that is dropped, since calls come first
	noticePatience = 5 * time.Second // a phone that has not answered by then is not there
)

// notices are the SIP MESSAGEs (RFC 3428) that tell reps why a call was refused. They are sent once, beside the call and
// never in its way; what becomes of them is only counted.
type notices struct {
	under atomic.Int32
}

// notice is one of them on its way: the Context of its client transaction.
type notice struct {
	p  *Proxy
	to transport.Address
	// What is written into it.
	uri  []byte
	text string
}

// notify sends the reason of a refusal, or what came of a feature code, to the rep's phone. To be called with the shard's
// lock held, before the answer.
func (p *Proxy) notify(rc *responseContext, rep gate.Rep, text string) {
	n := &notice{p: p, text: text}
	if !n.address(rc, rep) {
		p.Metrics.Notice(metrics.NoticeFailed)
		return
	}
	if p.notices.under.Add(1) > mostNotices {
		p.notices.under.Add(-1)
		p.Metrics.Notice(metrics.NoticeDropped)
		return
	}
	shard := rc.tx.Shard
	p.askers.do(func() { // its Call-ID belongs to another shard, whose lock is not to be taken inside this one's
		defer p.contain(nil)
		n.send(shard)
	})
}

// address says where the rep is told: at its extension, as an owner is rung; failing that, down
// the flow that the INVITE came by, at the phone's Contact.
func (n *notice) address(rc *responseContext, rep gate.Rep) bool {
	p := n.p
	own := p.Gate.Extension(rep)
	if x := p.routing.Load().Extensions; x != nil && own != "" {
		n.uri, n.to = x.uri(own), x.first()
		return n.to.IsValid()
	}
	n.to = rc.tx.Source.Address
	if rc.m == nil || !p.Transport.Connected(n.to) {
		return false
	}
	for span := range rc.m.Elements(message.Contact) {
		a, err := message.ParseNameAddr(rc.m.Bytes(span))
		if err != nil {
			return false
		}
		u, err := message.ParseURI(a.URI)
		n.uri = append([]byte(nil), a.URI...)
		reachable := u.Scheme == "sip" || u.Scheme == "sips" && n.to.Protocol.Secure()
		return err == nil && reachable && u.Headers == nil
	}
	return false
}

// send begins the one transaction of a notice.
func (n *notice) send(beside *transaction.Shard) {
	listener, sentBy, err := n.p.sentBy(n.to)
	if err != nil {
		n.done(0)
		return
	}
	callID, branch := transaction.NewTag()+transaction.NewTag(), transaction.NewBranch()
	shard := beside.Of([]byte(callID))
	shard.Do(func() {
		shard.Send(transaction.Request{
			Method: "MESSAGE", Branch: branch, Bytes: n.bytes(sentBy, callID, branch), To: n.to, From: listener,
			Patience: noticePatience, Context: n,
		})
	})
}

// bytes is RFC 3428 §4.
func (n *notice) bytes(sentBy, callID, branch string) []byte {
	return []byte("MESSAGE " + string(n.uri) + " SIP/2.0\r\n" +
		"Via: SIP/2.0/" + n.to.Protocol.String() + " " + sentBy + ";branch=" + branch + "\r\n" +
		"Max-Forwards: 70\r\n" +
		"From: <sip:ringfence@" + sentBy + ">;tag=" + transaction.NewTag() + "\r\n" +
		"To: <" + string(n.uri) + ">\r\n" +
		"Call-ID: " + callID + "\r\n" +
		"CSeq: 1 MESSAGE\r\n" +
		"Content-Type: text/plain; charset=utf-8\r\n" +
		"Content-Length: " + strconv.Itoa(len(n.text)) + "\r\n\r\n" + n.text)
}

// done is told of a response, or 0 when none came.
func (n *notice) done(status int) {
	switch {
	case status/100 == 1:
		return
	case status/100 == 2:
		n.p.Metrics.Notice(metrics.NoticeDelivered)
	default:
		n.p.Metrics.Notice(metrics.NoticeFailed)
	}
	n.p.notices.under.Add(-1)
}
