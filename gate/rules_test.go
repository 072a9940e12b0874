package gate

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// listing is a registry that has nothing but a bulk list with one number.
type listing struct{ number Number }

func (l listing) Listed(n Number) (Listing, bool) { return Listing{List: "l"}, n == l.number }

func (listing) Decide(context.Context, Question) (Answer, error) { return Answer{}, ErrListsUnknown }

func (listing) Renew(context.Context, []Reservation, Terms) ([]Reservation, error) { return nil, nil }

func (listing) Write(context.Context, []Event) error { return nil }

// crew are people who bear the names of their teams, but for one who has left.
type crew struct{ nobody }

func (crew) Loaded() bool { return true }

func (crew) Person(wire Rep) (Person, bool) {
	return Person{Rep: wire, Team: Team(wire), Left: wire == "leaver"}, wire != "stranger"
}

// TestOrderOfRules: in whatever order the local rules stand, a call gets the same verdict. A list must not be hidden by a
// rule that somebody puts before it.
func TestOrderOfRules(t *testing.T) {
	const listed, free = Number("+12125550100"), Number("+13105550123")
	c := Defaults("US")
	c.Rules.UnknownRep = UnknownBlock
	c.Rules.Territories = TerritoryRule{Areas: []Area{{Prefixes: []string{"310"}, Team: "east"}}}
	g, err := New(Options{Config: c, Registry: listing{listed}, People: crew{}, Now: time.Now})
	require.NoError(t, err)
	var calls []Call
	for _, rep := range []Rep{"", "east", "west", "leaver", "stranger"} {
		for _, d := range []Dialled{
			{Kind: EmergencyCall, Local: "911"},
			{Kind: EmergencyCall, Local: "urn:service:sos"},
			{Kind: Extension, Local: "202"},
			{Kind: External, Number: listed},
			{Kind: External, Number: free},
			{Kind: External},
			{Why: "unreadable"},
			{Kind: External + 1, Number: free},
		} {
			calls = append(calls, Call{Key: Key{Rep: rep}, Dialled: d})
		}
	}
	verdict := func(order []rule, c Call) string {
		for _, rule := range order {
			if r, rules := rule(g, g.policy.Load(), c); rules {
				return r.Verdict.String()
			}
		}
		return "ask"
	}
	orders := 0
	for order := range permutations(localRules[:]) {
		orders++
		for _, c := range calls {
			require.Equal(t, verdict(localRules[:], c), verdict(order, c), "%+v", c)
		}
	}
	require.Equal(t, 720, orders)
}

// permutations are all orders of all.
func permutations(all []rule) func(yield func([]rule) bool) {
	return func(yield func([]rule) bool) {
		var from func(order []rule, at int) bool
		from = func(order []rule, at int) bool {
			if at == len(order) {
				return yield(order)
			}
			for i := at; i < len(order); i++ {
				next := slices.Clone(order)
				next[at], next[i] = next[i], next[at]
				if !from(next, at+1) {
					return false
				}
			}
			return true
		}
		from(all, 0)
	}
}
