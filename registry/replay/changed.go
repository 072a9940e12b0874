package replay

import (
	"strconv"
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// changed does what a command did: that happened whatever the rules.
func (x *number) changed(r *registry.Record) {
	switch r.Kind {
	case registry.RecordOwner:
		x.ownerChanged(r)
	case registry.RecordRefusal:
		x.refusalChanged(r)
	case registry.RecordPass:
		x.passChanged(r)
	case registry.RecordPool:
		if r.Reason == "recycle" {
			x.recycled(r)
		}
	case registry.RecordStage:
		if r.Reason == "enter" {
			rule, _, _ := x.options.Config.Rules.Stage(r.Detail["stage"])
			x.stage.model.Protect(x.number, r.Scope, rule.Protection.Std())
		}
	case registry.RecordListing:
		if r.Reason == "add" {
			x.stage.model.AddDNC(x.number, r.List)
		} else {
			x.stage.model.AddDNC(x.number, "")
		}
	}
}

func (x *number) ownerChanged(r *registry.Record) {
	m, n := x.stage.model, x.number
	terms := x.gate.TermsFor(r.Owner)
	switch undo := r.Detail["undo"] != ""; {
	case undo && m.Restore(n, r.Scope):
		return
	case r.Detail["offboard"] != "":
		m.Remember(n, r.Scope)
	}
	switch r.Reason {
	case "claim":
		m.Claim(n, r.Scope, r.Owner, x.extension(r.Owner), r.Detail["level"], milliseconds(r.Detail["ms"]), terms)
	case "release":
		m.Release(n, r.Scope)
	case "transfer":
		m.Transfer(n, r.Scope, r.Owner, x.extension(r.Owner), terms)
	case "share":
		m.Share(n, r.Scope, gate.Rep(r.Detail["with"]))
	case "unshare":
		m.Unshare(n, r.Scope, gate.Rep(r.Detail["with"]))
	case "lock", "unlock":
		m.Lock(n, r.Scope, r.Reason == "lock", terms)
	case "deal", "undeal":
		m.Deal(n, r.Scope, r.Reason == "deal", terms)
	case "level":
		m.Level(n, r.Scope, r.Detail["level"], terms)
	case "extend":
		m.Extend(n, r.Scope, milliseconds(r.Detail["ms"]))
	}
}

// recycled moves a number into the pool. One that was moved since its protection had ended by the rules of then stays while
// it has not by these.
func (x *number) recycled(r *registry.Record) {
	switch {
	case r.Detail["offboard"] != "":
		x.stage.model.Remember(x.number, r.Scope)
	case r.Detail["stage"] == "":
		x.stage.model.Lapse(x.number, r.Scope)
		return
	}
	x.stage.model.Release(x.number, r.Scope)
}

// passChanged follows a pass. One with a PIN is good only once that was dialled: its grant has no time, and what was granted
// before is gone.
func (x *number) passChanged(r *registry.Record) {
	rep := gate.Rep(r.Detail["rep"])
	if long := milliseconds(r.Detail["ms"]); long > 0 {
		x.stage.model.Grant(x.number, rep, long)
		return
	}
	x.stage.model.Revoke(x.number, rep)
}

func (x *number) refusalChanged(r *registry.Record) {
	if r.Reason == "lift" {
		x.stage.model.Refuse(x.number, time.Time{})
		return
	}
	long := milliseconds(r.Detail["ms"])
	if long == 0 {
		long = x.gate.Terms().CoolDown
	}
	x.stage.model.Refuse(x.number, r.Time.Add(long))
}

// milliseconds reads a detail; what is none is 0.
func milliseconds(text string) time.Duration {
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms < 0 || ms > int64(3650*24*time.Hour/time.Millisecond) {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}
