package registry

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// CustomerOwner is who owns a customer in one scope.
type CustomerOwner struct {
	Scope gate.Scope
	Owner gate.Rep
	Team  gate.Team
	Since time.Time
	Until time.Time
}

// unit parts the items of an ownership, whose facts hold sep and part.
const unit = "\x1d"

// ownership is what a customer's record holds of one scope, packed into items: fence · digits of the number that told it
// last · which change of that number it was · then letter and value of each fact, as the number had it. The fence counts
// up by each change; of two copies a number keeps the one with the higher.
type ownership struct {
	fence  string
	origin string
	change string
	facts  []string // letter, value, ...
}

// ownershipLetters are the facts of an ownership, as keys.go names them.
var ownershipLetters = []string{"o", "x", "s", "u", "um", "ub", "c", "m", "w", "k", "v", "l", "j", "b", "bu", "q", "qw"}

func readOwnership(packed string) (o ownership, ok bool) {
	items := strings.Split(packed, unit)
	if len(items) < 3 {
		return o, false
	}
	return ownership{fence: items[0], origin: items[1], change: items[2], facts: items[3 : len(items)-(len(items)-3)%2]}, true
}

// packedFacts are the facts of a number in one scope.
func packedFacts(fields map[string]string, scope gate.Scope) string {
	var facts []string
	for _, letter := range ownershipLetters {
		if value, ok := fields[fieldIn(letter, scope)]; ok {
			facts = append(facts, letter, value)
		}
	}
	return strings.Join(facts, unit)
}

// fact is the value of a fact, "" when it is none.
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
		o, ok := readOwnership(hash[scope])
		until := millis(o.fact("u"))
		if !ok || o.fact("o") == "" || !until.After(now) {
			continue
		}
		owners = append(owners, CustomerOwner{
			Scope: gate.Scope(unescape(scope)), Owner: gate.Rep(unescape(o.fact("o"))), Team: gate.Team(unescape(o.fact("m"))),
			Since: millis(o.fact("s")), Until: until,
		})
	}
	return owners
}
