package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRepCommands(t *testing.T) {
	d := newDesk(t)
	require.Empty(t, d.list(0, "rep", "list"))
	require.Empty(t, d.list(0, "team", "list"))
	subset(t, d.json(0, "team", "add", "east", "--scope", "loans", "--queue", "270"),
		`{"team":"east","scope":"loans","queue":"270","members":[],"changed":"added"}`)
	subset(t, d.json(0, "rep", "add", "zhang", "--name", " Zhang Wei ", "--team", "east", "--extension", "201",
		"--identity", "zhang.wei", "--identity", "+8613800000000", "--supervisor", "--holdings", "300", "--daily-claims", "20"),
		`{"rep":"zhang","name":"Zhang Wei","team":"east","scope":"loans","extension":"201","identities":["zhang.wei","+8613800000000"],
		  "supervisor":true,"holdings":300,"daily_claims":20,"changed":"added"}`)
	subset(t, d.json(0, "rep", "add", "202"), `{"rep":"202","changed":"added"}`)

	subset(t, d.json(0, "rep", "set", "zhang", "--drop-identity", "zhang.wei", "--identity", "zw", "--supervisor=false", "--holdings", "0"),
		`{"name":"Zhang Wei","identities":["+8613800000000","zw"],"supervisor":null,"holdings":null,"daily_claims":20,"changed":"changed"}`)
	shown := d.json(0, "rep", "show", "zw")
	subset(t, shown, `{"rep":"zhang","scope":"loans"}`)
	require.NotEmpty(t, shown["changed_by"])
	changes := shown["changes"].([]any)
	require.Len(t, changes, 2)
	subset(t, changes[0].(map[string]any), `{"change":"changed","fields":[
		{"field":"identities","before":"zhang.wei +8613800000000","after":"+8613800000000 zw"},
		{"field":"supervisor","before":"yes","after":""},{"field":"holdings","before":"300","after":""}]}`)
	require.Contains(t, d.run("rep", "show", "zhang").stdout, `holdings "300" → ""`)

	subset(t, d.json(0, "rep", "set", "202", "--left"), `{"left":true,"changed":"left"}`)
	subset(t, d.json(0, "rep", "set", "202", "--left=false", "--team", "east"), `{"left":null,"changed":"returned"}`)
	require.Len(t, d.list(0, "rep", "list", "--team", "east"), 2)
	subset(t, d.json(0, "team", "show", "east"), `{"members":["202","zhang"],"supervisors":null}`)
	subset(t, d.json(0, "team", "set", "east", "--queue", ""), `{"queue":null,"scope":"loans","changed":"changed"}`)
	require.Contains(t, d.run("team", "list").stdout, "east  loans  -      2        -            -")
	require.Contains(t, d.run("rep", "list").stdout, "zhang  Zhang Wei  east  loans  201        +8613800000000 zw  by rule   20")

	subset(t, d.json(0, "rep", "remove", "202"), `{"rep":"202","changed":"removed"}`)
	require.Contains(t, d.run("team", "remove", "east").stderr, "zhang is in the team east")
	subset(t, d.json(0, "rep", "set", "zhang", "--team", ""), `{"team":null}`)
	subset(t, d.json(0, "team", "remove", "east"), `{"changed":"removed"}`)
}

func TestRepMistakes(t *testing.T) {
	d := newDesk(t)
	require.Zero(t, d.run("rep", "add", "201", "--identity", "zhang").code)
	for args, want := range map[string]struct {
		code int
		says string
	}{
		"rep add 201":                           {1, "201 is among the people already; ringfence rep set changes it"},
		"rep add a:b":                           {2, `"a:b" cannot be a rep's id: it holds one of`},
		"rep add 202 --team east":               {1, `nothing was changed: rep 202: team: there is no team "east"`},
		"rep add 202 --extension 900":           {1, `extension: "900" does not fit sip.extensions.pattern`},
		"rep add 202 --identity zhang":          {1, `identities: "zhang" is 201's`},
		"rep add zhang":                         {1, `rep zhang: id: "zhang" is an identity of 201`},
		"rep add 202 --holdings -1":             {1, "holdings: -1 is out of range"},
		"rep set 201":                           {2, "nothing was given"},
		"rep set 202 --name x":                  {1, `"202" is not among the people`},
		"rep set 201 --drop-identity li":        {1, `201 has no identity "li"`},
		"rep show 202":                          {1, "ringfence rep add enters one"},
		"rep remove 202":                        {1, "is not among the people"},
		"rep list --team east":                  {1, `there is no team "east"`},
		"rep load nowhere.csv":                  {1, "no such file"},
		"rep export --as xlsx":                  {2, "is neither yaml nor csv"},
		"team add -- -a":                        {2, "it begins with -"},
		"team add east --queue 900":             {1, `team east: queue: "900" does not fit`},
		"team set east --queue 201":             {1, "ringfence team add makes one"},
		"team set east":                         {2, "nothing was given"},
		"team remove east":                      {1, "there is no team"},
		"team show east":                        {1, "there is no team"},
		"team add " + strings.Repeat("x", 65):   {2, "it is longer than 64 bytes"},
		"team add east --scope a:b":             {1, `scope: "a:b" cannot be a scope's`},
		"rep set 201 --identity x --identity x": {1, `"x" is there twice`},
	} {
		got := d.run(strings.Fields(args)...)
		require.Equal(t, want.code, got.code, "%s: %s", args, got.stderr)
		require.Contains(t, got.stderr, want.says, args)
	}
}

// TestRepRemove: who owns numbers is not forgotten, whose password is.
func TestRepRemove(t *testing.T) {
	d := newDesk(t)
	for _, line := range []string{"rep add 201 --identity zhang", "owner claim +12125550100 --rep 201"} {
		require.Zero(t, d.run(strings.Fields(line)...).code, line)
	}
	require.Zero(t, d.typing("correct horse", "rep", "password", "zhang").code)
	got := d.run("rep", "remove", "201")
	require.Equal(t, 1, got.code)
	require.Contains(t, got.stderr, "201 owns numbers; give them away first with ringfence rep offboard")
	require.Zero(t, d.run("owner", "release", "+12125550100").code)
	require.Zero(t, d.run("rep", "remove", "201").code)
	require.Empty(t, d.stored("zhang", "ringfence"))
}

func TestRepLoad(t *testing.T) {
	d := newDesk(t)
	write := func(name, text string) string {
		file := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return file
	}
	yaml := write("staff.yaml", `
teams: [{id: east, queue: 270}]
reps:
- {id: 201, name: Zhang Wei, team: east, supervisor: yes}
- {id: 202, name: Li Na, team: east}
`)
	dry := d.json(0, "rep", "load", yaml, "--dry-run")
	subset(t, dry, `{"source":"staff.yaml","applied":false,"dry_run":true,"reps":2,"teams":1,"unchanged":0,"mistakes":[]}`)
	require.Len(t, dry["changes"], 3)
	require.Empty(t, d.list(0, "rep", "list"), "a dry run changes nothing")
	subset(t, d.json(0, "rep", "load", yaml), `{"applied":true}`)
	again := d.run("rep", "load", yaml)
	require.Equal(t, "staff.yaml: 2 reps: 0 added, 0 changed, 0 left, 0 returned, 2 as they were; 0 teams changed\n", again.stdout)

	bad := write("bad.csv", "id,name,team,holdings\n201,Zhang,north,x\n203,Chen,south,1\n203,Chen,south,1\n")
	got := d.json(1, "rep", "load", bad)
	subset(t, got, `{"applied":false,"changes":[]}`)
	require.Len(t, got["mistakes"], 2)
	text := d.run("rep", "load", bad)
	require.Contains(t, text.stdout, `line 2: holdings: "x" is no whole number`)
	require.Contains(t, text.stdout, `line 4: id: "203" is on line 3 already`)
	require.Contains(t, text.stderr, "bad.csv was not loaded: it has 2 mistakes")
	require.Contains(t, d.run("rep", "load", write("teams.csv", "id,team\n201,north\n")).stdout, `line 2: team: there is no team "north"`)

	pruned := d.typing("id,team\n202,north\n203,north\n", "rep", "load", "-", "--as", "csv", "--prune", "--add-teams")
	require.Zero(t, pruned.code, pruned.stderr)
	require.Contains(t, pruned.stdout, "standard input: 2 reps: 1 added, 1 changed, 1 left, 0 returned, 0 as they were; 1 team changed\n")
	subset(t, d.json(0, "rep", "show", "201"), `{"left":true,"name":"Zhang Wei"}`)
	subset(t, d.json(0, "rep", "show", "202"), `{"team":"north","name":"Li Na"}`)

	for _, as := range []string{"csv", "yaml"} {
		file := write("all."+as, d.run("rep", "export", "--as", as).stdout)
		require.Contains(t, d.run("rep", "load", file, "--dry-run").stdout, "0 added, 0 changed, 0 left, 0 returned, 3 as they were")
		require.Zero(t, d.run("rep", "set", "202", "--name", "x", "--left").code)
		require.Contains(t, d.run("rep", "load", file).stdout, "0 added, 0 changed, 0 left, 1 returned, 2 as they were")
		subset(t, d.json(0, "rep", "show", "202"), `{"name":"Li Na","left":null}`)
	}
}

// TestCheckKnowsThePeople: by any identity, and where the people say that an owner is rung.
func TestCheckKnowsThePeople(t *testing.T) {
	d := newDesk(t)
	for _, line := range []string{
		"team add east --queue 270", "rep add zhang --extension 201 --identity zhang.wei --team east", "rep add 202", "rep add li",
		"rep set li --left", "owner claim +12125550100 --rep zhang",
	} {
		require.Zero(t, d.run(strings.Fields(line)...).code, line)
	}
	d.base = append(d.base, "--set", "rules.owned.action=redirect")
	subset(t, d.json(0, "check", "+12125550100", "--rep", "zhang.wei"), `{"rep":"zhang","reason":"owner"}`)
	subset(t, d.json(0, "check", "+12125550100", "--rep", "201"), `{"rep":"zhang","reason":"owner"}`)
	subset(t, d.json(3, "check", "+12125550100", "--rep", "202"), `{"verdict":"redirect","owner":"zhang","extension":"201"}`)
	subset(t, d.json(3, "check", "+12125550101", "--rep", "li"), `{"reason":"unknown_rep"}`)
	subset(t, d.json(0, "check", "+12125550101", "--rep", "stranger"), `{"reason":"allowed"}`)
	d.base = append(d.base, "--set", "rules.unknown_rep=block", "--set", "rules.territories.areas=[{prefixes: [212], team: east}]")
	subset(t, d.json(3, "check", "+12125550101", "--rep", "stranger"), `{"reason":"unknown_rep"}`)
	subset(t, d.json(0, "check", "+12125550101", "--rep", "202"), `{"reason":"allowed","territory":"east"}`)
	d.base = append(d.base, "--set", "rules.territories.action=redirect")
	subset(t, d.json(3, "check", "+12125550101", "--rep", "202"), `{"verdict":"redirect","reason":"territory","extension":"270","territory":"east"}`)
	require.Contains(t, d.run("check", "+12125550101", "--rep", "202").stdout, "in the territory of east, rings extension 270 instead")
}
