package registry

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/registry/redistest"
)

func TestStartupChecks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args []string
		want string // severity and the beginning of what is found; "" for nothing
	}{
		"good":             {[]string{"--appendonly", "yes"}, ""},
		"keeps nothing":    {nil, "warning Redis keeps nothing on disk"},
		"snapshots only":   {[]string{"--save", "3600 1"}, "info Redis keeps snapshots only"},
		"evicts":           {[]string{"--appendonly", "yes", "--maxmemory-policy", "allkeys-lru"}, "unsafe maxmemory-policy is allkeys-lru"},
		"replica":          {[]string{"--appendonly", "yes", "--replicaof", "127.0.0.1 1"}, "unsafe"},
		"nearly full":      {[]string{"--appendonly", "yes", "--maxmemory", "1100000"}, "warning Redis uses"},
		"CONFIG is denied": {[]string{"--rename-command", "CONFIG", ""}, "info CONFIG is refused"},
		"INFO is denied":   {[]string{"--rename-command", "INFO", ""}, "warning INFO is refused"},
	} {
		t.Run(name, func(t *testing.T) {
			s := openUnchecked(t, redistest.Start(t, test.args...).UnixURL())
			found := s.StartupChecks(t.Context())
			if test.want == "" {
				require.Empty(t, found)
				return
			}
			var texts []string
			for _, f := range found {
				require.NotEmpty(t, f.Fix)
				texts = append(texts, string(f.Severity)+" "+f.What)
			}
			require.Contains(t, "\n"+strings.Join(texts, "\n"), "\n"+test.want)
		})
	}
}

func TestStartupChecksWithoutScripts(t *testing.T) {
	t.Parallel()
	s := openUnchecked(t, redistest.Start(t, "--appendonly", "yes", "--rename-command", "EVALSHA", "").UnixURL())
	found := s.StartupChecks(t.Context())
	require.Len(t, found, 1)
	require.Equal(t, SeverityUnsafe, found[0].Severity)
	require.Contains(t, found[0].What, "scripts")
}

// openUnchecked makes a Store of a server that Open might refuse.
func openUnchecked(t *testing.T, url string) *Store {
	t.Helper()
	p, err := parseURL(url)
	require.NoError(t, err)
	client, err := newClient(p, Defaults())
	require.NoError(t, err)
	t.Cleanup(func() { client.Close() })
	return &Store{client: client, place: p, log: func(error) {}}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for version, old := range map[string]bool{
		"5.0.14": true, "5.9": true, "6.0.16": false, "6.0": false, "6.2.0": false, "7.0.15": false, "8.0": false, "10.1": false,
	} {
		require.Equal(t, old, olderThan(version, oldestRedis), version)
	}
	require.Empty(t, checkVersion(""), "Valkey and others may hide it")
	require.NotEmpty(t, checkVersion("5.0.14"))
}

func TestEmbeddedSaysThatItKeepsNothing(t *testing.T) {
	t.Parallel()
	found := open(t, "embedded://", WithoutLists()).StartupChecks(t.Context())
	require.Len(t, found, 1)
	require.Contains(t, found[0].What, "keeps nothing")
}
