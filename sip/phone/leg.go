package phone

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// leg is this phone's end of a call that is up.
type leg struct {
	phone  *Phone
	dialog *dialog
	began  time.Time
	acked  chan struct{} // closed by the caller's ACK; incoming calls only
	over   chan struct{}

	mu           sync.Mutex
	ended        time.Time
	acknowledged bool
}

// addLeg notes a call that is up; over is closed when it ends.
func (p *Phone) addLeg(d *dialog, over chan struct{}) *leg {
	l := &leg{phone: p, dialog: d, began: time.Now(), acked: make(chan struct{}), over: over}
	p.mu.Lock()
	p.legs[d.key] = l
	p.mu.Unlock()
	return l
}

// leg finds the call that a request within a dialog belongs to.
func (p *Phone) leg(key legKey) *leg {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.legs[key]
}

// end notes that the call is over; it is true for the first who says so.
func (l *leg) end() bool {
	l.mu.Lock()
	first := l.ended.IsZero()
	if first {
		l.ended = time.Now()
		close(l.over)
	}
	l.mu.Unlock()
	if first {
		l.phone.mu.Lock()
		delete(l.phone.legs, l.dialog.key)
		l.phone.mu.Unlock()
	}
	return first
}

// talked is how long the call was up; 0 while it is.
func (l *leg) talked() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended.IsZero() {
		return 0
	}
	return l.ended.Sub(l.began)
}

// confirm notes the caller's ACK, which may come more than once.
func (l *leg) confirm() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.acknowledged {
		l.acknowledged = true
		close(l.acked)
	}
}

// ack acknowledges a 2xx: a request of its own that no transaction carries, RFC 3261 §13.2.2.4.
func (l *leg) ack() error {
	req, err := l.dialog.request(sip.ACK, l.phone.line)
	if err != nil {
		return fmt.Errorf("cannot acknowledge call %s: %w", l.dialog.key.callID, err)
	}
	if err := l.phone.client.WriteRequest(req, asBuilt); err != nil {
		return fmt.Errorf("cannot acknowledge call %s: %w", l.dialog.key.callID, err)
	}
	return nil
}

// bye hangs up. Whatever the other side answers, the call is over, RFC 3261 §15.1.1.
func (l *leg) bye(ctx context.Context) error {
	if !l.end() {
		return nil
	}
	req, err := l.dialog.request(sip.BYE, l.phone.line)
	if err != nil {
		return fmt.Errorf("cannot hang up call %s: %w", l.dialog.key.callID, err)
	}
	res, err := l.phone.do(ctx, req)
	if err != nil {
		return fmt.Errorf("BYE of call %s: %w", l.dialog.key.callID, err)
	}
	// 481 means that the other side hung up in the same instant.
	if !res.IsSuccess() && res.StatusCode != sip.StatusCallTransactionDoesNotExists {
		return fmt.Errorf("BYE of call %s was answered %d %s", l.dialog.key.callID, res.StatusCode, res.Reason)
	}
	return nil
}

// spawn runs f where Close waits for it, unless the phone is closing.
func (p *Phone) spawn(f func()) {
	if !p.enter() {
		return
	}
	go func() {
		defer p.busy.Done()
		f()
	}()
}
