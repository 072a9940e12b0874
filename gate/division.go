package gate

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// DivisionRule says how a result is divided between the reps who worked for it, where they had agreed on nothing.
type DivisionRule struct {
	Result      Claimant `yaml:"result"`       // owner | first_contact | last_contact | most_talk: who has the result; default owner
	Helper      int      `yaml:"helper"`       // 0: percent that colleagues who helped the owner get together, without an agreement
	HelperCalls int      `yaml:"helper_calls"` // 1: answered calls, each as long as claim.min_talk, that make a helper
}

// Claimant is a way to find the rep who has the result.
type Claimant uint8

// The claimants.
const (
	ByOwner Claimant = iota
	ByFirstContact
	ByLastContact
	ByMostTalk
	claimantCount
)

var claimantNames = [claimantCount]string{"owner", "first_contact", "last_contact", "most_talk"}

func (c Claimant) String() string { return nameOf(claimantNames[:], uint8(c), "claimant") }

// MarshalText writes the name.
func (c Claimant) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads a name.
func (c *Claimant) UnmarshalText(text []byte) error {
	i, err := indexOf(claimantNames[:], string(text))
	*c = Claimant(i)
	return err
}

// defaultDivision: the owner has the result, and who helps agrees on a share first.
var defaultDivision = DivisionRule{Result: ByOwner, HelperCalls: 1}

func (d DivisionRule) validate(wrong func(key, format string, args ...any)) {
	if d.Result >= claimantCount {
		wrong("rules.division.result", "%s is not one of %s", d.Result, list(claimantNames[:]))
	}
	if d.Helper < 0 || d.Helper > 100 {
		wrong("rules.division.helper", "%d is out of range; allowed are 0 to 100 percent", d.Helper)
	}
	if d.HelperCalls < 1 || d.HelperCalls > 1000 {
		wrong("rules.division.helper_calls", "%d is out of range; allowed are 1 to 1000 calls", d.HelperCalls)
	}
}

// Contact is one answered call to a customer.
type Contact struct {
	Rep  Rep
	At   time.Time // of the answer
	Talk time.Duration
}

// Agreement is a share that was agreed on.
type Agreement struct {
	Rep     Rep
	Percent int
	At      time.Time
	By      string // who wrote it down
}

// Basis says why a rep gets a part.
type Basis string

// The bases.
const (
	BasisAgreement Basis = "agreement"     // At, By
	BasisOwner     Basis = "owner"         // owned the number then
	BasisFirst     Basis = "first_contact" // spoke with the customer first
	BasisLast      Basis = "last_contact"  // spoke with the customer last
	BasisTalk      Basis = "most_talk"     // Talk
	BasisHelper    Basis = "helper"        // Calls
)

// Part is what one rep gets of a result, in percent, and why.
type Part struct {
	Rep     Rep
	Percent int
	Basis   Basis
	Rule    string // the key of the rule that says so; "" for an agreement
	At      time.Time
	By      string
	Talk    time.Duration
	Calls   int // answered, each as long as rules.claim.min_talk
}

// Divide divides a result that came at a time: what was agreed on by then goes first, then the rules. owner is who
// owned the number then, "" for nobody. Contacts and agreements that came later do not count. The parts add up to 100,
// the largest first; there are none when nobody had any contact and nobody owned it.
func (r Rules) Divide(at time.Time, owner Rep, contacts []Contact, agreed []Agreement) []Part {
	contacts = slices.DeleteFunc(slices.Clone(contacts), func(c Contact) bool { return c.At.After(at) })
	slices.SortStableFunc(contacts, func(a, b Contact) int { return a.At.Compare(b.At) })
	rest := r.Division.claimant(owner, contacts)
	if rest.Rep == "" {
		return nil
	}
	var parts []Part
	for _, a := range agreed {
		if a.At.After(at) || a.Rep == rest.Rep || a.Percent <= 0 {
			continue
		}
		percent := min(a.Percent, rest.Percent)
		rest.Percent -= percent
		parts = append(parts, Part{Rep: a.Rep, Percent: percent, Basis: BasisAgreement, At: a.At, By: a.By})
	}
	parts = append(parts, r.help(&rest, parts, contacts)...)
	parts = append(parts, rest)
	slices.SortStableFunc(parts, func(a, b Part) int { return cmp.Or(cmp.Compare(b.Percent, a.Percent), cmp.Compare(a.Rep, b.Rep)) })
	return parts
}

// claimant finds who has the result before anything is taken off it. Without an owner the first contact counts: who
// followed up first. The owner counts when nobody spoke with the customer.
func (d DivisionRule) claimant(owner Rep, contacts []Contact) Part {
	part := Part{Rep: owner, Percent: 100, Basis: BasisOwner, Rule: "rules.division.result: " + d.Result.String()}
	if len(contacts) == 0 || d.Result == ByOwner && owner != "" {
		return part
	}
	switch d.Result {
	case ByLastContact:
		part.Rep, part.Basis = contacts[len(contacts)-1].Rep, BasisLast
	case ByMostTalk:
		talks := talkOf(contacts)
		part.Rep, part.Basis = contacts[0].Rep, BasisTalk // who was first wins a draw
		for _, c := range contacts {
			if talks[c.Rep] > talks[part.Rep] {
				part.Rep = c.Rep
			}
		}
		part.Talk = talks[part.Rep]
	default:
		part.Rep, part.Basis = contacts[0].Rep, BasisFirst
	}
	return part
}

func talkOf(contacts []Contact) map[Rep]time.Duration {
	talks := make(map[Rep]time.Duration)
	for _, c := range contacts {
		talks[c.Rep] += c.Talk
	}
	return talks
}

// help gives the helpers their percent together, in equal whole parts; what does not divide stays with rest. Whoever had
// agreed on a share gets that and no more.
func (r Rules) help(rest *Part, agreed []Part, contacts []Contact) []Part {
	calls := make(map[Rep]int)
	var helpers []Rep
	for _, c := range contacts {
		if c.Rep == rest.Rep || c.Talk < r.Claim.MinTalk.Std() ||
			slices.ContainsFunc(agreed, func(p Part) bool { return p.Rep == c.Rep }) {
			continue
		}
		calls[c.Rep]++
		if calls[c.Rep] == r.Division.HelperCalls {
			helpers = append(helpers, c.Rep)
		}
	}
	if len(helpers) == 0 {
		return nil
	}
	each := min(r.Division.Helper, rest.Percent) / len(helpers)
	if each == 0 {
		return nil
	}
	parts := make([]Part, len(helpers))
	for i, h := range helpers {
		rest.Percent -= each
		parts[i] = Part{
			Rep: h, Percent: each, Basis: BasisHelper, Calls: calls[h],
			Rule: "rules.division.helper: " + strconv.Itoa(r.Division.Helper),
		}
	}
	return parts
}
