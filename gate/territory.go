package gate

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// territories are the areas made ready: the longest prefix is found by one look at a map for each length that occurs.
type territories struct {
	action  TerritoryAction
	areas   map[string]*Area // by the E.164 digits that begin its numbers
	lengths []int            // of those digits, the longest first
}

// newTerritories makes areas ready that have been validated.
func newTerritories(rule TerritoryRule, region string) territories {
	t := territories{action: rule.Action, areas: make(map[string]*Area)}
	for i := range rule.Areas {
		for _, text := range rule.Areas[i].Prefixes {
			if digits, why := areaPrefix(text, region); why == "" {
				t.areas[digits] = &rule.Areas[i]
				t.lengths = append(t.lengths, len(digits))
			}
		}
	}
	slices.SortFunc(t.lengths, func(a, b int) int { return cmp.Compare(b, a) })
	t.lengths = slices.Compact(t.lengths)
	return t
}

// area is the one that n lies in; nil when n lies in none.
func (t *territories) area(n Number) *Area {
	digits := n.Digits()
	for _, length := range t.lengths {
		if length <= len(digits) {
			if a := t.areas[digits[:length]]; a != nil {
				return a
			}
		}
	}
	return nil
}

// areaPrefix reads what an area's numbers begin with: + and digits, or an area code of the region. A leading 0 of an area
// code, as it is dialled at home, is dropped where it is the region's national prefix.
func areaPrefix(text, region string) (digits, why string) {
	digits, international := strings.CutPrefix(text, "+")
	if digits == "" || len(digits) > mostE164 || strings.Trim(digits, "0123456789") != "" {
		return "", "is no beginning of a number: write + and digits, such as +1212, or the digits of an area code"
	}
	if !international {
		if phonenumbers.GetNddPrefixForRegion(region, true) == "0" {
			digits = strings.TrimPrefix(digits, "0")
		}
		digits = strconv.Itoa(phonenumbers.GetCountryCodeForRegion(region)) + digits
	}
	if digits[0] == '0' || len(digits) > mostE164 {
		return "", "begins no number: no country's code begins with 0, and no number has more than 15 digits"
	}
	return digits, ""
}

// elsewhere is the area of another team that c leads into; nil when there is none, or when nobody knows who is in which
// team. A rep without a team is in nobody's.
func (g *Gate) elsewhere(p *policy, c Call) *Area {
	if len(p.territories.lengths) == 0 || c.Rep == Anybody || !g.people.Loaded() {
		return nil
	}
	area := p.territories.area(c.Dialled.Number)
	if area == nil {
		return nil
	}
	if person, _ := g.people.Person(c.Rep); person.Team == area.Team {
		return nil
	}
	return area
}

// marked is the team in whose territory c rings though it is another's to ring there, where that is only to be marked.
func (g *Gate) marked(p *policy, c Call) Team {
	if p.territories.action != TerritoryMark {
		return ""
	}
	if area := g.elsewhere(p, c); area != nil {
		return area.Team
	}
	return ""
}
