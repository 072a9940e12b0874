package clients

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	outside "github.com/ringfence/ringfence/sip/phone"
	"github.com/ringfence/ringfence/test/authority"
	"github.com/ringfence/ringfence/test/site"
)

// desk is where two colleagues sit whose phones speak the same transport.
type desk struct {
	transport         string
	baresip, linphone *phone
}

// TestSoftphones has each client do over each transport what reps do with a phone.
func TestSoftphones(t *testing.T) {
	o := newOffice(t)
	var desks []desk
	for i, transport := range []string{"udp", "tcp", "tls"} {
		desks = append(desks, desk{
			transport,
			startBaresip(t, o.line(t, fmt.Sprintf("2%d1", i), transport, baresipHost)),
			startLinphone(t, o.line(t, fmt.Sprintf("2%d2", i), transport, linphoneHost)),
		})
	}
	for _, d := range desks {
		d.baresip.expect(registered, "")
		d.linphone.expect(registered, "")
	}
	for i, d := range desks {
		next := desks[(i+1)%len(desks)]
		t.Run(d.transport, func(t *testing.T) {
			for _, pair := range [][2]*phone{{d.baresip, next.linphone}, {d.linphone, next.baresip}} {
				p, colleague := pair[0], pair[1]
				p.run(t, "outside, hung up here", o.outsideHungUpHere)
				p.run(t, "outside, hung up there", o.outsideHungUpThere)
				p.run(t, "refused", o.refused)
				p.run(t, "from outside", o.fromOutside)
				p.run(t, "to the owner over "+colleague.line.transport, func(t *testing.T, p *phone) { o.toTheOwner(t, p, colleague) })
			}
			d.baresip.run(t, "internal", func(t *testing.T, p *phone) { p.internal(t, d.linphone) })
			d.linphone.run(t, "internal", func(t *testing.T, p *phone) { p.internal(t, d.baresip) })
			d.baresip.run(t, "transfer", func(t *testing.T, p *phone) { o.transfer(t, p, d.linphone) })
		})
	}
	o.expectNoCallUp(t)
}

// A phone that does not know the password is not registered, nor one that does not believe the gate's certificate.
// The latter is linphone alone: baresip 1.0.0 registers all the same, for it never looks at the certificate.
func TestNotRegistered(t *testing.T) {
	o := newOffice(t)
	wrong := func(l line) line { l.password = "horse-correct"; return l }
	stranger := authority.New(t).File(t)
	strange := func(l line) line { l.authority = stranger; return l }
	phones := []*phone{
		startBaresip(t, wrong(o.line(t, "201", "udp", baresipHost))),
		startLinphone(t, wrong(o.line(t, "202", "udp", linphoneHost))),
		startLinphone(t, strange(o.line(t, "212", "tls", linphoneHost))),
	}
	for _, p := range phones {
		p.expect(unregistered, "")
	}
}

// run is a subtest in which this phone calls.
func (p *phone) run(t *testing.T, name string, f func(*testing.T, *phone)) {
	t.Run(p.name+" "+name, func(t *testing.T) { p.in(t); f(t, p) })
}

// in makes t the test that hears of what this phone does not do.
func (p *phone) in(t *testing.T) {
	p.t = t
	p.forget()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("what %s wrote in the end:\n%s", p.name, p.words())
		}
	})
}

func (o *office) outsideHungUpHere(t *testing.T, p *phone) {
	before, number := len(o.trunk.Received()), p.outside("555")
	p.does(p.dial(number))
	p.expect(up, "")
	calls := o.trunk.Received()
	require.Len(t, calls, before+1)
	require.Equal(t, number, calls[before].User)
	require.Equal(t, p.line.extension, calls[before].From)
	p.does(p.hangUp())
	p.expect(over, "")
	o.expectNoCallUp(t)
}

func (o *office) outsideHungUpThere(t *testing.T, p *phone) {
	number := p.outside("556")
	o.trunk.At(number, talksBriefly())
	p.does(p.dial(number))
	p.expect(up, "")
	p.expect(over, "")
	o.expectNoCallUp(t)
}

func (o *office) refused(t *testing.T, p *phone) {
	before := len(o.trunk.Received())
	p.does(p.dial(site.BlockedNumber))
	p.expect(over, "403 On do-not-call list")
	require.Len(t, o.trunk.Received(), before, "the trunk was called")
}

func (o *office) fromOutside(t *testing.T, p *phone) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	call, err := o.trunk.Dial(ctx, "sip:"+p.line.extension+"@"+o.at.String())
	require.NoError(t, err)
	p.expect(incoming, "")
	p.does(p.answer())
	outcome, err := call.Wait(ctx)
	require.NoError(t, err)
	require.True(t, outcome.Answered(), "%+v", outcome)
	p.expect(up, "")
	require.NoError(t, call.Hangup(ctx))
	p.expect(over, "")
}

// toTheOwner rings a customer of a colleague's, whose phone rings instead.
func (o *office) toTheOwner(t *testing.T, p, owner *phone) {
	owner.in(t)
	number := p.outside("558")
	require.NoError(t, o.gate.Command(t.Context(), "owner", "claim", number, "--rep", owner.line.extension))
	before := len(o.trunk.Received())
	p.does(p.dial(number))
	owner.expect(incoming, "")
	p.expect(calling, "")
	owner.does(owner.answer())
	owner.expect(up, "")
	p.expect(up, "")
	owner.does(owner.hangUp())
	p.expect(over, "")
	require.Len(t, o.trunk.Received(), before, "the trunk was called")
}

// internal is a call to a colleague. baresip puts it on hold, which linphone shows, and takes it back; who was called
// hangs up.
func (p *phone) internal(t *testing.T, callee *phone) {
	callee.in(t)
	p.connect(callee)
	if caller, ok := p.client.(*baresip); ok {
		callee.expect(talking, "")
		p.does(caller.hold())
		callee.expect(held, "")
		p.does(caller.resume())
		callee.expect(talking, "")
	}
	callee.does(callee.hangUp())
	p.expect(over, "")
}

func (p *phone) connect(callee *phone) {
	p.t.Helper()
	p.does(p.dial(callee.line.extension))
	callee.expect(incoming, "")
	callee.does(callee.answer())
	callee.expect(up, "")
	p.expect(up, "")
}

// transfer sends a colleague with whom this phone talks to a number outside (REFER): not to one on a do-not-call list.
func (o *office) transfer(t *testing.T, p, colleague *phone) {
	colleague.in(t)
	p.connect(colleague)
	before, number := len(o.trunk.Received()), p.outside("557")
	caller, ok := p.client.(*baresip)
	require.True(t, ok)
	p.does(caller.transfer(site.BlockedNumber))
	p.does(caller.transfer(number))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, o.trunk.WaitReceived(ctx, before+1))
	calls := o.trunk.Received()[before:]
	require.Len(t, calls, 1)
	require.Equal(t, number, calls[0].User)
	require.Equal(t, colleague.line.extension, calls[0].From)
	colleague.expect(up, "")
	p.does(p.hangUp())
	colleague.expect(over, "") // with p
	colleague.does(colleague.hangUp())
	colleague.expect(over, "")
	o.expectNoCallUp(t)
}

// outside is a number that only calls of this phone go to.
func (p *phone) outside(exchange string) string { return "+1212" + exchange + "0" + p.line.extension }

// brief is how long the trunk rings, and then talks, before it hangs up.
const brief = 100 * time.Millisecond

func talksBriefly() outside.Behaviour {
	b := outside.AnswerAfter(brief)
	b.Talk = brief
	return b
}
