package phone

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Call is a call that this phone places.
type Call struct {
	phone   *Phone
	request *sip.Request
	tx      sip.ClientTransaction
	sent    time.Time

	progress chan struct{} // closed by the first provisional response, 100 included
	ringing  chan struct{} // closed by the first one above 100
	final    chan struct{} // closed when the outcome is known
	over     chan struct{} // closed when nothing is left of the call

	mu        sync.Mutex
	outcome   Outcome
	err       error
	leg       *leg // once answered
	cancelled bool
}

func newCall(p *Phone, invite *sip.Request) *Call {
	return &Call{
		phone: p, request: invite, sent: time.Now(),
		progress: make(chan struct{}), ringing: make(chan struct{}), final: make(chan struct{}), over: make(chan struct{}),
		outcome: Outcome{CallID: invite.CallID().Value()},
	}
}

// Ringing is closed when the other side is said to ring.
func (c *Call) Ringing() <-chan struct{} { return c.ringing }

// Wait waits for the final response. When ctx ends first it cancels the call and waits for what comes of that, no
// longer than goodbye.
func (c *Call) Wait(ctx context.Context) (*Outcome, error) {
	select {
	case <-c.final:
		return c.result()
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	if err := c.Cancel(ending); err != nil {
		return nil, errors.Join(ctx.Err(), err)
	}
	select {
	case <-c.final:
		o, err := c.result()
		return o, errors.Join(ctx.Err(), err)
	case <-ending.Done():
		return nil, fmt.Errorf("call %s: no final response after CANCEL: %w", c.outcome.CallID, ctx.Err())
	}
}

// result is the outcome as it stands.
func (c *Call) result() (*Outcome, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.outcome
	if c.leg != nil {
		o.Talk = c.leg.talked()
	}
	return &o, c.err
}

// run takes the responses to the INVITE until the final one. It must keep reading: sipgo hands them over unbuffered.
func (c *Call) run() {
	defer c.phone.busy.Done()
	for {
		select {
		case res := <-c.tx.Responses():
			if res.IsProvisional() {
				c.provisional(res)
				continue
			}
			c.finish(res)
			return
		case <-c.tx.Done():
			c.fail(c.tx.Err())
			return
		case <-c.phone.life.Done():
			c.fail(errClosed)
			return
		}
	}
}

func (c *Call) provisional(res *sip.Response) {
	closeOnce(c.progress)
	if res.StatusCode > 100 {
		c.mu.Lock()
		c.outcome.Rang = true
		c.mu.Unlock()
		closeOnce(c.ringing)
	}
}

// closeOnce closes ch; only the goroutine of run calls it.
func closeOnce(ch chan struct{}) {
	select {
	case <-ch:
	default:
		close(ch)
	}
}

func (c *Call) finish(res *sip.Response) {
	c.mu.Lock()
	c.outcome.SetUp = time.Since(c.sent)
	c.outcome.read(res)
	cancelled := c.cancelled
	c.mu.Unlock()
	defer close(c.final)
	if !res.IsSuccess() {
		close(c.over)
		return // the transaction has sent its ACK, RFC 3261 §17.1.1.3
	}
	l, err := c.answered(res)
	if l == nil {
		close(c.over)
	}
	c.mu.Lock()
	c.leg, c.err = l, err
	c.mu.Unlock()
	// RFC 3261 §9.1: the answer crossed the CANCEL; the caller is gone, so hang up.
	if cancelled && l != nil {
		c.phone.spawn(func() { _ = l.bye(context.Background()) })
	}
}

// answered makes the dialog of a 2xx, acknowledges it and stands ready to do so again, RFC 3261 §13.2.2.4.
func (c *Call) answered(res *sip.Response) (*leg, error) {
	d, err := dialogOfCaller(c.request, res)
	if err != nil {
		return nil, fmt.Errorf("call %s was answered with a response that makes no dialog: %w", c.outcome.CallID, err)
	}
	l := c.phone.addLeg(d, c.over)
	if err := l.ack(); err != nil {
		return l, err
	}
	c.tx.OnRetransmission(func(again *sip.Response) { c.answeredAgain(l, again) })
	return l, nil
}

// answeredAgain acknowledges a repeated 2xx. One with another To-tag is a second callee of a forked call: RFC 3261
// §13.2.2.4 lets the caller keep one, so that one is acknowledged and ended.
func (c *Call) answeredAgain(l *leg, res *sip.Response) {
	if !c.phone.enter() {
		return
	}
	defer c.phone.busy.Done()
	d, err := dialogOfCaller(c.request, res)
	if err != nil {
		return
	}
	if d.key == l.dialog.key {
		_ = l.ack() // lost again? then the next repetition asks for it again
		return
	}
	second := c.phone.addLeg(d, make(chan struct{}))
	_ = second.ack()
	c.phone.spawn(func() { _ = second.bye(context.Background()) })
}

// fail ends a call that got no final response: RFC 3261 §8.1.3.1 takes it as a 408, or as a 503 when it could not be sent.
func (c *Call) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outcome.SetUp = time.Since(c.sent)
	if err == nil {
		err = sip.ErrTransactionTerminated
	}
	c.err = fmt.Errorf("call %s ended without a final response: %w", c.outcome.CallID, err)
	close(c.final)
	close(c.over)
}

// Cancel gives up a call that was not answered yet. RFC 3261 §9.1: CANCEL waits for the first provisional response.
// After the final one there is nothing to cancel, which is no error.
func (c *Call) Cancel(ctx context.Context) error {
	select {
	case <-c.progress:
	case <-c.final:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("call %s cannot be cancelled before anything answers: %w", c.outcome.CallID, ctx.Err())
	}
	c.mu.Lock()
	c.cancelled = true
	c.mu.Unlock()
	// The answer to the CANCEL says nothing about the call (200, or 481 when the final response has overtaken it).
	if _, err := c.phone.do(ctx, c.cancelRequest()); err != nil {
		return fmt.Errorf("call %s: CANCEL: %w", c.outcome.CallID, err)
	}
	return nil
}

// cancelRequest repeats of the INVITE what makes the CANCEL match it, RFC 3261 §9.1.
func (c *Call) cancelRequest() *sip.Request {
	cancel := sip.NewRequest(sip.CANCEL, *c.request.Recipient.Clone())
	cancel.AppendHeader(sip.HeaderClone(c.request.Via()))
	sip.CopyHeaders("Route", c.request, cancel)
	maxForwards := sip.MaxForwardsHeader(70)
	cancel.AppendHeader(&maxForwards)
	cancel.AppendHeader(sip.HeaderClone(c.request.From()))
	cancel.AppendHeader(sip.HeaderClone(c.request.To()))
	cancel.AppendHeader(sip.HeaderClone(c.request.CallID()))
	cancel.AppendHeader(&sip.CSeqHeader{SeqNo: c.request.CSeq().SeqNo, MethodName: sip.CANCEL})
	c.phone.line.send(cancel, c.request.Transport(), c.request.Destination())
	cancel.SetBody(nil)
	return cancel
}

// Hangup ends an answered call with BYE; of one that the other side ended already it makes nothing.
func (c *Call) Hangup(ctx context.Context) error {
	c.mu.Lock()
	l := c.leg
	c.mu.Unlock()
	if l == nil {
		return fmt.Errorf("call %s is not up: only an answered call can be hung up", c.outcome.CallID)
	}
	return l.bye(ctx)
}

// Over is closed when nothing is left of the call: it was refused, it failed, or somebody hung up.
func (c *Call) Over() <-chan struct{} { return c.over }

// talk keeps an answered call up for d, or until the other side or ctx ends it.
func (c *Call) talk(ctx context.Context, d time.Duration) (*Outcome, error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.over:
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	err := c.Hangup(ending)
	o, failed := c.result()
	return o, errors.Join(failed, err)
}
