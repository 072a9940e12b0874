package people

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ringfence/ringfence/gate"
)

// What became of a person or a team.
const (
	Added    = "added"
	Altered  = "changed"
	Removed  = "removed"
	Leaves   = "left"
	Returned = "returned"
)

// Change is what became of one person or one team.
type Change struct {
	Rep    gate.Rep      `json:"rep,omitempty"`
	Team   gate.Team     `json:"team,omitempty"` // of a team's change
	What   string        `json:"change"`
	Fields []FieldChange `json:"fields,omitempty"`
}

// FieldChange is one field before and after.
type FieldChange struct {
	Field  string `json:"field"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// Diff is what makes after of before, teams first, in order.
func Diff(before, after Book) []Change {
	var changes []Change
	for _, id := range union(before.Teams, after.Teams) {
		a, was := before.Teams[id]
		b, is := after.Teams[id]
		if c := (Change{Team: id, What: what(was, is), Fields: diffFields(a.fields(), b.fields())}); was != is || len(c.Fields) > 0 {
			changes = append(changes, c)
		}
	}
	for _, id := range union(before.Reps, after.Reps) {
		a, was := before.Reps[id]
		b, is := after.Reps[id]
		c := Change{Rep: id, What: what(was, is), Fields: diffFields(a.fields(), b.fields())}
		if was && is && a.Left != b.Left {
			if c.What = Returned; b.Left {
				c.What = Leaves
			}
		}
		if was != is || len(c.Fields) > 0 {
			changes = append(changes, c)
		}
	}
	return changes
}

func what(was, is bool) string {
	switch {
	case !was:
		return Added
	case !is:
		return Removed
	}
	return Altered
}

// union are the keys of both, in order.
func union[K cmp.Ordered, V any](a, b map[K]V) []K {
	all := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(all)
	return slices.Compact(all)
}

// field is one field as text; "" is its zero value.
type field struct{ name, text string }

func (p Person) fields() []field {
	return []field{
		{FieldName, p.Name},
		{FieldTeam, string(p.Team)},
		{FieldExtension, p.Extension},
		{FieldIdentities, strings.Join(p.Identities, " ")},
		{FieldSupervisor, yes(p.Supervisor)},
		{FieldHoldings, number(p.Holdings)},
		{FieldDailyClaims, number(p.DailyClaims)},
		{FieldLeft, yes(p.Left)},
	}
}

func (t Team) fields() []field { return []field{{FieldScope, string(t.Scope)}, {FieldQueue, t.Queue}} }

func diffFields(before, after []field) []FieldChange {
	var changes []FieldChange
	for i, b := range before {
		if a := after[i]; a.text != b.text {
			changes = append(changes, FieldChange{b.name, b.text, a.text})
		}
	}
	return changes
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// text is the change as it is kept.
func (c Change) text() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic("people: a change cannot be written as JSON: " + err.Error()) // it is made of texts
	}
	return string(text)
}
