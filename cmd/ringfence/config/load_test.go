package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

func TestGoodFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			cfg, err := Load(file, nil, nil)
			require.NoError(t, err)
			require.Equal(t, "127.0.0.1:9090", cfg.HTTP.Listen, "the default is gone")
			require.Equal(t, 10*time.Second, cfg.Rules.Claim.MinTalk.Std(), "the default is gone")
		})
	}
}

// expected reads the comments in which a bad file says what is wrong with it: "# LINE: KEY: PART OF THE TEXT".
func expected(t *testing.T, file string) []string {
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	form := regexp.MustCompile(`^# (\d+): (\S*): ?(.*)$`)
	var want []string
	for line := range strings.Lines(string(data)) {
		if m := form.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
			want = append(want, m[1]+": "+m[2]+": "+m[3])
		}
	}
	require.NotEmpty(t, want, "%s does not say what is wrong with it", file)
	return want
}

func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := Load(file, nil, nil)
			got, ok := AsMistakes(err)
			require.True(t, ok, "%v", err)
			want := expected(t, file)
			for _, w := range want {
				parts := strings.SplitN(w, ": ", 3)
				line, _ := strconv.Atoi(parts[0])
				found := false
				for _, m := range got {
					found = found || m.Line == line && m.Key == parts[1] && strings.Contains(m.Text, parts[2]) && m.Source == file
				}
				require.True(t, found, "missing %q in\n%s", w, got)
			}
			places := make(map[string]bool)
			for _, m := range got {
				places[fmt.Sprint(m.Line, m.Key)] = true
			}
			require.Len(t, places, len(want), "unexpected mistakes in\n%s", got)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}

func TestMistakesAreReadable(t *testing.T) {
	_, err := Load("testdata/bad/audit.yaml", nil, nil)
	require.EqualError(t, err, "testdata/bad/audit.yaml:9: audit: audit files on disk are not in this release, so nothing "+
		"would be written there; remove the section (every decision is recorded in the registry and kept for records.keep)")
}

func TestNoFile(t *testing.T) {
	_, err := Load("testdata/none.yaml", nil, nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "--config")
	_, err = Load("testdata", nil, nil)
	require.ErrorContains(t, err, "cannot be read")
}

func TestHugeFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "huge.yaml")
	require.NoError(t, os.WriteFile(file, []byte("region: US\n#"+strings.Repeat("x", maxFile)), 0o600))
	_, err := Load(file, nil, nil)
	require.ErrorContains(t, err, "is larger than")
}

// TestAliasesCannotMultiply: 300 peers that each name one list of 15,000 addresses would be millions of values.
func TestAliasesCannotMultiply(t *testing.T) {
	text := "region: US\nrules: {emergency: &many [" + strings.Repeat("1,", 15_000) + "1]}\nsip:\n  peers:\n" +
		strings.Repeat("    - {name: a, from: *many}\n", 300)
	_, err := parse("aliases", []byte(text), nil, nil, (*Config).Validate)
	require.ErrorContains(t, err, "is an alias repeated?")
	got, _ := AsMistakes(err)
	require.LessOrEqual(t, len(got), maxMistakes+1)
}

func TestOverrides(t *testing.T) {
	environ := []string{
		"HOME=/root", "RINGFENCE_CONFIG=elsewhere.yaml",
		"RINGFENCE_RULES_CLAIM_MIN_TALK=20s", "RINGFENCE_LOG_LEVEL=debug",
		"RINGFENCE_SIP_LISTEN=udp://127.0.0.1:1, tcp://127.0.0.1:2",
		"RINGFENCE_SERVICE_HOST=10.96.0.1", "RINGFENCE_PORT_5060_UDP_ADDR=10.96.0.1", // set by Kubernetes, not for us
	}
	sets := []string{
		"log.level=warn", // later than the environment
		"rules.owned.action=redirect",
		"sip.trunks[0].number=digits",
		`sip.trunks[1]={name: second, uri: "sip:198.51.100.2"}`,
		"sip.extensions.pattern=^[2-8][0-9]{2}$",
		"sip.extensions.uri=sip:10.0.0.5:5060;transport=tcp",
		"rules.emergency=[911, 988]",
		"sip.peers[0].dialplan={9: ''}",
	}
	cfg, err := Load("testdata/good/smallest.yaml", sets, environ)
	require.NoError(t, err)
	require.Equal(t, 20*time.Second, cfg.Rules.Claim.MinTalk.Std())
	require.Equal(t, "warn", cfg.Log.Level)
	require.Equal(t, []string{"udp://127.0.0.1:1", "tcp://127.0.0.1:2"}, cfg.SIP.Listen)
	require.Equal(t, gate.OwnedRedirect, cfg.Rules.Owned.Action)
	require.Len(t, cfg.SIP.Trunks, 2)
	require.Equal(t, "carrier", cfg.SIP.Trunks[0].Name)
	require.Equal(t, "digits", cfg.SIP.Trunks[0].Number)
	require.Equal(t, "second", cfg.SIP.Trunks[1].Name)
	require.Equal(t, "^[2-8][0-9]{2}$", cfg.SIP.Extensions.Pattern)
	require.Equal(t, "sip:10.0.0.5:5060;transport=tcp", cfg.SIP.Extensions.URI)
	require.Equal(t, []string{"911", "988"}, cfg.Rules.Emergency)
	require.Equal(t, map[string]string{"9": ""}, cfg.SIP.Peers[0].Dialplan)
	require.Equal(t, cfg.SIP.Extensions.Pattern, cfg.Policy().Extension)
}

func TestBadOverrides(t *testing.T) {
	tests := []struct{ set, environ, want string }{
		{set: "log.level", want: `--set: "log.level" is no key=value`},
		{set: "log.levle=debug", want: "--set: unknown key log.levle; did you mean level?"},
		{set: "log.level=loud", want: `--set: log.level: "loud" is not known`},
		{set: "sip.trunks[5].name=x", want: "sip.trunks has 1 entries, so there is no [5]; the next new one is [1]"},
		{set: "sip.trunks[-1].name=x", want: "there is no [-1]"},
		{set: "sip.trunks[x].name=x", want: "names no entry of a list"},
		{set: "sip.trunks.name=x", want: "sip.trunks has no keys under it"},
		{set: "sip.trunks=[", want: "the value is no YAML"},
		{set: "sip.trunks=", want: "the value is empty"},
		{set: "audit.dir=/tmp", want: "audit files on disk are not in this release"},
		{set: "rules.protection=soon", want: "--set: rules.protection:"},
		{set: "registry.url=redis://:s3cret@127.0.0.1/0", want: "--set: registry.url: a password does not belong here"},
		{environ: "RINGFENCE_LOG_LEVLE=debug", want: "RINGFENCE_LOG_LEVLE: unknown variable; did you mean RINGFENCE_LOG_LEVEL?"},
		{environ: "RINGFENCE_HTTP_LISTEN=nowhere", want: "RINGFENCE_HTTP_LISTEN: http.listen:"},
	}
	for _, tt := range tests {
		t.Run(tt.set+tt.environ, func(t *testing.T) {
			var sets []string
			if tt.set != "" {
				sets = []string{tt.set}
			}
			_, err := Load("testdata/good/smallest.yaml", sets, []string{tt.environ})
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}

func TestPasswordFromTheEnvironment(t *testing.T) {
	cfg, err := Load("testdata/good/smallest.yaml", nil, []string{"RINGFENCE_REGISTRY_URL=redis://:s3cret@127.0.0.1:6379/0"})
	require.NoError(t, err)
	require.Equal(t, "redis://:s3cret@127.0.0.1:6379/0", cfg.Registry.URL)
}

func TestClientNeedsNoFileAndNoSIP(t *testing.T) {
	cfg, err := LoadClient("", []string{"region=US", "registry.url=redis://127.0.0.1:1/0"}, nil)
	require.NoError(t, err)
	require.Equal(t, "US", cfg.Region)
	_, err = LoadClient("", []string{"region=US"}, nil)
	require.ErrorContains(t, err, "without a configuration file: registry.url:")
	_, err = LoadClient("testdata/bad/syntax.yaml", nil, nil)
	require.Error(t, err)
}

func TestSameStatic(t *testing.T) {
	load := func(sets ...string) *Config {
		cfg, err := Load("testdata/good/smallest.yaml", sets, nil)
		require.NoError(t, err)
		return cfg
	}
	old := load()
	require.NoError(t, old.SameStatic(load("rules.protection=1d", "records.keep=10d", "sip.peers[0].name=other")))
	require.ErrorContains(t, old.SameStatic(load("registry.connections=3")), "registry cannot change while the gate runs")
	require.ErrorContains(t, old.SameStatic(load("http.listen=off", "gate=b")), "http.listen cannot change")
}
