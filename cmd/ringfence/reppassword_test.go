package main

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/cmd/ringfence/config"
	"github.com/ringfence/ringfence/registry"
	"github.com/ringfence/ringfence/sip/identity"
)

// typing is d with something on standard input.
func (d desk) typing(stdin string, args ...string) typed {
	return run(stdin, append(d.base, args...)...)
}

// What the registry holds for a rep's password, by algorithm.
func (d desk) stored(rep, realm string) map[string]string {
	d.t.Helper()
	cfg, err := config.LoadClient("", d.sets(), nil)
	require.NoError(d.t, err)
	s, err := registry.Open(context.Background(), cfg.Registry, registry.WithoutLists())
	require.NoError(d.t, err)
	defer s.Close()
	found := map[string]string{}
	for _, a := range []identity.Algorithm{identity.SHA256, identity.MD5} {
		ha1, known, err := s.HA1(context.Background(), rep, realm, a.String())
		require.NoError(d.t, err)
		if known {
			found[a.String()] = ha1
		}
	}
	return found
}

// sets is what d's --set flags say.
func (d desk) sets() (sets []string) {
	for i := 1; i < len(d.base); i += 2 {
		sets = append(sets, d.base[i])
	}
	return sets
}

func forms(rep, realm, password string) map[string]string {
	return map[string]string{"SHA-256": identity.SHA256.HA1(rep, realm, password), "MD5": identity.MD5.HA1(rep, realm, password)}
}

// A password goes in by standard input and comes out nowhere; what stands for it is kept in both forms.
func TestRepPassword(t *testing.T) {
	d := newDesk(t)
	got := d.typing("correct horse\r\n", "rep", "password", "201", "--output", "json")
	require.Zero(t, got.code, got.stderr)
	require.NotContains(t, got.stdout+got.stderr, "correct horse")
	require.Equal(t, forms("201", "ringfence", "correct horse"), d.stored("201", "ringfence"))

	got = d.typing("correct horse", "rep", "password", "201", "--set", "sip.digest.realm=office")
	require.Zero(t, got.code, got.stderr)
	require.Equal(t, forms("201", "office", "correct horse"), d.stored("201", "office"))

	made := d.json(0, "rep", "password", "201", "--generate")
	subset(t, made, `{"rep":"201","realm":"ringfence","changed":"set"}`)
	password, _ := made["password"].(string)
	require.GreaterOrEqual(t, len(password), 20)
	require.Equal(t, forms("201", "ringfence", password), d.stored("201", "ringfence"))

	subset(t, d.json(0, "rep", "password", "201", "--remove"), `{"rep":"201","changed":"removed"}`)
	require.Empty(t, d.stored("201", "ringfence"))
	require.Empty(t, d.stored("201", "office"))
}

func TestRepPasswordMistakes(t *testing.T) {
	d := newDesk(t)
	for _, c := range []struct {
		stdin, args string
		code        int
		says        string
	}{
		{"short\n", "201", 1, "fewer than 8 characters"},
		{"", "201", 1, "fewer than 8 characters"},
		{strings.Repeat("x", 300), "201", 1, "more than 256 bytes"},
		{"with\ta tab\n", "201", 1, "control character"},
		{"", "201 --remove", 1, "has no password in the registry"},
		{"", "201 --remove --generate", 2, "none of the others can be"},
		{"", "2:1 --generate", 2, "holds no colon"},
		{"", "", 2, "expected ID"},
	} {
		got := d.typing(c.stdin, append([]string{"rep", "password"}, strings.Fields(c.args)...)...)
		require.Equal(t, c.code, got.code, c.args)
		require.Contains(t, got.stderr, c.says)
		if len(c.stdin) > 1 {
			require.NotContains(t, got.stderr, strings.TrimSpace(c.stdin))
		}
	}
}
