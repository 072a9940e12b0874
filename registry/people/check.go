package people

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ringfence/ringfence/gate"
)

// How much one company is. What is more was not meant.
const (
	MostReps       = 100_000
	mostTeams      = 1_000
	mostIdentities = 32
	mostQuota      = 100_000_000
	longestName    = 128 // bytes; of an identity too
	longestScope   = 32  // bytes: it stands in the fields of every number that is owned in it
	longestDigits  = 32  // of an extension
)

// Fields of a person or a team, as files, commands and mistakes call them.
const (
	FieldID          = "id"
	FieldName        = "name"
	FieldTeam        = "team"
	FieldExtension   = "extension"
	FieldIdentities  = "identities"
	FieldSupervisor  = "supervisor"
	FieldHoldings    = "holdings"
	FieldDailyClaims = "daily_claims"
	FieldLeft        = "left"
	FieldScope       = "scope"
	FieldQueue       = "queue"
)

// Mistake is something in a Book that cannot be.
type Mistake struct {
	Rep   gate.Rep  // whose it is; "" when it is a team's
	Team  gate.Team // likewise
	Field string
	Text  string
}

func (m Mistake) Error() string {
	switch {
	case m.Rep != "":
		return fmt.Sprintf("rep %s: %s: %s", m.Rep, m.Field, m.Text)
	case m.Team != "":
		return fmt.Sprintf("team %s: %s: %s", m.Team, m.Field, m.Text)
	}
	return m.Text
}

// checker collects mistakes.
type checker struct {
	before, book Book
	rung         func(extension string) bool
	mistakes     []Mistake
}

// Check says everything that is wrong with the Book, in order. before is what it was made of. rung says whether an
// extension fits the company's pattern; nil when that is not known.
func (b Book) Check(before Book, rung func(extension string) bool) []Mistake {
	c := &checker{before: before, book: b, rung: rung}
	if len(b.Reps) > MostReps || len(b.Teams) > mostTeams {
		return []Mistake{{Text: fmt.Sprintf("there are %d reps and %d teams; at most %d and %d can be kept",
			len(b.Reps), len(b.Teams), MostReps, mostTeams)}}
	}
	for _, id := range slices.Sorted(maps.Keys(b.Teams)) {
		c.team(id, b.Teams[id])
	}
	for _, id := range slices.Sorted(maps.Keys(b.Reps)) {
		c.person(id, b.Reps[id])
	}
	c.identities()
	slices.SortStableFunc(c.mistakes, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.Team, b.Team), cmp.Compare(a.Rep, b.Rep))
	})
	return c.mistakes
}

func (c *checker) team(id gate.Team, t Team) {
	wrong := func(field, format string, args ...any) {
		c.mistakes = append(c.mistakes, Mistake{Team: id, Field: field, Text: fmt.Sprintf(format, args...)})
	}
	if why := gate.CheckWord(string(id)); why != "" {
		wrong(FieldID, "%.64q cannot be a team's: %s", string(id), why)
	}
	if why := gate.CheckWord(string(t.Scope)); t.Scope != "" && (why != "" || len(t.Scope) > longestScope) {
		wrong(FieldScope, "%.64q cannot be a scope's: %s", string(t.Scope), cmp.Or(why, fmt.Sprintf("it is longer than %d bytes", longestScope)))
	}
	c.extension(FieldQueue, t.Queue, wrong)
}

func (c *checker) person(id gate.Rep, p Person) {
	wrong := func(field, format string, args ...any) {
		c.mistakes = append(c.mistakes, Mistake{Rep: id, Field: field, Text: fmt.Sprintf(format, args...)})
	}
	if why := gate.CheckWord(string(id)); why != "" {
		wrong(FieldID, "%.64q cannot be a rep's: %s", string(id), why)
	}
	if len(p.Name) > longestName || !readable(p.Name, true) || strings.TrimSpace(p.Name) != p.Name {
		wrong(FieldName, "it is longer than %d bytes, has blanks around it or holds what cannot be printed", longestName)
	}
	if _, ok := c.book.Teams[p.Team]; p.Team != "" && !ok {
		wrong(FieldTeam, "there is no team %.64q", string(p.Team))
	}
	c.extension(FieldExtension, p.Extension, wrong)
	for field, value := range map[string]int{FieldHoldings: p.Holdings, FieldDailyClaims: p.DailyClaims} {
		if value < 0 || value > mostQuota {
			wrong(field, "%d is out of range; allowed are 0 (what the rules say) to %d", value, mostQuota)
		}
	}
	if len(p.Identities) > mostIdentities {
		wrong(FieldIdentities, "there are %d; at most %d can be kept", len(p.Identities), mostIdentities)
	}
	for _, identity := range p.Identities {
		if identity == "" || identity == string(gate.Anybody) || len(identity) > longestName || strings.Contains(identity, ";") || !readable(identity, false) {
			wrong(FieldIdentities, "%.64q cannot be what a phone calls itself: it is empty, longer than %d bytes, or holds ; or a blank or what cannot be printed",
				identity, longestName)
		}
	}
}

func (c *checker) extension(field, extension string, wrong func(string, string, ...any)) {
	switch {
	case extension == "":
	case len(extension) > longestDigits || strings.Trim(extension, "0123456789") != "":
		wrong(field, "%.64q is no extension; write its digits, %d at most", extension, longestDigits)
	case c.rung != nil && !c.rung(extension):
		wrong(field, "%q does not fit sip.extensions.pattern, so it cannot be rung", extension)
	}
}

// identities finds ids that would lead to two people. Of the two the one that was changed is mistaken.
func (c *checker) identities() {
	owner := make(map[string]gate.Rep, 2*len(c.book.Reps))
	for rep := range c.book.Reps {
		owner[string(rep)] = rep
	}
	reps := slices.SortedFunc(maps.Keys(c.book.Reps), func(a, b gate.Rep) int {
		return cmp.Or(first(c.settled(a), c.settled(b)), first(c.book.Reps[a].Left, c.book.Reps[b].Left), cmp.Compare(a, b))
	})
	for _, rep := range reps {
		for i, identity := range c.book.Reps[rep].Identities {
			other, taken := owner[identity]
			m := Mistake{Rep: rep, Field: FieldIdentities}
			switch {
			case !taken:
				owner[identity] = rep
				continue
			case other == rep || slices.Contains(c.book.Reps[rep].Identities[:i], identity):
				m.Text = fmt.Sprintf("%.64q is there twice; the id is one anyway", identity)
			case c.settled(rep) && !c.settled(other):
				m = Mistake{Rep: other, Field: FieldID, Text: fmt.Sprintf("%.64q is an identity of %s", identity, rep)}
			default:
				m.Text = c.taken(identity, other)
			}
			c.mistakes = append(c.mistakes, m)
		}
	}
}

// settled: the rep had these identities before.
func (c *checker) settled(rep gate.Rep) bool {
	before, was := c.before.Reps[rep]
	return was && slices.Equal(before.Identities, c.book.Reps[rep].Identities)
}

// first puts those for whom it is true before the others.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

func (c *checker) taken(identity string, by gate.Rep) string {
	if c.book.Reps[by].Left {
		return fmt.Sprintf("%.64q is %s's, who has left; take it away there first", identity, by)
	}
	return fmt.Sprintf("%.64q is %s's; a call with it could be either's", identity, by)
}

// readable: text that can be shown and said.
func readable(s string, blanks bool) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == ' ' && !blanks })
}
