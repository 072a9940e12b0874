package gate

import (
	"context"
	"errors"
	"time"
)

// dipCallID stands in the Key of a dip's reservation. It holds a blank, which no Call-ID on the wire can (RFC 3261
// §25.1), so no call can be taken for a dip.
const dipCallID = "a dip"

// dipRemember is how long a dip that was blocked is answered alike: as long as a switch takes to go through its trunks,
// and not so long that a rep who dials again is told of an obstacle that is gone.
const dipRemember = 2 * time.Second

// Dip is Ask for a switch that carries the call itself: it asks, and nobody will say how the call ends. What is reserved
// is therefore held for lease and no longer: the gate neither renews nor ends it, and it makes no owner.
//
// A switch may ask about one call once for each of its trunks, each time with a Call-ID of its own. So all dips of a rep
// about a number are one attempt while the reservation lives, and count once.
func (g *Gate) Dip(ctx context.Context, c Call, lease time.Duration) Decision {
	if c.Dialled.Kind != External || c.Dialled.Number == "" {
		d, _ := g.Local(c)
		return d
	}
	p, start := g.policy.Load(), g.now()
	t := p.terms
	t.Lease, t.Remember = lease, dipRemember
	d, err := g.ask(ctx, p, c, Question{
		Reservation: Reservation{Key: Key{Rep: c.Rep, CallID: dipCallID}, Number: c.Dialled.Number},
		Terms:       t,
		Recorded:    c.CallID,
	})
	d.Took = g.now().Sub(start)
	if err != nil {
		g.recordDecision(p, d)
	}
	if !d.Reservation.Held() && errors.Is(err, context.DeadlineExceeded) {
		g.Forgo(Reservation{Key: Key{Rep: c.Rep, CallID: dipCallID}, Number: c.Dialled.Number}) // the registry may have reserved it too late
	}
	return d
}

// Forgo gives back what a Dip reserved: the switch has given the call up before it was answered. Nothing is remembered of
// it, since the rep's next dip would be taken for its repetition. The zero value is ignored.
func (g *Gate) Forgo(r Reservation) {
	if !r.Held() {
		return
	}
	t := g.policy.Load().terms
	t.Remember = time.Millisecond
	g.queue.push(Event{Kind: Ended, At: g.now(), Reservation: r, Terms: t, Ending: EndUnanswered})
}
