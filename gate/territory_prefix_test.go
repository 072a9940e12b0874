package gate

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAreaPrefix(t *testing.T) {
	for _, test := range []struct{ region, text, digits string }{
		{"US", "+1212", "1212"},
		{"US", "212", "1212"},
		{"US", "+44", "44"},
		{"CN", "021", "8621"},
		{"CN", "21", "8621"},
		{"CN", "138", "86138"},
		{"CN", "+8610", "8610"},
		{"RU", "812", "7812"}, // 8 is dialled before national numbers there, and begins this area code
		{"IT", "06", "3906"},
		{"IT", "+3906", "3906"}, // the 0 belongs to the number
		{"DE", "030", "4930"},
		{"US", "", ""},
		{"US", "+", ""},
		{"US", "+0212", ""},
		{"US", "21 2", ""},
		{"US", "212x", ""},
		{"US", "２１２", ""},
		{"US", strings.Repeat("2", 15), ""},
		{"US", strings.Repeat("2", 99), ""},
		{"US", "+-1", ""},
	} {
		digits, why := areaPrefix(test.text, test.region)
		require.Equal(t, test.digits, digits, "%s in %s: %s", test.text, test.region, why)
		require.Equal(t, test.digits == "", why != "")
	}
}

func TestTerritoryMistakes(t *testing.T) {
	for key, rule := range map[string]TerritoryRule{
		"rules.territories.action: action(9) is not":                      {Action: 9},
		"rules.territories.areas[0].prefixes: there is none":              {Areas: []Area{{Team: "a"}}},
		`rules.territories.areas[0].team: "" is no team: it is empty`:     {Areas: []Area{{Prefixes: []string{"212"}}}},
		`rules.territories.areas[0].team: "a b" is no team: it holds`:     {Areas: []Area{{Prefixes: []string{"212"}, Team: "a b"}}},
		`rules.territories.areas[0].prefixes[1]: "x" is no beginning`:     {Areas: []Area{{Prefixes: []string{"212", "x"}, Team: "a"}}},
		`rules.territories.areas[0].queue: "9" does not fit`:              {Areas: []Area{{Prefixes: []string{"212"}, Team: "a", Queue: "9"}}},
		"is written in rules.territories.areas[0].prefixes[0] already; a": {Areas: []Area{{Prefixes: []string{"212"}, Team: "a"}, {Prefixes: []string{"+1212"}, Team: "b"}}},
	} {
		c := Defaults("US")
		c.Extension = "^[2-8][0-9]{2,3}$"
		c.Rules.Territories = rule
		require.ErrorContains(t, c.Validate(), key)
	}
	c := Defaults("US")
	c.Rules.UnknownRep = 7
	require.ErrorContains(t, c.Validate(), "rules.unknown_rep: action(7) is not one of block, allow")
}

func TestCheckWord(t *testing.T) {
	for _, good := range []string{"201", "east", "华东", "zhang.wei", "O’Brien", "+12125550100", strings.Repeat("x", MaxWord)} {
		require.Empty(t, CheckWord(good), good)
	}
	for _, bad := range []string{"", "-", "-a", "a b", "a\tb", "a:b", "a=b", "a;b", "a,b", `a"b`, "a\x1fb", "a\xffb", "a\u2028b", "a\u00a0b", strings.Repeat("x", MaxWord+1)} {
		require.NotEmpty(t, CheckWord(bad), bad)
	}
}
