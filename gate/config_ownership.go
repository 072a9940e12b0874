package gate

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DealRule says what a closed deal is worth.
type DealRule struct {
	Protection Duration `yaml:"protection"` // 0s, for ever: a customer with a closed deal is protected for so long
}

// HoldingsRule says how much a rep may hold.
type HoldingsRule struct {
	Most       int  `yaml:"most"`        // 0, no limit: numbers that one rep may hold, in all scopes
	CountDeals bool `yaml:"count_deals"` // false: numbers with a closed deal do not count
}

// PassRule says what a pass is good for.
type PassRule struct {
	Over []Reason `yaml:"over"` // owned, refused, frequency, hours, territory, quota: reasons that a pass passes
	Most Duration `yaml:"most"` // 24h: longest life of a pass
}

// passable are the reasons that a pass can pass: never a call in flight, a do-not-call list or what is no number.
var passable = []Reason{Owned, Refused, Frequency, Hours, Territory, Quota}

// OwnedBy says who may ring a number that is owned. Its zero value is the narrower one.
type OwnedBy uint8

// The two kinds of owner.
const (
	OwnedByRep  OwnedBy = iota
	OwnedByTeam         // everybody in the owner's team
	ownedByCount
)

var ownedByNames = [ownedByCount]string{"rep", "team"}

func (o OwnedBy) String() string { return nameOf(ownedByNames[:], uint8(o), "owner") }

// MarshalText writes the name.
func (o OwnedBy) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads "rep" or "team".
func (o *OwnedBy) UnmarshalText(text []byte) error {
	i, err := indexOf(ownedByNames[:], string(text))
	*o = OwnedBy(i)
	return err
}

// Bounds of the rules' parts.
const (
	mostLevels   = 32
	mostHoldings = 10_000_000
	maxLevel     = 32 // bytes of a level's name
)

func (r *Rules) ownershipSpans() []span {
	const decade = 3650 * day
	spans := []span{
		{"rules.claim.provisional", r.Claim.Provisional, 0, 7 * day},
		{"rules.protection_most", r.ProtectionMost, 0, decade},
		{"rules.no_deal", r.NoDeal, 0, decade},
		{"rules.deal.protection", r.Deal.Protection, 0, decade},
		{"rules.pass.most", r.Pass.Most, time.Minute, 7 * day},
	}
	for _, level := range slices.Sorted(maps.Keys(r.Levels)) {
		spans = append(spans, span{"rules.levels." + clip(level), r.Levels[level], time.Second, decade})
	}
	return spans
}

// validateOwnership tells wrong what is not right besides the spans.
func (c *Config) validateOwnership(wrong func(key, format string, args ...any)) {
	r := &c.Rules
	if len(r.Levels) > mostLevels {
		wrong("rules.levels", "%d are too many; at most %d are told apart", len(r.Levels), mostLevels)
	}
	for level := range r.Levels {
		if err := CheckLevel(level); err != nil {
			wrong("rules.levels", "%w", err)
		}
	}
	if r.Owned.By >= ownedByCount {
		wrong("rules.owned.by", "%s is not one of %s", r.Owned.By, list(ownedByNames[:]))
	}
	if r.Holdings.Most < 0 || r.Holdings.Most > mostHoldings {
		wrong("rules.holdings.most", "%d is out of range; write 1 to %d, or 0 for no limit", r.Holdings.Most, mostHoldings)
	}
	for _, reason := range r.Pass.Over {
		if !slices.Contains(passable, reason) {
			wrong("rules.pass.over", "no pass is good against %s; write some of %s", reason, list(namesOf(passable)))
		}
	}
	if _, err := c.Place(); err != nil {
		wrong("timezone", "%w", err)
	}
}

// CheckLevel says whether a customer may have this level: a name that can be a key of rules.levels.
func CheckLevel(level string) error {
	if level == "" || len(level) > maxLevel || strings.ContainsFunc(level, func(r rune) bool {
		return r <= ' ' || r == '=' || r == ';' || r == '%' || r == 0x7f
	}) {
		return fmt.Errorf("%q is no name of a level; write 1 to %d bytes without blanks, =, ; or %%, such as A", clip(level), maxLevel)
	}
	return nil
}

// Place is where the company's day ends.
func (c *Config) Place() (*time.Location, error) {
	if c.Timezone == "" {
		return time.Local, nil
	}
	place, err := time.LoadLocation(c.Timezone)
	if err != nil || c.Timezone == "Local" {
		return nil, fmt.Errorf("%q is no time zone that this machine knows; write such as Asia/Shanghai or America/New_York", clip(c.Timezone))
	}
	return place, nil
}

// packLevels writes Terms.Levels.
func packLevels(levels map[string]Duration) string {
	var parts []string
	for _, level := range slices.Sorted(maps.Keys(levels)) {
		parts = append(parts, level+"="+strconv.FormatInt(levels[level].Std().Milliseconds(), 10))
	}
	return strings.Join(parts, "\x1f")
}

// packReasons writes Terms.Over.
func packReasons(reasons []Reason) string {
	if len(reasons) == 0 {
		return ""
	}
	return "," + strings.Join(namesOf(reasons), ",") + ","
}

func namesOf(reasons []Reason) []string {
	names := make([]string, len(reasons))
	for i, r := range reasons {
		names[i] = r.String()
	}
	return names
}
