package gate

// Scope is a product line. "" is the company's one scope when it has no others. A number has one owner in each scope;
// refusals, do-not-call lists and calls in flight hold across all.
type Scope string

// Team is a group of reps that sells in one scope.
type Team string

// Person is one rep as the company knows it.
type Person struct {
	Rep         Rep // the id that everything is kept under
	Name        string
	Team        Team
	Scope       Scope  // its team's
	Extension   string // where it is rung; "" for the id, when that is an extension
	Supervisor  bool
	Left        bool // it works here no longer: its calls that are up go on, it gets no new ones
	Holdings    int  // most numbers it may hold; 0: rules.holdings.most
	DailyClaims int  // most numbers it may claim in a day; 0: rules.pool.daily_claims
}

// People is who works here, in memory: it never blocks and never fails, and is asked several times for each call.
type People interface {
	// Person finds one by the id that the phone gave: the rep's own, or any other of its identities. An id that
	// Person.Rep once was finds the same person, so finding twice changes nothing.
	Person(wire Rep) (Person, bool)

	// Loaded says whether anybody is entered. While nobody is, nobody is unknown either.
	Loaded() bool

	// Queue is the extension at which a team is rung as a whole; "" when it has none.
	Queue(team Team) string
}

// nobody is the People of a company that has entered none.
type nobody struct{}

func (nobody) Person(Rep) (Person, bool) { return Person{}, false }
func (nobody) Loaded() bool              { return false }
func (nobody) Queue(Team) string         { return "" }

// Anybody asks about a number whoever rings it: no rule about a rep holds for it. No rep has this id, see Recognise.
const Anybody Rep = "-"

// Recognise gives the id under which the company knows the rep that a phone named; that of the phone when the company
// does not know it. To be called once, where it is found out who sent a request.
func (g *Gate) Recognise(wire Rep) Rep {
	if wire == Anybody {
		return ""
	}
	if person, known := g.people.Person(wire); known {
		return person.Rep
	}
	return wire
}

// Extension is where a rep is rung: the extension that was entered for it, else its id, when that is an internal number;
// "" when it cannot be rung.
func (g *Gate) Extension(rep Rep) string {
	person, _ := g.people.Person(rep)
	return g.policy.Load().extension(person, rep)
}

func (p *policy) extension(person Person, rep Rep) string {
	if p.normaliser.FitsExtension(person.Extension) {
		return person.Extension
	}
	if p.normaliser.FitsExtension(string(rep)) {
		return string(rep)
	}
	return ""
}

// strange says whether rep may place no call for what the people say of it: it has left, or is not among them and
// rules.unknown_rep is block.
func (g *Gate) strange(p *policy, rep Rep) bool {
	if rep == Anybody || !g.people.Loaded() {
		return false
	}
	person, known := g.people.Person(rep)
	return person.Left || !known && p.config.Rules.UnknownRep == UnknownBlock
}

// Person is what the company knows of a rep.
func (g *Gate) Person(rep Rep) (Person, bool) { return g.people.Person(rep) }
