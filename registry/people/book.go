package people

import (
	"maps"
	"slices"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// Person is one rep as it is kept. Its id is its key.
type Person struct {
	Name        string    `json:"name,omitempty"`
	Team        gate.Team `json:"team,omitempty"`
	Extension   string    `json:"extension,omitempty"`
	Identities  []string  `json:"identities,omitempty"` // what its phones call it besides its id; replaced, never changed in place
	Supervisor  bool      `json:"supervisor,omitempty"` // of its team
	Holdings    int       `json:"holdings,omitempty"`
	DailyClaims int       `json:"daily_claims,omitempty"`
	Left        bool      `json:"left,omitempty"`

	ChangedAt int64  `json:"at,omitempty"` // ms since 1970, by the registry's clock
	ChangedBy string `json:"by,omitempty"`
}

// Changed is when it was changed last; zero when that is not known.
func (p Person) Changed() time.Time {
	if p.ChangedAt == 0 {
		return time.Time{}
	}
	return time.UnixMilli(p.ChangedAt)
}

// Team is a team as it is kept. Its id is its key.
type Team struct {
	Scope gate.Scope `json:"scope,omitempty"`
	Queue string     `json:"queue,omitempty"` // the extension at which the team is rung as a whole
}

// Book is everybody at one moment.
type Book struct {
	Version string // "" when nobody was ever entered
	Reps    map[gate.Rep]Person
	Teams   map[gate.Team]Team
}

// NewBook is a Book with nobody in it.
func NewBook() Book { return Book{Reps: map[gate.Rep]Person{}, Teams: map[gate.Team]Team{}} }

// Clone is a Book of its own.
func (b Book) Clone() Book {
	return Book{Version: b.Version, Reps: maps.Clone(b.Reps), Teams: maps.Clone(b.Teams)}
}

// Members are the reps of a team who have not left, in order.
func (b Book) Members(team gate.Team) []gate.Rep {
	return b.where(func(p Person) bool { return p.Team == team && !p.Left })
}

// Supervisors are the members of a team who supervise it.
func (b Book) Supervisors(team gate.Team) []gate.Rep {
	return b.where(func(p Person) bool { return p.Team == team && !p.Left && p.Supervisor })
}

func (b Book) where(fits func(Person) bool) []gate.Rep {
	var found []gate.Rep
	for rep, p := range b.Reps {
		if fits(p) {
			found = append(found, rep)
		}
	}
	slices.Sort(found)
	return found
}

// Find is the id of the person that wire, the id that a phone gave, belongs to. Unlike a Snapshot it looks for a while.
func (b Book) Find(wire string) (gate.Rep, bool) {
	if _, ok := b.Reps[gate.Rep(wire)]; ok {
		return gate.Rep(wire), true
	}
	for rep, p := range b.Reps {
		if slices.Contains(p.Identities, wire) {
			return rep, true
		}
	}
	return "", false
}
