package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

// TestRulesAreWrittenAsTheyAreRead: what is kept of a version makes that version again, every key of it.
func TestRulesAreWrittenAsTheyAreRead(t *testing.T) {
	changed := Defaults("US").Rules
	changed.Emergency = []string{"112", "0911"}
	changed.Levels = map[string]gate.Duration{"A": gate.Duration(90 * 24 * time.Hour)}
	changed.Shadow = gate.ShadowRule{Teams: []gate.Team{"east", "yes", "7"}, Reasons: []gate.Reason{gate.Owned}}
	changed.Owned.Action, changed.OnRegistryDown = gate.OwnedRedirect, gate.OutageBlock
	for _, rules := range []gate.Rules{Defaults("US").Rules, changed} {
		text, err := FormatRules(rules)
		require.NoError(t, err)
		file := filepath.Join(t.TempDir(), "ringfence.yaml")
		require.NoError(t, os.WriteFile(file, []byte("region: US\nregistry: {url: redis://127.0.0.1}\n"+text), 0o600))
		cfg, err := LoadClient(file, nil, nil)
		require.NoError(t, err, text)
		require.Equal(t, rules.Version(), cfg.Rules.Version(), text)
	}
}

func TestSettings(t *testing.T) {
	got, err := Settings("rules:\n  b: {c: 1d, a: [x, y]}\n  a:\n    - {k: v, w: [1]}\n  n: null\n")
	require.NoError(t, err)
	require.Equal(t, []Setting{{"rules.a", "[{k: v, w: [1]}]"}, {"rules.b.a", "[x, y]"}, {"rules.b.c", "1d"}, {"rules.n", ""}}, got)
	_, err = Settings("{")
	require.Error(t, err)
}
