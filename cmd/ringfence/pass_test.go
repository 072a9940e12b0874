package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPassCommands: a supervisor grants, lists and revokes; each mistake says what to do.
func TestPassCommands(t *testing.T) {
	f := newFloor(t, "")
	const number = "+12125550100"
	var p passReport
	f.decode(&p, "pass", "grant", "--rep", "202", "--number", number, "--reason", "asked for Li Na", "--for", "30m")
	require.Equal(t, "granted", p.Changed)
	require.Equal(t, "asked for Li Na", p.Reason)
	require.False(t, p.Sealed)
	require.Empty(t, p.PIN)

	var sealed passReport
	f.decode(&sealed, "pass", "grant", "--rep", "203", "--number", number, "--reason", "call back", "--pin")
	require.True(t, sealed.Sealed)
	require.Regexp(t, `^[0-9]{6}$`, sealed.PIN)

	var all []passReport
	f.decode(&all, "pass", "list")
	require.Len(t, all, 2)
	require.Equal(t, sealed.ID, all[0].ID, "what ends first comes first")
	require.Empty(t, all[0].PIN, "it is shown once")
	f.decode(&all, "pass", "list", "--number", "+12125550199")
	require.Empty(t, all)
	table := f.run("pass", "list")
	require.Contains(t, table.stdout, "needed")
	require.NotContains(t, table.stdout, sealed.PIN)

	for _, rep := range []string{"202", "203"} {
		f.decode(&p, "pass", "revoke", "--rep", rep, "--number", number)
		require.Equal(t, "revoked", p.Changed)
		none := f.run("pass", "revoke", "--rep", rep, "--number", number)
		require.Equal(t, 1, none.code)
		require.Contains(t, none.stderr, rep+" has no pass to +1212*****00; ringfence pass list")
	}
	require.Contains(t, f.run("pass", "list").stdout, "no pass is good now")

	for _, wrong := range []struct {
		code int
		says string
		args []string
	}{
		{2, "required flag", []string{"pass", "grant", "--rep", "202", "--number", number}},
		{2, "--reason is empty", []string{"pass", "grant", "--rep", "202", "--number", number, "--reason", ""}},
		{2, "is no rep's id", []string{"pass", "grant", "--rep", "2 2", "--number", number, "--reason", "x"}},
		{2, "is no telephone number", []string{"pass", "grant", "--rep", "202", "--number", "911", "--reason", "x"}},
		{1, "rules.pass.most: 1d", []string{"pass", "grant", "--rep", "202", "--number", number, "--reason", "x", "--for", "2d"}},
	} {
		got := f.run(wrong.args...)
		require.Equal(t, wrong.code, got.code, got.stderr)
		require.Contains(t, got.stderr, wrong.says)
	}
}
