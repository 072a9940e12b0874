package gate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Defaults is the policy of a region before anybody wrote a configuration. An unknown region gives the same rules with
// 112 and 911 as emergency numbers; Validate then names the region as the mistake.
func Defaults(region string) Config {
	return Config{
		Region: region,
		Keep:   Duration(30 * day),
		Rules: Rules{
			Emergency:      emergencyNumbers(region),
			Claim:          ClaimRule{MinTalk: Duration(10 * time.Second)},
			Protection:     Duration(30 * day),
			Owned:          OwnedRule{Action: OwnedBlock},
			Pass:           PassRule{Over: slices.Clone(passable), Most: Duration(day)},
			Shadow:         ShadowRule{Teams: []Team{}, Reasons: []Reason{}},
			Refused:        RefusedRule{CoolDown: Duration(30 * day), On603: true},
			Division:       defaultDivision,
			OnRegistryDown: OutageAllow,
			Lease:          Duration(60 * time.Second),
			MaxCall:        Duration(4 * time.Hour),
			Budget:         Duration(40 * time.Millisecond),
			UnknownRep:     UnknownAllow,
			Territories:    TerritoryRule{Action: TerritoryMark, Areas: []Area{}},
			Requests:       defaultRequests(),
			Stages:         []StageRule{},

			Pool:     poolDefaults(),
			Offboard: offboardDefaults(),
		},
	}
}

// A span is one duration of the configuration with the values it may take.
type span struct {
	key         string
	value       Duration
	least, most time.Duration
}

func (c *Config) spans() []span {
	r := &c.Rules
	const decade = 3650 * day
	spans := []span{
		{"rules.claim.min_talk", r.Claim.MinTalk, time.Second, time.Hour},
		{"rules.protection", r.Protection, time.Second, decade},
		{"rules.refused.cool_down", r.Refused.CoolDown, time.Second, decade},
		{"rules.lease", r.Lease, time.Second, 10 * time.Minute},
		{"rules.max_call", r.MaxCall, time.Second, 7 * day},
		{"rules.budget", r.Budget, time.Millisecond, time.Second},
		{"rules.pool.bar", r.Pool.Bar, 0, decade},
		{"rules.pool.warn", r.Pool.Warn, 0, decade},
		{"rules.pool.settle", r.Pool.Settle, 0, 365 * day},
		{"rules.offboard.undo", r.Offboard.Undo, time.Hour, 365 * day},
		{"records.keep", c.Keep, time.Hour, decade},
	}
	return append(spans, r.ownershipSpans()...)
}

// Validate returns all mistakes joined, each with its key path, what is wrong and what is allowed; nil when there are
// none.
func (c *Config) Validate() error {
	var mistakes []error
	wrong := func(key, format string, args ...any) {
		mistakes = append(mistakes, fmt.Errorf("%s: "+format, append([]any{key}, args...)...))
	}
	for _, s := range c.spans() {
		if d := s.value.Std(); d < s.least || d > s.most {
			wrong(s.key, "%s is out of range; allowed are %s to %s", s.value, Duration(s.least), Duration(s.most))
		}
	}
	if c.Rules.MaxCall < c.Rules.Claim.MinTalk {
		wrong("rules.max_call", "%s is shorter than rules.claim.min_talk (%s), so no claim could become firm; make it longer",
			c.Rules.MaxCall, c.Rules.Claim.MinTalk)
	}
	if c.Rules.OnRegistryDown >= outageCount {
		wrong("rules.on_registry_down", "%s is not one of %s", c.Rules.OnRegistryDown, list(outageNames[:]))
	}
	if c.Rules.Owned.Action >= ownedActionCount {
		wrong("rules.owned.action", "%s is not one of %s", c.Rules.Owned.Action, list(ownedActionNames[:]))
	}
	c.validateOwnership(wrong)
	c.Rules.Requests.validate(wrong)
	validateStages(c.Rules.Stages, wrong)
	c.Rules.Pool.validate(wrong)
	c.Rules.Shadow.validate(wrong)
	c.Rules.Division.validate(wrong)
	z, err := NewNormaliser(c.Region, c.Rules.Emergency, c.Extension)
	if err != nil {
		mistakes = append(mistakes, err)
	}
	c.validatePeople(wrong, z)
	if err := c.Codes.validate(c.Extension); err != nil {
		mistakes = append(mistakes, err)
	}
	return errors.Join(mistakes...)
}

// nothing is a key whose value is an empty list or table, in JSON.
var nothing = regexp.MustCompile(`":(?:\[\]|\{\})`)

// Version is a short hash of the rules: the `policy` of each decision made with them. Equal rules have equal versions,
// on every gate and after every restart.
func (r Rules) Version() string {
	text, err := json.Marshal(r)
	if err != nil {
		panic("gate: rules cannot be written as JSON: " + err.Error()) // every field is text, a number or a list of text
	}
	// A list that was written empty is one that was not written: null, [] and {} are the same rules.
	text = nothing.ReplaceAll(text, []byte(`":null`))
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

// list writes the values of a closed set for an error: "block, allow".
func list(names []string) string { return strings.Join(names, ", ") }
