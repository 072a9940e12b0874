package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const theNumber = "+12125550100"

func TestOwnerInScopes(t *testing.T) {
	d := newDesk(t)
	subset(t, d.json(0, "owner", "claim", theNumber, "--rep", "201", "--scope", "loans"), `{"owner":"201","scope":"loans"}`)
	subset(t, d.json(0, "owner", "lock", theNumber), `{"scope":"loans","locked":true,"changed":"locked"}`) // the only one
	subset(t, d.json(0, "owner", "claim", theNumber, "--rep", "202", "--scope", "cars"), `{"owner":"202","scope":"cars"}`)
	which := d.run("owner", "release", theNumber)
	require.Equal(t, 2, which.code)
	require.Contains(t, which.stderr, `owned in the scopes ["cars" "loans"]`)
	shown := d.json(0, "owner", "show", theNumber)
	subset(t, shown, `{"scope":"cars","owner":"202"}`)
	require.Len(t, shown["others"], 1)
	subset(t, shown["others"].([]any)[0].(map[string]any), `{"scope":"loans","owner":"201","locked":true}`)
	table := d.run("owner", "show", theNumber)
	require.Regexp(t, `(?m)loans +201 +for ever +- +locked`, table.stdout)
	subset(t, d.json(0, "owner", "release", theNumber, "--scope", "cars"), `{"scope":"cars","before":"202","changed":"released"}`)
	subset(t, d.json(0, "owner", "show", theNumber)["pool"].(map[string]any), `{"why":"released"}`)
	none := d.run("owner", "lock", theNumber, "--scope", "boats")
	require.Equal(t, 1, none.code)
	require.Contains(t, none.stderr, "in the scope boats")
}

func TestOwnerShares(t *testing.T) {
	d := newDesk(t)
	require.Equal(t, 0, d.run("owner", "claim", theNumber, "--rep", "201").code)
	shared := d.json(0, "owner", "share", theNumber, "--with", "202", "--percent", "50")
	subset(t, shared["collaborators"].([]any)[0].(map[string]any), `{"rep":"202","percent":50}`)
	subset(t, d.json(0, "check", theNumber, "--rep", "202"), `{"verdict":"allow","reason":"collaborator","owner":"201"}`)
	for says, args := range map[string][]string{
		"50 percent of +1212*****00 are others' already, so 50 at most are left for 203": {"owner", "share", theNumber, "--with", "203", "--percent", "51"},
		"201 owns +1212*****00":            {"owner", "share", theNumber, "--with", "201", "--percent", "10"},
		"203 has no share in +1212*****00": {"owner", "unshare", theNumber, "--with", "203"},
		"nobody owns +1212*****01":         {"owner", "share", "+12125550101", "--with", "202", "--percent", "10"},
	} {
		got := d.run(args...)
		require.Equal(t, 1, got.code)
		require.Contains(t, got.stderr, says)
	}
	require.Equal(t, 2, d.run("owner", "share", theNumber, "--with", "203", "--percent", "101").code)
	require.Nil(t, d.json(0, "owner", "unshare", theNumber, "--with", "202")["collaborators"])
}

func TestOwnerProtection(t *testing.T) {
	d := newDesk(t)
	d.base = append(d.base, "--set", "rules.levels={A: 90d}", "--set", "rules.deal.protection=365d")
	first := d.json(0, "owner", "claim", theNumber, "--rep", "201")["until"].(string)
	levelled := d.json(0, "owner", "level", theNumber, "--level", "A")["until"].(string)
	require.Greater(t, levelled, first)
	dealt := d.json(0, "owner", "deal", theNumber)
	require.NotEmpty(t, dealt["deal"])
	require.Greater(t, dealt["until"], levelled)
	require.Equal(t, levelled, d.json(0, "owner", "deal", theNumber, "--undo")["until"])
	require.Greater(t, d.json(0, "owner", "extend", theNumber, "--by", "7d")["until"], levelled)
	require.Equal(t, "9999-12-31T23:59:59Z", d.json(0, "owner", "lock", theNumber)["until"])
	require.Equal(t, 2, d.run("owner", "level", theNumber, "--level", "a=b").code)
	require.Equal(t, 0, d.run("owner", "unlock", theNumber).code)
	require.Equal(t, 2, d.run("owner", "extend", theNumber, "--by", "0s").code)
}

func TestOwnerHeld(t *testing.T) {
	d := newDesk(t)
	d.base = append(d.base, "--set", "rules.holdings.most=1")
	require.Equal(t, 0, d.run("owner", "claim", theNumber, "--rep", "201").code)
	full := d.run("owner", "claim", "+12125550101", "--rep", "201")
	require.Equal(t, 1, full.code)
	require.Contains(t, full.stderr, "201 holds 1 numbers, which is the most that rules.holdings.most")
	require.Equal(t, 0, d.run("owner", "claim", "+12125550101", "--rep", "202").code)
	require.Equal(t, 1, d.run("owner", "transfer", "+12125550101", "--to", "201").code)
	require.Equal(t, 0, d.run("owner", "transfer", "+12125550101", "--to", "201", "--force").code)
	held := d.json(0, "owner", "held", "--rep", "201")
	subset(t, held, `{"rep":"201","held":2,"dealt":0,"most":1,"claims_today":0}`)
	require.Len(t, held["numbers"], 2)
	require.Contains(t, d.run("owner", "held", "--rep", "202").stdout, "202 holds 0 of 1")
	subset(t, d.list(0, "history", "+12125550101")[0], `{"reason":"transfer","detail":{"from":"202"}}`)
}
