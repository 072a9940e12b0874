package people

import (
	"github.com/ringfence/ringfence/gate"
)

// Snapshot is a Book made ready to be asked for every call. It never changes.
type Snapshot struct {
	persons map[gate.Rep]*gate.Person // by every id that a phone may give
	queues  map[gate.Team]string
	reps    int // who have not left
	loaded  bool
}

// NewSnapshot makes a Book ready that has been checked.
func NewSnapshot(b Book) *Snapshot {
	s := &Snapshot{
		persons: make(map[gate.Rep]*gate.Person, 2*len(b.Reps)), queues: make(map[gate.Team]string, len(b.Teams)),
		loaded: len(b.Reps) > 0,
	}
	for id, t := range b.Teams {
		s.queues[id] = t.Queue
	}
	for id, p := range b.Reps {
		person := &gate.Person{
			Rep: id, Name: p.Name, Team: p.Team, Scope: b.Teams[p.Team].Scope, Extension: p.Extension,
			Supervisor: p.Supervisor, Left: p.Left, Holdings: p.Holdings, DailyClaims: p.DailyClaims,
		}
		s.persons[id] = person
		for _, identity := range p.Identities {
			s.persons[gate.Rep(identity)] = person
		}
		if !p.Left {
			s.reps++
		}
	}
	s.extensions(b)
	return s
}

// extensions lets a phone be known by its extension too, where that is nobody's id or identity. An extension that several
// people share, who work at one desk in turns, tells nothing; one that a leaver had is the successor's.
func (s *Snapshot) extensions(b Book) {
	sharers := make(map[string][]gate.Rep)
	for id, p := range b.Reps {
		if p.Extension != "" {
			sharers[p.Extension] = append(sharers[p.Extension], id)
		}
	}
	for extension, reps := range sharers {
		if _, taken := s.persons[gate.Rep(extension)]; taken {
			continue
		}
		if only := onlyOne(reps, b); only != "" {
			s.persons[gate.Rep(extension)] = s.persons[only]
		}
	}
}

// onlyOne is the one of reps who has not left; when all have, the one that there is.
func onlyOne(reps []gate.Rep, b Book) gate.Rep {
	var present []gate.Rep
	for _, rep := range reps {
		if !b.Reps[rep].Left {
			present = append(present, rep)
		}
	}
	switch {
	case len(present) == 1:
		return present[0]
	case len(present) == 0 && len(reps) == 1:
		return reps[0]
	}
	return ""
}

// Person implements gate.People.
func (s *Snapshot) Person(wire gate.Rep) (gate.Person, bool) {
	if p := s.persons[wire]; p != nil {
		return *p, true
	}
	return gate.Person{}, false
}

// Loaded implements gate.People.
func (s *Snapshot) Loaded() bool { return s.loaded }

// Queue implements gate.People.
func (s *Snapshot) Queue(team gate.Team) string { return s.queues[team] }

// Reps is how many people work here.
func (s *Snapshot) Reps() int { return s.reps }

var _ gate.People = (*Snapshot)(nil)
