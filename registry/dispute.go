package registry

import (
	"slices"
	"strconv"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// Case is what the records of a number tell about a quarrel over it, in one scope, in the order of time.
type Case struct {
	Dialled    []Dial         // every time a rep dialled it, whatever became of it
	Contacts   []gate.Contact // answered calls
	Ownerships []Ownership
	Agreements []gate.Agreement // shares, as they stand at the end; one that was taken back is gone
	Refusals   []Incident       // the customer said no, or an operator noted it or lifted it
	Passes     []Incident       // granted, used or revoked
	Deal       time.Time        // when a deal was first marked as closed; zero when none was
}

// Dial is one time that a rep dialled the number.
type Dial struct {
	Rep     gate.Rep
	At      time.Time
	Verdict string
	Reason  string
	Owner   gate.Rep // who stood in the way
	Policy  string   // version of the rules that decided
}

// Ownership is the time in which one rep owned the number.
type Ownership struct {
	Owner gate.Rep
	From  time.Time // of the record that shows it first
	To    time.Time // zero while it lasts
	Why   string    // how it began: call, claim, transfer
	Ended string    // how it ended: transfer, release, recycle, lapsed; "" while it lasts
}

// Incident is something that happened and changed who may call.
type Incident struct {
	At   time.Time
	What string // refused, refuse, lift; grant, use, revoke
	By   string
	Note string
}

// CaseOf reads the records of one number, oldest first, as they concern one scope. Records do not say when a protection
// ran out; an ownership that nobody ended is closed by the first record that shows it gone.
func CaseOf(records []Record, scope gate.Scope) Case {
	var c Case
	for _, r := range records {
		switch r.Kind {
		case RecordDecision:
			c.dialled(r, scope)
		case RecordEnd:
			c.ended(r, scope)
		case RecordOwner:
			if r.Scope == scope {
				c.changed(r)
			}
		case RecordPool:
			if r.Scope == scope && r.Reason == "recycle" {
				c.close(r.Time, "recycle")
			}
		case RecordRefusal:
			c.Refusals = append(c.Refusals, Incident{r.Time, r.Reason, string(r.Rep), r.Note})
		case RecordPass:
			c.Passes = append(c.Passes, Incident{r.Time, r.Reason, string(r.Rep), r.Note})
		}
	}
	return c
}

func (c *Case) dialled(r Record, scope gate.Scope) {
	d := Dial{Rep: r.Rep, At: r.Time, Verdict: r.Verdict, Reason: r.Reason, Owner: r.Owner, Policy: r.Policy}
	c.Dialled = append(c.Dialled, d)
	if r.Reason == gate.Pass.String() {
		c.Passes = append(c.Passes, Incident{r.Time, "use", string(r.Rep), ""})
	}
	if r.Scope != scope {
		return
	}
	switch r.Reason {
	case gate.OwnerCalls.String(), gate.Owned.String():
		c.owned(r.Owner, r.Time, "call")
	case gate.Allowed.String():
		c.close(r.Time, "lapsed")
	}
}

func (c *Case) ended(r Record, scope gate.Scope) {
	switch r.Ending {
	case gate.EndAnswered.String():
		c.Contacts = append(c.Contacts, gate.Contact{Rep: r.Rep, At: r.Time.Add(-r.Talk), Talk: r.Talk})
	case gate.EndRefused.String():
		c.Refusals = append(c.Refusals, Incident{r.Time, "refused", string(r.Rep), r.Note})
	}
	if r.Scope == scope && r.Owner != "" {
		c.owned(r.Owner, r.Time.Add(-r.Talk), "call")
	}
}

// changed takes in a change by command.
func (c *Case) changed(r Record) {
	switch r.Reason {
	case "claim", "transfer":
		c.owned(r.Owner, r.Time, r.Reason)
	case "release":
		c.close(r.Time, "release")
	case "deal":
		if c.Deal.IsZero() {
			c.Deal = r.Time
		}
	case "share":
		percent, _ := strconv.Atoi(r.Detail["percent"])
		c.unshare(gate.Rep(r.Detail["with"]))
		c.Agreements = append(c.Agreements, gate.Agreement{
			Rep: gate.Rep(r.Detail["with"]), Percent: percent, At: r.Time, By: string(r.Rep),
		})
	case "unshare":
		c.unshare(gate.Rep(r.Detail["with"]))
	}
}

func (c *Case) unshare(rep gate.Rep) {
	c.Agreements = slices.DeleteFunc(c.Agreements, func(a gate.Agreement) bool { return a.Rep == rep })
}

// owned says that a record shows this owner. Whatever began between two records began with the later one.
func (c *Case) owned(owner gate.Rep, at time.Time, why string) {
	if last := c.current(); last != nil && last.Owner == owner {
		return
	}
	ended := "lapsed"
	if why == "transfer" {
		ended = why
	}
	c.close(at, ended)
	c.Ownerships = append(c.Ownerships, Ownership{Owner: owner, From: at, Why: why})
}

func (c *Case) close(at time.Time, ended string) {
	if last := c.current(); last != nil {
		last.To, last.Ended = at, ended
	}
}

// current is the ownership that lasts, nil when there is none.
func (c *Case) current() *Ownership {
	if n := len(c.Ownerships); n > 0 && c.Ownerships[n-1].To.IsZero() {
		return &c.Ownerships[n-1]
	}
	return nil
}

// OwnerAt is who owned the number at a time, "" for nobody.
func (c Case) OwnerAt(at time.Time) gate.Rep {
	for _, o := range c.Ownerships {
		if !o.From.After(at) && (o.To.IsZero() || o.To.After(at)) {
			return o.Owner
		}
	}
	return ""
}

// PolicyAt is the version of the rules by which the last call before a time was decided, or the first one after it; "" when
// no call was.
func (c Case) PolicyAt(at time.Time) string {
	version := ""
	for _, d := range c.Dialled {
		if version != "" && d.At.After(at) {
			break
		}
		if d.Policy != "" {
			version = d.Policy
		}
	}
	return version
}
