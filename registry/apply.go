package registry

import (
	"context"

	"github.com/ringfence/ringfence/gate"
)

// What event.lua answers. See there.
const (
	eventMade   = 2
	eventPooled = 3
	eventAsk    = 4
)

// apply writes events down, each number's in order. Most make no owner and are one script. One that would is asked about in
// the rep's slot first, and the number's later events wait for it.
func (s *Store) apply(ctx context.Context, events []gate.Event) error {
	for len(events) > 0 {
		now, rest := inTurn(events)
		calls := make([]call, len(now))
		for i, e := range now {
			calls[i] = s.event(e, "ask")
		}
		answers, err := s.pipeline(ctx, calls)
		if err != nil {
			return err
		}
		var claims []gate.Event
		for i, answer := range answers {
			if answer == eventAsk {
				claims = append(claims, now[i])
			}
		}
		if err := s.claim(ctx, claims); err != nil {
			return err
		}
		events = rest
	}
	return nil
}

// inTurn parts events into those that can be written now and those that come after one that may make an owner of the same
// number.
func inTurn(events []gate.Event) (now, rest []gate.Event) {
	var waiting map[gate.Number]bool
	for i, e := range events {
		n := e.Reservation.Number
		if waiting[n] {
			if rest == nil {
				now = append([]gate.Event(nil), events[:i]...)
			}
			rest = append(rest, e)
			continue
		}
		if rest != nil {
			now = append(now, e)
		}
		if e.Kind == gate.Firm || e.Kind == gate.Ended && e.Ending == gate.EndAnswered {
			if waiting == nil {
				waiting = make(map[gate.Number]bool)
			}
			waiting[n] = true
		}
	}
	if rest == nil {
		return events, nil
	}
	return now, rest
}

// claim writes events that make an owner, if the rep may hold one more.
func (s *Store) claim(ctx context.Context, events []gate.Event) error {
	if len(events) == 0 {
		return nil
	}
	reservations := make([]reservation, len(events))
	reps := make([]gate.Rep, len(events))
	calls := make([]call, len(events))
	for i, e := range events {
		r := e.Reservation
		digits := r.Number.Digits()
		reps[i] = r.Rep
		reservations[i] = reservation{r.Rep, e.Scope, attemptID(digits, r.CallID, r.FromTag), []string{digits}}
		calls[i] = reservations[i].reserve(e.Terms)
	}
	if err := s.noteHolders(ctx, reps...); err != nil {
		return err
	}
	rooms, err := s.pipeline(ctx, calls)
	if err != nil {
		return err
	}
	if err := s.reserveAgain(ctx, reps, calls, rooms); err != nil {
		return err
	}
	for i, e := range events {
		calls[i] = s.happened(e, room(rooms[i]).word())
	}
	answers, err := s.pipeline(ctx, calls)
	if err != nil {
		return err
	}
	return s.settleAll(ctx, reservations, answers)
}

// reserveAgain asks once more for reps who seem to hold too many, after what they hold has been counted anew.
func (s *Store) reserveAgain(ctx context.Context, reps []gate.Rep, calls []call, rooms []int64) error {
	for i, r := range rooms {
		if room(r) != roomNone || !s.mendNow(ctx, reps[i]) {
			continue
		}
		again, err := s.pipeline(ctx, calls[i:i+1])
		if err != nil {
			return err
		}
		rooms[i] = again[0]
	}
	return nil
}

// settleAll settles what events came to. One that was applied before is left to Mend: nobody here knows what it did.
func (s *Store) settleAll(ctx context.Context, reservations []reservation, answers []int64) error {
	var calls []call
	for i, r := range reservations {
		switch answers[i] {
		case eventMade, eventPooled:
			calls = append(calls, r.settle(answers[i] == eventPooled, r.digits...))
		case 1:
			calls = append(calls, r.settle(false))
		}
	}
	_, err := s.pipeline(ctx, calls)
	if len(calls) == 0 {
		return nil
	}
	return err
}
