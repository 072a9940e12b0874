package registrytest

import "github.com/ringfence/ringfence/gate"

// People are a few people for tests, by every id that a phone may give. It is not to change while calls are made.
type People map[gate.Rep]gate.Person

var _ gate.People = People{}

// NewPeople enters persons under their ids. Those who have others are added to the map.
func NewPeople(persons ...gate.Person) People {
	p := make(People)
	for _, person := range persons {
		p[person.Rep] = person
	}
	return p
}

// Person implements gate.People.
func (p People) Person(wire gate.Rep) (gate.Person, bool) {
	person, known := p[wire]
	return person, known
}

// Loaded implements gate.People.
func (p People) Loaded() bool { return len(p) > 0 }

// Queue implements gate.People: teams of these people have the extension 700.
func (p People) Queue(team gate.Team) string {
	for _, person := range p {
		if team != "" && person.Team == team {
			return "700"
		}
	}
	return ""
}
