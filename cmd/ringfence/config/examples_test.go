package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const examples = "../../../configs/"

func TestExamplesLoad(t *testing.T) {
	files, err := filepath.Glob(examples + "*.yaml")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 2)
	for _, file := range files {
		_, err := Load(file, nil, nil)
		require.NoError(t, err)
	}
}

// TestFullExampleHasEveryKey: each key is written in ringfence.yaml, set or behind a "#".
func TestFullExampleHasEveryKey(t *testing.T) {
	data, err := os.ReadFile(examples + "ringfence.yaml")
	require.NoError(t, err)
	keys := leavesOf(reflect.TypeFor[Config](), "")
	for _, list := range []string{"sip.peers", "sip.trunks", "rules.stages", "webhooks"} {
		field, err := find(reflect.ValueOf(&Config{}).Elem(), list)
		require.NoError(t, err)
		keys = append(keys, leavesOf(field.Type().Elem(), list+"[]")...)
	}
	for _, key := range keys {
		name := key[strings.LastIndexAny(key, ".")+1:]
		require.Regexp(t, regexp.MustCompile(`(?m)^\s*(# +)?(- )?`+name+`:`), string(data), key)
	}
}

// TestFullExampleTellsTheDefaults: with every "# key: value" line set as well, nothing changes but what has no default.
func TestFullExampleTellsTheDefaults(t *testing.T) {
	data, err := os.ReadFile(examples + "ringfence.yaml")
	require.NoError(t, err)
	written, err := parse("ringfence.yaml", data, nil, nil, (*Config).Validate)
	require.NoError(t, err)

	commented := regexp.MustCompile(`(?m)^(\s*)# ([a-z0-9_]+: \S.*)$`)
	withoutDefault := regexp.MustCompile(`^(gate|levels|timezone|advertise|dialplan|announcement|secret_file|username|users_file|password_file|ca_file|cert_file|key_file|ping|servers):`)
	set := commented.ReplaceAllStringFunc(string(data), func(line string) string {
		m := commented.FindStringSubmatch(line)
		if withoutDefault.MatchString(m[2]) {
			return line
		}
		return m[1] + m[2]
	})
	all, err := parse("ringfence.yaml", []byte(set), nil, nil, (*Config).Validate)
	require.NoError(t, err)
	require.Greater(t, strings.Count(string(data), "#"), strings.Count(set, "#")+20, "few lines were set: is the pattern right?")

	require.Equal(t, written.Rules, all.Rules)
	require.Equal(t, written.Records, all.Records)
	require.Equal(t, written.HTTP, all.HTTP)
	require.Equal(t, written.Log, all.Log)
	require.Equal(t, written.Language, all.Language)
	require.Equal(t, written.Registry, all.Registry)
	digest := all.SIP.Digest
	require.Equal(t, "ringfence[SHA-256 MD5] 5m 20 10m 1h",
		fmt.Sprint(digest.Realm, digest.Algorithms, digest.NonceLife, digest.Failures, digest.Within, digest.Ban))
	require.Equal(t, "500ms 3m10s 5s 150ms", fmt.Sprint(all.SIP.Timers.T1, all.SIP.Timers.TimerC, all.SIP.Timers.NoAnswer, all.SIP.Timers.Trying))
}

// TestSamplesForPBXsNameTheirPeer: the entry that each sample says belongs into ringfence.yaml is one that loads.
func TestSamplesForPBXsNameTheirPeer(t *testing.T) {
	samples, err := filepath.Glob(examples + "pbx/*")
	require.NoError(t, err)
	peers, extensions := regexp.MustCompile(`peers: \[.*\]`), regexp.MustCompile(`extensions: \{.*\}`)
	named := 0
	for _, sample := range samples {
		if strings.HasSuffix(sample, ".list") {
			continue
		}
		text, err := os.ReadFile(sample)
		require.NoError(t, err)
		cfg, err := parse(sample, fmt.Appendf(nil, "region: US\nsip:\n  listen: [udp://10.0.0.9:5060]\n  %s\n  %s\n"+
			"  trunks: [{name: carrier, uri: \"sip:198.51.100.1\"}]\nregistry: {url: redis://127.0.0.1/0}\n",
			peers.Find(text), extensions.Find(text)), nil, nil, (*Config).Validate)
		require.NoError(t, err)
		require.Len(t, cfg.SIP.Peers, 1, sample)
		require.NotEmpty(t, cfg.SIP.Peers[0].Answers, sample)
		named++
	}
	require.Equal(t, 5, named)
}
