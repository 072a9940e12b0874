package replay

import (
	"context"
	"slices"
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/gate/model"
	"github.com/ringfence/ringfence/registry"
)

// number is one number on its way through the records.
type number struct {
	*Replay
	number  gate.Number
	records []*registry.Record
	ends    []*registry.Record // of the calls that records decided; nil where there is none
	calls   map[call]*goneOut  // under the rules of the replay
	firm    []firming
}

// call names a call, as its decision and its end do.
type call struct {
	rep    gate.Rep
	callID string
}

// goneOut is a call that goes out.
type goneOut struct {
	reservation gate.Reservation
	extension   string
	scope       gate.Scope
	team        gate.Team
}

// firming is a call that makes its rep the owner while it is still up: no record says so.
type firming struct {
	at   time.Time
	call call
}

// number decides all calls to one number again.
func (r *Replay) number(n gate.Number, records []*registry.Record) {
	r.stage.model = model.NewMemory(func() time.Time { return r.stage.now })
	x := &number{Replay: r, number: n, records: records, ends: endsOf(records), calls: make(map[call]*goneOut)}
	r.stage.now = records[0].Time
	if x.before() {
		r.Earlier++
	}
	for i, record := range records {
		x.until(record.Time)
		switch record.Kind {
		case registry.RecordDecision:
			x.decided(i, record)
		case registry.RecordEnd:
			x.ended(record)
		default:
			x.changed(record)
		}
	}
}

// until lets the time pass, in which calls become firm.
func (x *number) until(t time.Time) {
	slices.SortFunc(x.firm, func(a, b firming) int { return a.at.Compare(b.at) })
	for len(x.firm) > 0 && !x.firm[0].at.After(t) {
		f := x.firm[0]
		x.firm = x.firm[1:]
		x.stage.now = f.at
		if c := x.calls[f.call]; c != nil {
			x.tell(x.event(gate.Firm, c))
		}
	}
	x.stage.now = t
}

// decided decides again what was decided then. What was recorded before Options.Since stays as it was.
func (x *number) decided(i int, d *registry.Record) {
	end := x.ends[i]
	old := outcomeOf(d)
	went := d.Verdict == gate.Allow.String()
	if d.Time.Before(x.options.Since) {
		if went {
			x.asRecorded(d, end)
		}
		return
	}
	new, owner, out := x.decide(d, end)
	x.compare(Difference{
		Time: d.Time, Number: x.number, Rep: d.Rep, CallID: d.CallID, Old: old, New: new, OldOwner: d.Owner, NewOwner: owner,
	})
	key := call{d.Rep, d.CallID}
	switch {
	case out == nil:
		delete(x.calls, key)
	case went:
		x.goes(key, out, end)
	default: // nobody knows what would have become of it
		x.NewOut++
		e := x.event(gate.Ended, out)
		e.Ending = gate.EndUnanswered
		x.tell(e)
	}
}

// goes follows a call that goes out to its end.
func (x *number) goes(key call, out *goneOut, end *registry.Record) {
	x.calls[key] = out
	minTalk := x.gate.Terms().MinTalk
	if end != nil && end.Detail["quota"] == "" && end.Talk >= minTalk && end.Ending != gate.EndUnknown.String() {
		x.firm = append(x.firm, firming{end.Time.Add(minTalk - end.Talk), key})
	}
}

// decide puts the call to the gate. out is nil when it does not go out.
func (x *number) decide(d, end *registry.Record) (o Outcome, owner gate.Rep, out *goneOut) {
	if d.Reason == gate.RegistryDown.String() {
		return x.down(d)
	}
	x.stage.scope, x.stage.lease = d.Scope, x.upFor(d, end)
	decision, err := x.gate.Check(context.Background(), gate.Call{
		Key:     gate.Key{Rep: d.Rep, CallID: d.CallID, FromTag: d.ID},
		Peer:    d.Peer,
		Dialled: gate.Dialled{Kind: gate.External, Text: d.Dialled, Number: x.number},
	})
	if err != nil { // the model never fails; should it, nothing is said to go out
		return Outcome{Verdict: gate.Block.String(), Reason: gate.RegistryDown.String()}, "", nil
	}
	o = Outcome{Verdict: decision.Verdict.String(), Reason: decision.Reason.String()}
	if decision.Shadow {
		o.Would = decision.Would.String()
	}
	if decision.Verdict == gate.Allow {
		q := x.stage.asked
		return o, decision.Owner, &goneOut{q.Reservation, q.Extension, q.Scope, q.Team}
	}
	if d.Reason == gate.Pass.String() && slices.Contains(x.options.Config.Rules.Pass.Over, decision.Reason) {
		// A supervisor had given a pass, and would have under these rules.
		o = Outcome{Verdict: gate.Allow.String(), Reason: gate.Pass.String()}
		return o, d.Owner, x.reserve(d, end)
	}
	return o, decision.Owner, nil
}

// down is a call that the registry did not answer: it does not under these rules either.
func (x *number) down(d *registry.Record) (Outcome, gate.Rep, *goneOut) {
	o := Outcome{Verdict: gate.Block.String(), Reason: d.Reason}
	if x.options.Config.Rules.OnRegistryDown == gate.OutageAllow {
		o.Verdict = gate.Allow.String()
		return o, "", x.caller(d)
	}
	return o, "", nil
}

// asRecorded takes a call up that went out, whatever the rules of the replay would say.
func (x *number) asRecorded(d, end *registry.Record) {
	out := x.caller(d)
	watched := d.Detail["would"] != "" && (d.Reason == gate.Owned.String() || d.Reason == gate.InFlight.String())
	if !watched && d.Reason != gate.RegistryDown.String() {
		out = x.reserve(d, end)
	}
	x.goes(call{d.Rep, d.CallID}, out, end)
}

func (x *number) reserve(d, end *registry.Record) *goneOut {
	out := x.caller(d)
	x.stage.model.Reserve(out.reservation, out.scope, out.team, d.Time.Add(x.upFor(d, end)))
	return out
}

// caller is who dialled, without asking the gate.
func (x *number) caller(d *registry.Record) *goneOut {
	out := &goneOut{scope: d.Scope, extension: x.extension(d.Rep)}
	out.reservation = gate.Reservation{Key: gate.Key{Rep: d.Rep, CallID: d.CallID, FromTag: d.ID}, Number: x.number}
	if x.options.People != nil {
		person, _ := x.options.People.Person(d.Rep)
		out.team = person.Team
	}
	return out
}

// extension is where a rep is rung.
func (x *number) extension(rep gate.Rep) string {
	if x.options.People != nil {
		if person, _ := x.options.People.Person(rep); person.Extension != "" {
			return person.Extension
		}
	}
	if d := x.gate.Read("sip", string(rep), nil); d.Kind == gate.Extension {
		return d.Local
	}
	return ""
}

// upFor is how long a call was up; one without an end that can still be up is, others were lost with their gate.
func (x *number) upFor(d, end *registry.Record) time.Duration {
	rules := x.options.Config.Rules
	switch {
	case end != nil:
		return end.Time.Sub(d.Time) + time.Second // its end frees the number, and not the clock
	case x.options.Until.Sub(d.Time) < rules.MaxCall.Std():
		return rules.MaxCall.Std()
	default:
		return rules.Lease.Std()
	}
}

// endsOf finds the end of the call that each record decided.
func endsOf(records []*registry.Record) []*registry.Record {
	ends, next := make([]*registry.Record, len(records)), make(map[call]*registry.Record)
	for i, r := range slices.Backward(records) {
		switch key := (call{r.Rep, r.CallID}); r.Kind {
		case registry.RecordEnd:
			next[key] = r
		case registry.RecordDecision:
			ends[i] = next[key]
			delete(next, key)
		}
	}
	return ends
}

// ended ends a call, if it goes out under the rules of the replay.
func (x *number) ended(e *registry.Record) {
	key := call{e.Rep, e.CallID}
	out := x.calls[key]
	if out == nil {
		return
	}
	delete(x.calls, key)
	event := x.event(gate.Ended, out)
	event.Ending, event.Talk, event.Status = endingOf(e.Ending), e.Talk, e.Status
	if e.Detail["quota"] != "" { // its rep could own no more: how many others it held, no record of this number says
		event.Terms.MinTalk = e.Talk + 1
	}
	x.tell(event)
}

func (x *number) event(kind gate.EventKind, out *goneOut) gate.Event {
	return gate.Event{
		Kind: kind, At: x.stage.now, Reservation: out.reservation, Terms: x.gate.TermsFor(out.reservation.Rep),
		Extension: out.extension, Scope: out.scope, Team: out.team, Talk: x.gate.Terms().MinTalk,
	}
}

func (x *number) tell(e gate.Event) { _ = x.stage.model.Write(context.Background(), []gate.Event{e}) }

func outcomeOf(d *registry.Record) Outcome {
	return Outcome{Verdict: d.Verdict, Reason: d.Reason, Would: d.Detail["would"]}
}

var endings = map[string]gate.Ending{
	gate.EndAnswered.String(): gate.EndAnswered, gate.EndRefused.String(): gate.EndRefused,
	gate.EndUnanswered.String(): gate.EndUnanswered, gate.EndFailed.String(): gate.EndFailed,
}

func endingOf(name string) gate.Ending { return endings[name] }
