package config

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// TestEveryKeyCanBeRead: the decoder knows a rule for the type of every key, so that a new kind of key cannot make it
// panic on somebody's file.
func TestEveryKeyCanBeRead(t *testing.T) {
	leaves := leavesOf(reflect.TypeFor[Config](), "")
	require.Greater(t, len(leaves), 20)
	for _, key := range append(leaves, "sip.peers[0].name", "sip.peers[0].from", "sip.peers[0].dialplan", "sip.trunks[0].priority",
		"rules.stages[0].then", "webhooks[0].events") {
		var cfg Config
		target, err := find(reflect.ValueOf(&cfg).Elem(), key)
		require.NoError(t, err, key)
		for _, value := range []string{"1", "[1]", "{a: 1}", "~", "{}", "[]"} {
			var node yaml.Node
			require.NoError(t, yaml.Unmarshal([]byte(value), &node))
			d := &decoder{origins: make(origins)}
			d.decode(node.Content[0], target, key)
		}
	}
}

// TestVariablesAreUnambiguous: keys hold underscores, so two keys could come to the same variable.
func TestVariablesAreUnambiguous(t *testing.T) {
	seen := make(map[string]string)
	for _, key := range leavesOf(reflect.TypeFor[Config](), "") {
		name := variable(key)
		require.Empty(t, seen[name], "%s and %s are the same variable %s", seen[name], key, name)
		seen[name] = key
	}
	require.Equal(t, "rules.claim.min_talk", seen["RINGFENCE_RULES_CLAIM_MIN_TALK"])
}

func TestNearest(t *testing.T) {
	words := []string{"listen", "advertise", "peers", "trunks", "uri"}
	for word, want := range map[string]string{
		"listn": "listen", "lisetn": "listen", "peer": "peers", "trunk": "trunks", "urll": "", "url": "uri",
		"x": "", "": "", "advertised": "advertise", "something": "",
	} {
		require.Equal(t, want, nearest(word, words), word)
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"kitten", "sitting", 3}, {"listen", "listen", 0}, {"ab", "ba", 2}} {
		require.Equal(t, tt.want, distance(tt.a, tt.b), tt.a+" "+tt.b)
		require.Equal(t, tt.want, distance(tt.b, tt.a), tt.b+" "+tt.a)
	}
}

func TestOriginsOfTheNearestKey(t *testing.T) {
	o := origins{"": {"f", 0}, "sip": {"f", 2}, "sip.peers": {"f", 3}, "sip.peers[0]": {"f", 4}, "sip.peers[0].from[1]": {"f", 7}}
	for key, line := range map[string]int{
		"sip.peers[0].from[1]": 7, "sip.peers[0].name": 4, "sip.peers[1].name": 3, "sip.listen": 2, "region": 0, "": 0,
	} {
		require.Equal(t, line, o.of(key).line, key)
	}
}

// FuzzLoad: whatever a file holds, it is a configuration or it is mistakes with places.
func FuzzLoad(f *testing.F) {
	f.Add("region: US\nsip: {listen: [udp://127.0.0.1:5060]}\n")
	f.Add("a: &a [*a]\n")
	f.Add("region: {}\nsip: [1]\nrules: {emergency: {a: b}}\n<<: {}\n")
	f.Add("sip: &s {peers: [{dialplan: {9: *s}}]}\n---\n")
	f.Add("? [a]\n: b\n")
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := parse("fuzz", []byte(text), nil, nil, (*Config).Validate)
		if err == nil {
			require.NoError(t, cfg.Validate())
			return
		}
		mistakes, ok := AsMistakes(err)
		require.True(t, ok)
		lines := strings.Count(text, "\n") + strings.Count(text, "\r") + strings.Count(text, "\u0085") +
			strings.Count(text, "\u2028") + strings.Count(text, "\u2029") + 1
		for _, m := range mistakes {
			require.NotEmpty(t, m.Text)
			require.LessOrEqual(t, m.Line, lines+1)
		}
	})
}

// FuzzAssignments: no --set makes the loader panic.
func FuzzAssignments(f *testing.F) {
	f.Add("sip.trunks[0].uri", "sip:127.0.0.1")
	f.Add("sip.trunks[1]", "{name: a}")
	f.Add("rules.emergency[0][1]", "[")
	f.Add("sip.peers[0].dialplan.9", "&a [*a]")
	f.Add("[].[", "~")
	f.Fuzz(func(t *testing.T, key, value string) {
		cfg := Defaults("US")
		d := &decoder{origins: make(origins)}
		d.assignments(cfg, []string{key + "=" + value})
	})
}
