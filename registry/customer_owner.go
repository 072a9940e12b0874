package registry

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// CustomerOwner is who owns a customer in one scope.
type CustomerOwner struct {
	Scope string
	Owner gate.Rep
	Team  string
	Since time.Time
	Until time.Time
}

// unit parts the items of an ownership, which hold the parts sep and part of their own.
const unit = "\x1d"

// ownership is what a customer's record holds of one scope, packed into items: fence · digits of the number that told it
// last · which change of that number it was · then letter and value of each field as the number had it. The fence counts
// up by each change; a number keeps the copy with the highest.
type ownership struct {
	fence  string
	origin string
	change string
	facts  []string // letter, value, ...
}

func readOwnership(packed string) (o ownership) {
	items := strings.Split(packed, unit)
	if len(items) < 3 || len(items)%2 != 1 {
		return o
	}
	return ownership{fence: items[0], origin: items[1], change: items[2], facts: items[3:]}
}

// fact is the value of a field.
func (o ownership) fact(letter string) string {
	for i := 0; i+1 < len(o.facts); i += 2 {
		if o.facts[i] == letter {
			return o.facts[i+1]
		}
	}
	return ""
}

// readOwners leaves out ownerships that have ended.
func readOwners(hash map[string]string, now time.Time) (owners []CustomerOwner) {
	for _, scope := range slices.Sorted(maps.Keys(hash)) {
		o := readOwnership(hash[scope])
		until := millis(o.fact("u"))
		if o.fact("o") == "" || !until.After(now) {
			continue
		}
		owners = append(owners, CustomerOwner{
			Scope: unescape(scope), Owner: gate.Rep(unescape(o.fact("o"))), Team: unescape(o.fact("m")),
			Since: millis(o.fact("s")), Until: until,
		})
	}
	return owners
}

func (s *Store) spread(ctx context.Context, ids []string) error   { return nil }
func (s *Store) work(ctx context.Context, entries []string) error { return nil }
