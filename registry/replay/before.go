package replay

import (
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// before tells the model how the number stood when its records begin, as far as they show: who owned it, whether its
// customer had said no, whether it was listed, whether a call was up. Each is taken to have lasted until a record shows
// that it was over, else as long as the rules would have it from the first record on. It says whether there was anything.
func (x *number) before() bool {
	owned := x.ownersBefore()
	refused := x.refusedBefore()
	listed := x.listedBefore()
	x.upBefore()
	return owned || refused || listed
}

// ownerBefore is an owner from before the records.
type ownerBefore struct {
	first, rep gate.Rep  // when the records begin, and after transfers since
	last       time.Time // when the records last show it
}

// ownersBefore looks in each scope for an owner whom no record made.
func (x *number) ownersBefore() bool {
	found := make(map[gate.Scope]*ownerBefore)
	over := make(map[gate.Scope]bool) // the records explain how it stood from here on
	any := false
	settle := func(scope gate.Scope, until time.Time) {
		over[scope] = true
		if o := found[scope]; o != nil {
			x.stage.model.Own(x.number, scope, o.rep, x.extension(o.first), "", until)
			any = true
		}
	}
	for _, r := range x.records {
		if over[r.Scope] {
			continue
		}
		owner, shown := ownerShown(r)
		switch o := found[r.Scope]; {
		case r.Kind == registry.RecordOwner && r.Reason == "transfer": // the protection runs on
			if o == nil {
				o = &ownerBefore{first: gate.Rep(r.Detail["from"])}
				found[r.Scope] = o
			}
			o.rep, o.last = r.Owner, r.Time
		case takesOver(r):
			settle(r.Scope, r.Time.Add(time.Second))
		case !shown:
		case o == nil && owner == "", o == nil && r.Kind == registry.RecordEnd:
			over[r.Scope] = true // nobody did, or the call that ends here has made its rep the owner
		case o == nil:
			found[r.Scope] = &ownerBefore{owner, owner, r.Time}
		case owner != o.rep:
			settle(r.Scope, r.Time)
		case r.Kind == registry.RecordEnd && r.Ending == gate.EndAnswered.String():
			settle(r.Scope, r.Time.Add(time.Second)) // prolonged by the rules from here on
		default:
			o.last = r.Time
		}
	}
	for scope, o := range found {
		if !over[scope] {
			until := x.records[0].Time.Add(x.options.Config.Rules.Protection.Std())
			if !until.After(o.last) {
				until = o.last.Add(time.Millisecond)
			}
			settle(scope, until)
		}
	}
	return any
}

// takesOver says whether what was done settles who owns the number from then on.
func takesOver(r *registry.Record) bool {
	switch r.Kind {
	case registry.RecordOwner:
		return r.Reason == "claim" || r.Reason == "release"
	case registry.RecordPool:
		return r.Reason == "recycle"
	}
	return false
}

// ownerShown is who owned the number when something was recorded; shown is false where the record does not tell.
func ownerShown(r *registry.Record) (owner gate.Rep, shown bool) {
	switch r.Kind {
	case registry.RecordEnd:
		return r.Owner, true
	case registry.RecordOwner:
		return r.Owner, r.Owner != ""
	case registry.RecordDecision:
		if r.Detail["why"] == "provisional" {
			return "", true
		}
		switch r.Reason {
		case gate.Owned.String(), gate.OwnerCalls.String(), gate.Collaborator.String(), gate.Pass.String():
			return r.Owner, true
		case gate.Allowed.String():
			return "", true
		}
	}
	return "", false
}

// refusedBefore looks for a refusal that no record made.
func (x *number) refusedBefore() bool {
	found := false
	for _, r := range x.records {
		switch {
		case r.Kind == registry.RecordRefusal, r.Kind == registry.RecordEnd && r.Ending == gate.EndRefused.String():
			if found {
				x.stage.model.Refuse(x.number, r.Time.Add(time.Second))
			}
			return found
		case r.Kind != registry.RecordDecision || r.Reason == gate.DNC.String() || r.Reason == gate.RegistryDown.String(),
			r.Reason == gate.Pass.String(): // whether it was refused, nobody knows
		case r.Reason == gate.Refused.String():
			found = true
		default: // nobody had said no, or no longer
			if found {
				x.stage.model.Refuse(x.number, r.Time)
			}
			return found
		}
	}
	if found {
		x.stage.model.Refuse(x.number, x.records[len(x.records)-1].Time.Add(x.options.Config.Rules.Refused.CoolDown.Std()))
	}
	return found
}

// listedBefore looks for a do-not-call list that the number stood on by itself before the records begin.
func (x *number) listedBefore() bool {
	for _, r := range x.records {
		switch {
		case r.Kind == registry.RecordListing && r.Reason == "add":
			return false
		case r.Kind == registry.RecordListing, r.Kind == registry.RecordDecision && r.Reason == gate.DNC.String() && r.Version == "":
			x.stage.model.AddDNC(x.number, r.List)
			return true
		}
	}
	return false
}

// upBefore looks for a call that ends in the records and begins before them.
func (x *number) upBefore() {
	begun := make(map[call]bool)
	for _, r := range x.records {
		key := call{r.Rep, r.CallID}
		switch {
		case r.Kind == registry.RecordDecision:
			begun[key] = true
		case r.Kind == registry.RecordEnd && !begun[key]:
			x.goes(key, x.reserve(&registry.Record{
				ID: "before", Time: x.stage.now, Rep: r.Rep, CallID: r.CallID, Scope: r.Scope,
			}, r), r)
			return
		}
	}
}
