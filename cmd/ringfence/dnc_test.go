package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDNCSingles(t *testing.T) {
	d := newDesk(t)
	require.Empty(t, d.list(0, "dnc", "check", "+12125550100"))
	subset(t, d.json(0, "dnc", "add", "+12125550100", "--note", "letter of 3 May"), `{"list":"company","changed":"added"}`)
	rows := d.list(3, "dnc", "check", "+12125550100")
	require.Len(t, rows, 1)
	subset(t, rows[0], `{"list":"company","note":"letter of 3 May"}`)
	subset(t, d.json(3, "check", "+12125550100", "--rep", "201"), `{"reason":"dnc","list":"company"}`)
	lists := d.list(0, "dnc", "lists")
	require.Len(t, lists, 1)
	subset(t, lists[0], `{"list":"company","numbers":0,"singles":1}`)
	require.Contains(t, d.run("dnc", "remove", "+12125550100", "--list", "other").stderr, "is not on the list other")
	require.Equal(t, 0, d.run("dnc", "remove", "+12125550100").code)
	require.Equal(t, 0, d.run("dnc", "check", "+12125550100").code)
}

func TestDNCLoad(t *testing.T) {
	d := newDesk(t)
	file := func(name, text string) string {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		return name
	}
	var lines strings.Builder
	for i := range 100 {
		fmt.Fprintf(&lines, "(212) 555-%04d\n", i)
	}
	subset(t, d.json(0, "dnc", "load", file("a.txt", lines.String()), "--list", "national", "--dry-run"),
		`{"applied":false,"dry_run":true,"added":100,"removed":0,"numbers":100}`)
	require.Empty(t, d.list(0, "dnc", "lists"), "a dry run wrote something")

	subset(t, d.json(0, "dnc", "load", "a.txt", "--list", "national"), `{"applied":true,"numbers":100,"unreadable":0,"source":"a.txt"}`)
	subset(t, d.json(3, "check", "212-555-0042", "--rep", "201"), `{"reason":"dnc","list":"national"}`)
	require.Len(t, d.list(3, "dnc", "check", "+12125550042"), 1)

	// A list with holes is not loaded unless that is asked for; nothing of it shows before.
	bad := file("b.csv", "name,phone\nAnn,+1 212 555 0001\nBob,nobody\nCy,+12125559999\n")
	for range 97 {
		bad = file("b.csv", read(t, "b.csv")+"Di,+12125558888\n")
	}
	refused := d.json(1, "dnc", "load", bad, "--list", "national", "--column", "phone")
	subset(t, refused, `{"applied":false,"unreadable":1,"numbers":3,"duplicates":96}`)
	subset(t, refused["problems"].([]any)[0].(map[string]any), `{"line":3}`)
	require.Equal(t, 3, d.run("dnc", "check", "+12125550042").code, "the old list is gone")
	require.Contains(t, d.run("dnc", "load", bad, "--list", "national", "--column", "phone").stderr, "--skip-unreadable")

	// One that shrinks by more than a tenth needs --force.
	shrunk := d.run("dnc", "load", bad, "--list", "national", "--column", "phone", "--skip-unreadable")
	require.Equal(t, 1, shrunk.code)
	require.Contains(t, shrunk.stderr, "--force")
	subset(t, d.json(1, "dnc", "load", bad, "--list", "national", "--column", "phone", "--skip-unreadable", "--dry-run"),
		`{"added":2,"removed":99}`)
	subset(t, d.json(0, "dnc", "load", bad, "--list", "national", "--column", "phone", "--skip-unreadable", "--force"), `{"applied":true,"numbers":3}`)
	require.Equal(t, 0, d.run("dnc", "check", "+12125550042").code)

	subset(t, d.json(0, "dnc", "rollback", "--list", "national"), `{"list":"national","numbers":100}`)
	require.Equal(t, 3, d.run("dnc", "check", "+12125550042").code)
	require.Equal(t, 0, d.run("dnc", "remove", "+12125550042", "--list", "national").code)
	require.Equal(t, 0, d.run("dnc", "check", "+12125550042").code)
	require.Contains(t, d.run("dnc", "rollback", "--list", "nothing").stderr, "ringfence dnc lists")
}

func TestDNCLoadFromStandardInput(t *testing.T) {
	d := newDesk(t)
	got := run("+12125550100\n+12125550101\n", append(d.base, "dnc", "load", "-", "--list", "piped")...)
	require.Equal(t, 0, got.code, got.stderr)
	require.Contains(t, got.stdout, "standard input: 2 lines, 2 numbers, 0 duplicates, 0 unreadable")
	require.Equal(t, 3, d.run("dnc", "check", "+12125550101").code)
}
