package ownership

import (
	"maps"
	"slices"
	"strings"

	"github.com/ringfence/ringfence/gate"
)

// The model: what docs/rules.md says of one number, in plain Go. It knows nothing of Redis or of the scripts, and does one
// thing after another. Times are milliseconds since 1970; 0 is never.

// forever is the end of a protection that does not end.
const forever = 253402300799000

// number is one number.
type number struct {
	listed   map[string]bool // single additions to do-not-call lists
	refused  int64           // until when
	passes   map[gate.Rep]int64
	flight   flight
	attempts map[gate.Key]attempt
	allowed  map[gate.Key]bool // what was ever let out
	fence    int64             // of the last reservation
	scopes   map[gate.Scope]*owned
}

// flight is the call that is up.
type flight struct {
	key   gate.Key
	until int64 // end of its lease
}

// attempt is one call that was asked about.
type attempt struct {
	answer      gate.Answer
	until       int64 // remembered until then, or as long as it is up
	firm, ended bool
}

// owned is how a number stands in one scope.
type owned struct {
	owner     gate.Rep
	team      gate.Team
	extension string
	since     int64
	until     int64
	unlocked  int64 // the end there would be without the lock
	contact   int64
	deal      int64
	byHand    bool
	locked    bool
	level     string
	shares    map[gate.Rep]int // percent

	first      gate.Rep // whose call nobody answered
	firstUntil int64

	pooled      int64 // since when it is in the pool
	why         string
	barred      gate.Rep
	barredUntil int64
}

func newNumber() *number {
	return &number{
		listed: map[string]bool{}, passes: map[gate.Rep]int64{}, attempts: map[gate.Key]attempt{},
		allowed: map[gate.Key]bool{}, scopes: map[gate.Scope]*owned{},
	}
}

func (n *number) clone() *number {
	c := *n
	c.listed, c.passes, c.attempts = maps.Clone(n.listed), maps.Clone(n.passes), maps.Clone(n.attempts)
	c.allowed = maps.Clone(n.allowed)
	c.scopes = make(map[gate.Scope]*owned, len(n.scopes))
	for scope, o := range n.scopes {
		copied := *o
		copied.shares = maps.Clone(o.shares)
		c.scopes[scope] = &copied
	}
	return &c
}

func (n *number) in(scope gate.Scope) *owned {
	o := n.scopes[scope]
	if o == nil {
		o = &owned{shares: map[gate.Rep]int{}}
		n.scopes[scope] = o
	}
	return o
}

func (n *number) up(now int64) bool { return now < n.flight.until }

// live says whether somebody owns it now.
func (o *owned) live(now int64) bool { return o.owner != "" && now < o.until }

// helps says whether a colleague may ring the owner's customer.
func (o *owned) helps(rep gate.Rep, team gate.Team, t gate.Terms) (gate.Reason, bool) {
	if _, shares := o.shares[rep]; shares {
		return gate.Collaborator, true
	}
	if t.Team && team != "" && team == o.team {
		return gate.OwnerCalls, true
	}
	return gate.Undecided, false
}

// isBarred says whether the rep had the number until just now.
func (o *owned) isBarred(rep gate.Rep, now int64, t gate.Terms) bool {
	switch {
	case o.pooled != 0:
		return o.barred == rep && now < o.barredUntil
	case o.owner == rep: // it ended, and nobody has put it into the pool yet
		return now < o.until+t.Bar.Milliseconds()
	}
	return false
}

// byRules is when the protection ends, by the rules.
func (o *owned) byRules(t gate.Terms) int64 {
	if o.deal != 0 && t.DealProtection == 0 {
		return forever
	}
	from := o.contact
	if from == 0 {
		from = o.since
	}
	end := from + protectionOf(o.level, t)
	if most := t.ProtectionMost.Milliseconds(); most > 0 {
		end = min(end, o.since+most)
	}
	if o.deal != 0 {
		return max(end, o.deal+t.DealProtection.Milliseconds())
	}
	if most := t.NoDeal.Milliseconds(); most > 0 {
		end = min(end, o.since+most)
	}
	return end
}

// levels are those of every history.
var levels = map[string]int64{"A": 90 * day, "B": 2 * day}

func protectionOf(level string, t gate.Terms) int64 {
	if d, ok := levels[level]; ok && t.Levels != "" {
		return d
	}
	return t.Protection.Milliseconds()
}

// reckon sets the end anew after something that the rules look at has changed. An end that was set by hand only moves on.
func (o *owned) reckon(t gate.Terms) {
	if ends := o.byRules(t); !o.byHand || ends > o.end() {
		o.ends(ends)
		o.byHand = false
	}
}

// ends sets the end; a lock stands before it.
func (o *owned) ends(at int64) {
	at = min(at, forever)
	if o.locked {
		o.unlocked = at
		return
	}
	o.until = at
}

// end is when it ends, or would without the lock.
func (o *owned) end() int64 {
	if o.locked {
		return o.unlocked
	}
	return o.until
}

// reached is what an answered call does.
func (o *owned) reached(now int64, t gate.Terms) {
	o.contact = now
	o.reckon(t)
}

// taken makes rep the owner of what nobody owns. Of what was before, the level stays.
func (o *owned) taken(rep gate.Rep, team gate.Team, extension string, now int64) {
	*o = owned{owner: rep, team: team, extension: extension, since: now, level: o.level, shares: map[gate.Rep]int{}}
}

// free puts it into the pool.
func (o *owned) free(why string, now int64, t gate.Terms) {
	*o = owned{
		pooled: now, why: why, barred: o.owner, level: o.level, shares: map[gate.Rep]int{}, first: o.first, firstUntil: o.firstUntil,
	}
	if t.Bar > 0 {
		o.barredUntil = now + t.Bar.Milliseconds()
	}
}

func isPassable(over string, reasons ...gate.Reason) bool {
	return !slices.ContainsFunc(reasons, func(r gate.Reason) bool { return !strings.Contains(over, ","+r.String()+",") })
}
