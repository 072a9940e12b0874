package registry

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// Events go in small pipelines, between which the server decides calls: it executes a pipeline to its end, and a hundred
// events, which is what 50 ms leave behind at 2,000 calls/s, would hold up a decision for 3 ms. Where the way there is
// longer than that, pipelines grow.
const (
	eventsFirst = 16
	longWay     = 3 * time.Millisecond
)

// Write applies events in order, a pipeline for every batch of them. Each is applied at most once while its attempt is
// remembered, so a batch that failed half-way may be written again. What can never be applied is logged and skipped.
func (s *Store) Write(ctx context.Context, events []gate.Event) error {
	events = s.known(events)
	if len(events) == 0 {
		return ctx.Err()
	}
	for size := eventsFirst; len(events) > 0; {
		n := min(size, len(events))
		began := time.Now()
		if err := s.apply(ctx, events[:n]); err != nil {
			return err
		}
		events = events[n:]
		if time.Since(began) > longWay {
			size = min(2*size, batchSize)
		}
	}
	return nil
}

// known leaves events out whose kind is not.
func (s *Store) known(events []gate.Event) []gate.Event {
	unknown := func(e gate.Event) bool { return e.Kind < gate.Decided || e.Kind > gate.Ended }
	if !slices.ContainsFunc(events, unknown) {
		return events
	}
	var known []gate.Event
	for _, e := range events {
		if unknown(e) {
			s.log(fmt.Errorf("registry: event of unknown kind %d is left out", e.Kind))
			continue
		}
		known = append(known, e)
	}
	return known
}

// event is the script that applies an event; may says whether it may make an owner, see event.lua.
func (s *Store) event(e gate.Event, may string) call {
	if e.Kind == gate.Decided {
		return s.noted(e)
	}
	return s.happened(e, may)
}

// noted writes a decision down that the gate took itself.
func (s *Store) noted(e gate.Event) call {
	d := e.Decision
	dialled := d.Call.Dialled.Number.Digits()
	number := dialled != ""
	switch {
	case number:
	case d.Call.Dialled.Local != "":
		dialled = d.Call.Dialled.Local
	default:
		dialled = d.Call.Dialled.Text
	}
	k := keysOf(dialled)
	mark := attemptID(dialled+sep+string(d.Call.Rep)+sep+d.Reason.String(), d.Call.CallID, d.Call.FromTag)
	keys := []string{k.stream(), k.written(mark)}
	if number {
		keys = append(keys, k.number())
	}
	record := pack("d", d.Verdict.String(), d.Reason.String(), identity(string(d.Owner)),
		identity(string(d.Call.Rep)), callFields(dialled, d.Call.Peer, e.Terms.Gate, d.Policy, d.Call.CallID),
		identity(d.List), identity(d.Lists), "", "", "", note(d.Call.Dialled.Why))
	if d.Territory != "" {
		record = pack(record, "", territoryDetail(d.Territory))
	}
	return call{notedScript, keys, []any{record, milliseconds(s.rememberOr(e.Terms)), milliseconds(s.keepOr(e.Terms.Keep))}}
}

// happened applies what became of a call.
func (s *Store) happened(e gate.Event, may string) call {
	digits := e.Reservation.Number.Digits()
	id := attemptID(digits, e.Reservation.CallID, e.Reservation.FromTag)
	k := keysOf(digits)
	kind, ending, refusal := "f", "", ""
	if e.Kind == gate.Ended {
		kind, ending = "e", e.Ending.String()
	}
	talk, status := "", ""
	if e.Talk > 0 {
		talk = milliseconds(min(e.Talk, maxTalk))
	}
	if e.Status > 0 {
		status = strconv.Itoa(e.Status)
	}
	if e.Kind == gate.Ended && e.Ending == gate.EndRefused {
		refusal = "said no"
		if status != "" {
			refusal += ", " + status
		}
	}
	return call{
		eventScript,
		[]string{k.number(), k.attempt(id), k.stream(), k.owned(), k.refused(), k.pool(), k.changed()},
		[]any{
			kind, identity(string(e.Reservation.Rep)), id, digits,
			callFields(digits, "", e.Terms.Gate, e.Terms.Policy, e.Reservation.CallID),
			pack("", "", talk, ending, status), seat(e.Extension, e.Scope, e.Team), ending, milliseconds(e.Talk),
			milliseconds(e.Terms.MinTalk), rulesOf(e.Terms), milliseconds(e.Terms.CoolDown),
			milliseconds(s.rememberOr(e.Terms)), milliseconds(s.keepOr(e.Terms.Keep)), refusal,
			milliseconds(e.Terms.Bar), milliseconds(e.Terms.Provisional), flag(e.Terms.Team), may,
		},
	}
}
