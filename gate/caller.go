package gate

import "time"

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
	return caller{extension: p.extension(person, rep), scope: person.Scope, team: person.Team}
}
