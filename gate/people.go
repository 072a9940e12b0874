package gate

import "time"

// Scope is a product line. A number has one owner in each scope; refusals, do-not-call lists and calls in flight hold
// across all of them. "" is the scope of a company that has no others.
type Scope string

// Team is a group of reps, who sell in one scope.
type Team string

// Person is a rep as the company knows them.
type Person struct {
	Rep         Rep // the canonical id, by which owners and records name them
	Name        string
	Team        Team
	Scope       Scope  // the team's
	Extension   string // where they are rung; "" when it is their id
	Supervisor  bool
	Left        bool // works here no longer: their calls that are up end normally, new ones are refused
	Holdings    int  // most numbers they may hold; 0: rules.holdings.most
	DailyClaims int  // most numbers they may claim in a day; 0: rules.pool.daily_claims
}

// People is who works here. It is asked for every call, so it never blocks and never fails.
type People interface {
	// Person finds a rep by the id that came with the call or by any other of their identities.
	Person(wire Rep) (Person, bool)
	// Loaded is false while nobody has ever been entered: then everybody is known.
	Loaded() bool
}

// nobody is who works here before anybody was entered.
type nobody struct{}

func (nobody) Person(Rep) (Person, bool) { return Person{}, false }
func (nobody) Loaded() bool              { return false }

// caller is who dials, as a question and the events after it need to know them.
type caller struct {
	extension string
	scope     Scope
	team      Team
}

// termsAt fills in what changes with the time: where the day began.
func (p *policy) termsAt(t Terms, now time.Time) Terms {
	_, east := now.In(p.place).Zone()
	t.Offset = time.Duration(east) * time.Second
	return t
}

// claimTerms are the policy's terms with the limits of one rep, for what may make an owner.
func (g *Gate) claimTerms(p *policy, rep Rep, now time.Time) Terms {
	t := p.termsAt(p.terms, now)
	person, _ := g.people.Person(rep)
	if person.Holdings > 0 {
		t.Holdings = person.Holdings
	}
	if person.DailyClaims > 0 {
		t.DailyClaims = person.DailyClaims
	}
	return t
}

// callerOf looks a rep up.
func (g *Gate) callerOf(p *policy, rep Rep) caller {
	person, _ := g.people.Person(rep)
	c := caller{extension: person.Extension, scope: person.Scope, team: person.Team}
	if c.extension == "" {
		c.extension = p.ownExtension(rep)
	}
	return c
}
