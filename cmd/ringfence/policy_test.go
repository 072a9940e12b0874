package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/cmd/ringfence/config"
)

// TestPoliciesAreKept: a gate that starts, reloads and goes back leaves each version behind, and commands show them.
func TestPoliciesAreKept(t *testing.T) {
	f := newFloor(t, "rules: {protection: 20d}\n")
	f.serve()
	policies := func(want int) (list []policyReport) {
		soon(t, "the registry knows the rules", func() bool {
			f.decode(&list, "policy", "list")
			return len(list) == want
		})
		return list
	}
	first := policies(1)[0].Version
	require.Equal(t, f.program.gate.Terms().Policy, first)

	reload := func(extra string) {
		f.write(extra)
		cfg, err := config.Load(f.file, []string{"rules.budget=1s"}, nil)
		require.NoError(t, err)
		require.NoError(t, f.program.Reload(cfg))
	}
	reload("rules: {protection: 5d, shadow: {reasons: [owned]}}\n")
	second := policies(2)[1].Version
	require.NotEqual(t, first, second)
	reload("rules: {protection: 20d}\n")
	require.Equal(t, first, policies(3)[2].Version, "one that came back is there again")

	var shown struct {
		Version string
		Rules   struct{ Protection string }
	}
	f.decode(&shown, "policy", "show", second)
	require.Equal(t, second, shown.Version)
	require.Equal(t, "5d", shown.Rules.Protection)
	require.Contains(t, f.run("policy", "show", second).stdout, "protection: 5d")

	var changes []policyChange
	f.decode(&changes, "policy", "diff", first, second)
	require.Equal(t, []policyChange{{"rules.protection", "20d", "5d"}, {"rules.shadow.reasons", "[]", "[owned]"}}, changes)
	f.decode(&changes, "policy", "diff", second)
	require.Contains(t, changes, policyChange{"rules.protection", "5d", "20d"})
	unknown := f.run("policy", "show", "000000000000")
	require.Equal(t, exitFailed, unknown.code)
	require.Contains(t, unknown.stderr, "ringfence policy list")
	require.Equal(t, exitUsage, f.run("policy", "diff").code)
}

// TestPoliciesWaitForTheRegistry: a gate that starts before its registry tells it later.
func TestPoliciesWaitForTheRegistry(t *testing.T) {
	f := newFloor(t, "")
	f.redis.Stop()
	f.serve()
	f.redis.Restart()
	soon(t, "the registry knows the rules", func() bool {
		var list []policyReport
		f.decode(&list, "policy", "list")
		return len(list) == 1
	})
}

func TestDifferencesOfReleases(t *testing.T) {
	changes, err := differences("rules: {a: 1, c: 2}", "rules: {b: x, c: 2, d: y}")
	require.NoError(t, err)
	require.Equal(t, []policyChange{{"rules.a", "1", ""}, {"rules.b", "", "x"}, {"rules.d", "", "y"}}, changes)
}
