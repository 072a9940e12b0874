package gate

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/nyaruka/phonenumbers"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0s": 0, "30d": 30 * day, "12h": 12 * time.Hour, "1d12h": 36 * time.Hour, "10s": 10 * time.Second,
		"250ms": 250 * time.Millisecond, "1m30s": 90 * time.Second, "1.5h": 90 * time.Minute, "106751d": 106751 * day,
	} {
		d, err := ParseDuration(text)
		require.NoError(t, err, text)
		require.Equal(t, want, d.Std(), text)
	}
	for text, why := range map[string]string{
		"": "empty", "30": "no unit", "-1s": "sign", "+1d": "sign", "1d-1s": "sign", "1.5d": "whole number", "12h1d": "whole number",
		"d": "whole number", "1d5": "no unit", "106752d": "292 years", "106751d24h": "292 years", "99999999999d": "whole number",
		"1w": "not a number", "ten": "not a number", "1 d": "whole number", "1d 2h": "not a number",
	} {
		_, err := ParseDuration(text)
		require.ErrorContains(t, err, why, text)
		require.ErrorContains(t, err, "write it like", text)
	}
}

func FuzzDuration(f *testing.F) {
	for _, text := range []string{"30d", "1d12h", "250ms", "1.5h", "-1s", "106751d23h47m16s854ms775us807ns", "9d9d"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDuration(text)
		if err != nil {
			return
		}
		if d < 0 {
			t.Fatalf("%q is negative: %d", text, d)
		}
		if again, err := ParseDuration(d.String()); again != d || err != nil {
			t.Fatalf("%q is written as %q, which is %d, %v", text, d, again, err)
		}
	})
}

func TestDurationString(t *testing.T) {
	for d, want := range map[Duration]string{
		0: "0s", Duration(36 * time.Hour): "1d12h", Duration(90 * time.Second): "1m30s", Duration(30 * day): "30d", 1: "1ns",
		math.MaxInt64: "106751d23h47m16s854ms775us807ns",
	} {
		require.Equal(t, want, d.String())
	}
}

func TestDefaultsAreValid(t *testing.T) {
	for region, emergency := range map[string]string{"US": "911", "CN": "122", "GB": "999", "DE": "110", "IN": "112", "PK": "1122", "IO": "112"} {
		c := Defaults(region)
		require.NoError(t, c.Validate(), region)
		require.Contains(t, c.Rules.Emergency, emergency, region)
	}
}

// TestEmergencyNumbersAreTheLibrarys compares the default list with the library's own answer, number by number.
func TestEmergencyNumbersAreTheLibrarys(t *testing.T) {
	for _, region := range []string{"US", "CN", "LT", "AQ"} {
		listed := emergencyNumbers(region)
		missing := map[string]bool{}
		for n := range 1000 {
			number := fmt.Sprintf("%03d", n)
			if phonenumbers.IsEmergencyNumber(number, region) != slices.Contains(listed, number) {
				missing[number] = true
			}
		}
		switch {
		case region == "CN":
			require.Equal(t, map[string]bool{"122": true}, missing)
		case slices.Equal(listed, []string{"112", "911"}) && len(missing) == 2: // the library knows none
		default:
			require.Empty(t, missing, region)
		}
	}
	require.Contains(t, emergencyNumbers("PK"), "1122")
	require.Contains(t, emergencyNumbers("LT"), "01")
	require.Equal(t, []string{"112", "911"}, emergencyNumbers("no region"))
}

func TestValidateNamesEveryMistake(t *testing.T) {
	for _, test := range []struct {
		spoil func(*Config)
		key   string
		parts []string
	}{
		{func(c *Config) { c.Region = "" }, "region", []string{"ISO 3166"}},
		{func(c *Config) { c.Extension = "[" }, "sip.extensions.pattern", []string{"regular expression"}},
		{func(c *Config) { c.Keep = 0 }, "records.keep", []string{"0s", "1h", "3650d"}},
		{func(c *Config) { c.Rules.Emergency = nil }, "rules.emergency", []string{"empty"}},
		{func(c *Config) { c.Rules.Emergency = []string{"+1"} }, "rules.emergency", []string{`"+1"`, "2 to 8 digits"}},
		{func(c *Config) { c.Rules.Claim.MinTalk = Duration(2 * time.Hour) }, "rules.claim.min_talk", []string{"2h", "1s to 1h"}},
		{func(c *Config) { c.Rules.Protection = -1 }, "rules.protection", []string{"1s to 3650d"}},
		{func(c *Config) { c.Rules.Owned.Action = 9 }, "rules.owned.action", []string{"block, redirect"}},
		{func(c *Config) { c.Rules.Refused.CoolDown = 0 }, "rules.refused.cool_down", []string{"0s"}},
		{func(c *Config) { c.Rules.OnRegistryDown = 9 }, "rules.on_registry_down", []string{"block, allow"}},
		{func(c *Config) { c.Rules.Lease = Duration(time.Hour) }, "rules.lease", []string{"1s to 10m"}},
		{func(c *Config) { c.Rules.MaxCall = Duration(2 * time.Second) }, "rules.max_call", []string{"min_talk"}},
		{func(c *Config) { c.Rules.Budget = Duration(time.Minute) }, "rules.budget", []string{"1ms to 1s"}},
	} {
		c := Defaults("US")
		test.spoil(&c)
		err := c.Validate()
		require.ErrorContains(t, err, test.key+": ")
		for _, part := range test.parts {
			require.ErrorContains(t, err, part)
		}
	}
	for part, spoil := range map[string]func(*Config){
		"rules.owned.by: ":           func(c *Config) { c.Rules.Owned.By = 7 },
		"rules.levels: \"a b\"":      func(c *Config) { c.Rules.Levels = map[string]Duration{"a b": Duration(day)} },
		"rules.levels.A: ":           func(c *Config) { c.Rules.Levels = map[string]Duration{"A": 0} },
		"rules.holdings.most: -1":    func(c *Config) { c.Rules.Holdings.Most = -1 },
		"rules.pass.over: ":          func(c *Config) { c.Rules.Pass.Over = []Reason{DNC} },
		"timezone: \"Mars/Olympus\"": func(c *Config) { c.Timezone = "Mars/Olympus" },
		"rules.claim.provisional: ":  func(c *Config) { c.Rules.Claim.Provisional = Duration(8 * day) },
		"rules.protection_most: ":    func(c *Config) { c.Rules.ProtectionMost = -1 },
	} {
		c := Defaults("US")
		spoil(&c)
		require.ErrorContains(t, c.Validate(), part)
	}
	empty := Config{}
	err := empty.Validate()
	for _, key := range []string{"region", "records.keep", "rules.emergency", "rules.protection", "rules.lease", "rules.budget"} {
		require.ErrorContains(t, err, key+": ", "all at once")
	}
}

func TestRulesFromYAML(t *testing.T) {
	c := Defaults("CN")
	require.NoError(t, yaml.Unmarshal([]byte(`
rules:
  claim: {min_talk: 15s}
  protection: 1d12h
  owned: {action: redirect, by: team}
  levels: {A: 90d, B: 60d}
  pass: {over: [owned, hours]}
  refused: {on_603: false}
  on_registry_down: block
`), &c))
	require.Equal(t, 15*time.Second, c.Rules.Claim.MinTalk.Std())
	require.Equal(t, 36*time.Hour, c.Rules.Protection.Std())
	require.Equal(t, OwnedRedirect, c.Rules.Owned.Action)
	require.Equal(t, OwnedByTeam, c.Rules.Owned.By)
	require.Equal(t, map[string]Duration{"A": Duration(90 * day), "B": Duration(60 * day)}, c.Rules.Levels)
	require.Equal(t, []Reason{Owned, Hours}, c.Rules.Pass.Over)
	require.Equal(t, OutageBlock, c.Rules.OnRegistryDown)
	require.Equal(t, 30*day, c.Rules.Refused.CoolDown.Std(), "what is not named keeps its default")
	require.False(t, c.Rules.Refused.On603)
	require.NoError(t, c.Validate())
	for _, wrong := range []string{"rules: {protection: 30}", "rules: {on_registry_down: deny}", "rules: {owned: {action: Block}}"} {
		require.Error(t, yaml.Unmarshal([]byte(wrong), &c), wrong)
	}
}

// TestVersionCoversEveryRule changes each field of Rules in turn: a rule that the version did not cover would change
// without a trace in the records.
func TestVersionCoversEveryRule(t *testing.T) {
	base := Defaults("US").Rules
	require.Equal(t, base.Version(), Defaults("US").Rules.Version())
	seen := map[string]string{base.Version(): "the defaults"}
	var walk func(path string, at func(*Rules) reflect.Value)
	walk = func(path string, at func(*Rules) reflect.Value) {
		field := at(&base)
		if field.Kind() == reflect.Struct {
			for i := range field.NumField() {
				walk(path+"."+field.Type().Field(i).Name, func(r *Rules) reflect.Value { return at(r).Field(i) })
			}
			return
		}
		changed := Defaults("US").Rules
		switch v := at(&changed); v.Kind() {
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		case reflect.Map:
			entry := reflect.MakeMap(v.Type())
			entry.SetMapIndex(reflect.ValueOf("A"), reflect.New(v.Type().Elem()).Elem())
			v.Set(entry)
		case reflect.Bool:
			v.SetBool(!v.Bool())
		case reflect.Int:
			v.SetInt(v.Int() + 1)
		case reflect.Int64:
			v.SetInt(v.Int() + int64(time.Second))
		case reflect.Uint8:
			v.SetUint(1 - v.Uint())
		default:
			t.Fatalf("%s: teach this test about %s", path, v.Kind())
		}
		version := changed.Version()
		require.Len(t, version, 12)
		require.NotContains(t, seen, version, "%s", path)
		seen[version] = path
	}
	walk("Rules", func(r *Rules) reflect.Value { return reflect.ValueOf(r).Elem() })
	require.Greater(t, len(seen), 20, "the walk reaches them all")
}
