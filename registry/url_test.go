package registry

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]place{
		"redis://127.0.0.1:6379/0":      {network: "tcp", hosts: []string{"127.0.0.1:6379"}},
		"redis://redis.example":         {network: "tcp", hosts: []string{"redis.example:6379"}},
		"redis://redis.example?db=3":    {network: "tcp", hosts: []string{"redis.example:6379"}, db: 3},
		"redis://[2001:db8::1]:6380/2":  {network: "tcp", hosts: []string{"[2001:db8::1]:6380"}, db: 2},
		"redis://u:p%40%3A@h/1":         {network: "tcp", hosts: []string{"h:6379"}, db: 1, username: "u", password: "p@:"},
		"rediss://:secret@h:6390":       {network: "tcp", hosts: []string{"h:6390"}, tls: true, password: "secret"},
		"unix:///run/redis/r.sock?db=1": {network: "unix", hosts: []string{"/run/redis/r.sock"}, db: 1},
		"redis+sentinel://h1,h2:26380/mymaster/4": {
			topology: sentinel, network: "tcp", hosts: []string{"h1:26379", "h2:26380"}, master: "mymaster", db: 4,
		},
		"redis+cluster://u:p@h1,h2:7001": {
			topology: cluster, network: "tcp", hosts: []string{"h1:6379", "h2:7001"}, username: "u", password: "p",
		},
		"rediss+cluster://h1/": {topology: cluster, network: "tcp", hosts: []string{"h1:6379"}, tls: true},
		"embedded://":          {topology: embedded},
	} {
		p, err := parseURL(text)
		require.NoError(t, err, text)
		require.Equal(t, want, p, text)
		again, err := parseURL(p.String())
		require.NoError(t, err, p.String())
		p.username, p.password = "", ""
		require.Equal(t, p, again, "%s, written as %s", text, p)
	}
}

func TestParseURLMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                              "missing",
		"127.0.0.1:6379":                "no scheme",
		"http://h":                      "unknown",
		"redis://":                      "host is missing",
		"redis://h:0":                   "port",
		"redis://h:99999":               "port",
		"redis://h/x":                   "database",
		"redis://h/-1":                  "database",
		"redis://h1,h2":                 "several hosts",
		"redis://h?timeout=1":           "unknown",
		"redis://2001:db8::1":           "brackets",
		"unix://run/r.sock":             "absolute",
		"redis+sentinel://h1":           "master's name",
		"redis+cluster://h1?db=2":       "database 0",
		"redis+cluster://":              "host is missing",
		"embedded://x":                  "nothing after",
		"redis://u:%zz@h":               "%25",
		"redis://user:hunter2@h:port/0": "port",
	} {
		_, err := parseURL(text)
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func FuzzURL(f *testing.F) {
	for _, seed := range []string{
		"redis://u:p@h:6379/0", "rediss://h", "unix:///a?db=1", "redis+sentinel://a,b/m/1", "redis+cluster://[::1]:1,b", "embedded://",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseURL(text)
		if err != nil {
			return
		}
		written := p.String()
		if p.password != "" && len(p.password) > 8 && !strings.Contains(strings.Join(p.hosts, ",")+p.master, p.password) {
			require.NotContains(t, written, p.password)
		}
		again, err := parseURL(written)
		require.NoError(t, err, "%q became %q", text, written)
		p.username, p.password = "", ""
		require.Equal(t, p, again)
	})
}

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	good := Defaults()
	good.URL = "redis://h"
	require.NoError(t, good.Validate())

	bad := Config{URL: "redis://h1,h2", Connections: -1, PasswordFile: "/does/not/exist", CertFile: "/neither"}
	err := bad.Validate()
	for _, key := range []string{
		"registry.url:", "registry.connections:", "registry.password_file:", "registry.cert_file and registry.key_file",
	} {
		require.ErrorContains(t, err, key)
	}
	plain := Config{URL: "redis://h", CAFile: os.Args[0]}
	require.ErrorContains(t, plain.Validate(), "rediss://")
}

func TestPasswordFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(path, []byte("from file\n"), 0o600))
	p, err := parseURL("redis://u:from-url@h")
	require.NoError(t, err)
	o, err := clientOptions(p, Config{PasswordFile: path})
	require.NoError(t, err)
	require.Equal(t, "from file", o.Password)
	require.Equal(t, "u", o.Username)
}
