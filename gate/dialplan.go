package gate

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Prefix is one line of a dial plan: what a peer's users dial first, and what is to be read in its place.
type Prefix struct{ Dialled, Replace string }

// Dialplan is the table of a peer's dialling prefixes, longest first, e.g. {"00" → "+"}, {"9" → ""}. NewDialplan makes
// one. It is applied once, before a number is read, but never to an emergency number.
type Dialplan []Prefix

// NewDialplan checks a table of prefixes and puts the longest first.
func NewDialplan(table map[string]string) (Dialplan, error) {
	plan := make(Dialplan, 0, len(table))
	var mistakes []error
	for dialled, replace := range table {
		switch {
		case !isDialString(dialled):
			mistakes = append(mistakes, fmt.Errorf("prefix %q: write the digits that are dialled, such as 9 or 00", clip(dialled)))
		case replace != "" && replace != "+" && !isDialString(replace):
			mistakes = append(mistakes, fmt.Errorf("prefix %q: its replacement %q must be digits, with a + before them at most", clip(dialled), clip(replace)))
		default:
			plan = append(plan, Prefix{Dialled: dialled, Replace: replace})
		}
	}
	slices.SortFunc(plan, func(a, b Prefix) int {
		return cmp.Or(cmp.Compare(len(b.Dialled), len(a.Dialled)), cmp.Compare(a.Dialled, b.Dialled))
	})
	return plan, errors.Join(mistakes...)
}

// apply replaces the longest prefix that fits. It does not rely on the order, so that a table written by hand works too.
func (p Dialplan) apply(dialled string) string {
	best := -1
	for i := range p {
		if strings.HasPrefix(dialled, p[i].Dialled) && (best < 0 || len(p[i].Dialled) > len(p[best].Dialled)) {
			best = i
		}
	}
	if best < 0 {
		return dialled
	}
	return p[best].Replace + dialled[len(p[best].Dialled):]
}

// isDialString says whether s is digits, with a + before them at most.
func isDialString(s string) bool {
	digits := strings.TrimPrefix(s, "+")
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}
