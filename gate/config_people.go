package gate

import (
	"fmt"
	"strings"
	"unicode"
)

// UnknownAction says what becomes of a call by a rep who is not among the people. Its zero value blocks.
type UnknownAction uint8

// The two actions.
const (
	UnknownBlock UnknownAction = iota
	UnknownAllow
	unknownActionCount
)

var unknownActionNames = [unknownActionCount]string{"block", "allow"}

func (a UnknownAction) String() string { return nameOf(unknownActionNames[:], uint8(a), "action") }

// MarshalText writes the name.
func (a UnknownAction) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads "allow" or "block".
func (a *UnknownAction) UnmarshalText(text []byte) error {
	i, err := indexOf(unknownActionNames[:], string(text))
	*a = UnknownAction(i)
	return err
}

// TerritoryRule says which numbers are which team's to ring.
type TerritoryRule struct {
	Action TerritoryAction `yaml:"action"` // mark | block | redirect, default mark: what becomes of another team's call
	Areas  []Area          `yaml:"areas"`  // default: none; of several prefixes that fit the longest holds
}

// Area is a part of the world that one team looks after.
type Area struct {
	Prefixes []string `yaml:"prefixes"` // +1212, or an area code of the region: 212, 021
	Team     Team     `yaml:"team"`
	Queue    string   `yaml:"queue"` // redirect: the extension that is rung; default: the team's own
}

// TerritoryAction says what becomes of a call into another team's territory. Its zero value blocks.
type TerritoryAction uint8

// The three actions.
const (
	TerritoryBlock TerritoryAction = iota
	TerritoryMark
	TerritoryRedirect
	territoryActionCount
)

var territoryActionNames = [territoryActionCount]string{"block", "mark", "redirect"}

func (a TerritoryAction) String() string { return nameOf(territoryActionNames[:], uint8(a), "action") }

// MarshalText writes the name.
func (a TerritoryAction) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads "mark", "block" or "redirect".
func (a *TerritoryAction) UnmarshalText(text []byte) error {
	i, err := indexOf(territoryActionNames[:], string(text))
	*a = TerritoryAction(i)
	return err
}

// validatePeople checks the rules about who rings and where. z is nil when something is wrong with what it is made of.
func (c *Config) validatePeople(wrong func(key, format string, args ...any), z *Normaliser) {
	r := &c.Rules
	if r.UnknownRep >= unknownActionCount {
		wrong("rules.unknown_rep", "%s is not one of %s", r.UnknownRep, list(unknownActionNames[:]))
	}
	if r.Territories.Action >= territoryActionCount {
		wrong("rules.territories.action", "%s is not one of %s", r.Territories.Action, list(territoryActionNames[:]))
	}
	takenBy := make(map[string]string)
	for i, area := range r.Territories.Areas {
		key := fmt.Sprintf("rules.territories.areas[%d]", i)
		if why := CheckWord(string(area.Team)); why != "" {
			wrong(key+".team", "%q is no team: %s", clip(string(area.Team)), why)
		}
		if area.Queue != "" && z != nil && c.Extension != "" && !z.FitsExtension(area.Queue) {
			wrong(key+".queue", "%q does not fit sip.extensions.pattern, so it cannot be rung", clip(area.Queue))
		}
		if len(area.Prefixes) == 0 {
			wrong(key+".prefixes", "there is none; write such as [+1212] or [212]")
		}
		for j, text := range area.Prefixes {
			key := fmt.Sprintf("%s.prefixes[%d]", key, j)
			digits, why := areaPrefix(text, c.Region)
			if why != "" {
				wrong(key, "%q %s", clip(text), why)
			} else if other, twice := takenBy[digits]; twice {
				wrong(key, "%q is written in %s already; a prefix belongs to one area", clip(text), other)
			} else {
				takenBy[digits] = key
			}
		}
	}
}

// MaxWord bounds the ids of reps, teams and scopes, in bytes.
const MaxWord = 64

// CheckWord says why a text cannot be the id of a rep, a team or a scope; "" when it can. What parts words in lists and
// records is no part of one.
func CheckWord(text string) (why string) {
	switch {
	case text == "":
		return "it is empty"
	case len(text) > MaxWord:
		return fmt.Sprintf("it is longer than %d bytes", MaxWord)
	case text[0] == '-':
		return "it begins with -"
	case strings.ContainsAny(text, ",;:=\"'"):
		return "it holds one of , ; : = and quotes"
	case strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == ' ' || r == unicode.ReplacementChar }):
		return "it holds a blank or what cannot be printed"
	}
	return ""
}
