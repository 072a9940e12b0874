package replay

import (
	"context"
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/gate/model"
)

// stage is the registry that the gate asks: the model of one number after another, at the time of a record.
type stage struct {
	listed func(gate.Number) (gate.Listing, bool)
	now    time.Time
	model  *model.Memory
	scope  gate.Scope    // in which the rep sold then
	lease  time.Duration // how long the call was up
	asked  gate.Question // the last one, as it was put
}

// Listed asks the bulk lists of today.
func (s *stage) Listed(n gate.Number) (gate.Listing, bool) {
	if s.listed == nil {
		return gate.Listing{}, false
	}
	return s.listed(n)
}

// Decide makes of the gate's rehearsal a reservation: it is the model's and nobody else's. ctx is of no account, since
// its limit is one of a clock that does not run here.
func (s *stage) Decide(_ context.Context, q gate.Question) (gate.Answer, error) {
	q.Rehearsal, q.Scope, q.Lease = false, s.scope, s.lease
	s.asked = q
	return s.model.Decide(context.Background(), q)
}

// Renew is never asked: a reservation lasts as long as its call was up.
func (s *stage) Renew(context.Context, []gate.Reservation, gate.Terms) ([]gate.Reservation, error) {
	return nil, nil
}

// Write has nothing to keep: what ends is told to the model.
func (s *stage) Write(context.Context, []gate.Event) error { return nil }
