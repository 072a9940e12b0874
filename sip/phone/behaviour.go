package phone

import (
	"context"
	"fmt"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Behaviour is what a phone does with a call that comes in.
type Behaviour struct {
	Ring    time.Duration // 180 first, then so long until the final response; 0: no 180
	Status  int           // the final response; 0: none, it rings until the caller gives up
	Phrase  string        // default: the standard's
	Talk    time.Duration // of an answered call: we hang up after so long; 0: the caller must
	Headers []string      // further lines of the final response, such as `Reason: Q.850;cause=21`
}

// AnswerAfter rings for so long and picks up.
func AnswerAfter(ring time.Duration) Behaviour { return Behaviour{Ring: ring, Status: sip.StatusOK} }

// RingForEver rings until the caller gives up.
func RingForEver() Behaviour { return Behaviour{} }

// Reject answers at once with this status, 300 to 699.
func Reject(status int) Behaviour { return Behaviour{Status: status} }

// The rejections that phones and trunks give most.
var (
	Busy        = Reject(486)
	Decline     = Reject(603)
	Unwanted    = Reject(607)
	NotFound    = Reject(404)
	Unavailable = Reject(503)
)

// phrases are the standard's texts, RFC 3261 §21 and RFC 8197.
var phrases = map[int]string{
	180: "Ringing", 200: "OK", 302: "Moved Temporarily", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
	408: "Request Timeout", 480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist",
	483: "Too Many Hops", 486: "Busy Here", 487: "Request Terminated", 500: "Server Internal Error",
	503: "Service Unavailable", 600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere", 607: "Unwanted",
}

func phrase(status int) string {
	if s, ok := phrases[status]; ok {
		return s
	}
	return fmt.Sprintf("Status %d", status)
}

func (b Behaviour) phrase() string {
	if b.Phrase != "" {
		return b.Phrase
	}
	return phrase(b.Status)
}

// Answer sets what the phone does with calls from now on.
func (p *Phone) Answer(b Behaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.behaviour = b
}

// AnswerFor sets what it does with calls to this user part of the Request-URI.
func (p *Phone) AnswerFor(user string, b Behaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers[user] = b
}

func (p *Phone) behaviourFor(user string) Behaviour {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b, ok := p.answers[unescape(user)]; ok {
		return b
	}
	return p.behaviour
}

// Invite is a call that came in.
type Invite struct {
	RequestURI string
	User       string // user part of the Request-URI
	From       string // user part of From: who calls
	CallID     string
	Message    string // the request as it was read
}

// Received lists the calls that came in, in order; further INVITEs within a call do not count.
func (p *Phone) Received() []Invite {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Invite(nil), p.received...)
}

// WaitReceived waits until n calls have come in.
func (p *Phone) WaitReceived(ctx context.Context, n int) error {
	for {
		p.mu.Lock()
		have, more := len(p.received), p.arrived
		p.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return fmt.Errorf("phone %s: %d of %d calls came in: %w", p.cfg.User, have, n, ctx.Err())
		}
	}
}

func (p *Phone) note(req *sip.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.received = append(p.received, Invite{
		RequestURI: req.Recipient.String(),
		User:       unescape(req.Recipient.User),
		From:       req.From().Address.User,
		CallID:     req.CallID().Value(),
		Message:    req.String(),
	})
	close(p.arrived)
	p.arrived = make(chan struct{})
}
