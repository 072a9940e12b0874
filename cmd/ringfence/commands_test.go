package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/registry/redistest"
)

// desk is an operator at a terminal, with a Redis of its own and no configuration file.
type desk struct {
	t    *testing.T
	base []string
	url  string
}

func newDesk(t *testing.T) desk {
	t.Helper()
	t.Chdir(t.TempDir()) // no ringfence.yaml here
	redis := redistest.Start(t)
	return desk{t, []string{"--set", "region=US", "--set", "registry.url=" + redis.URL(), "--set", "sip.extensions.pattern=^2[0-9]{2}$"}, redis.URL()}
}

func (d desk) run(args ...string) typed { return run("", append(d.base, args...)...) }

// json types a command line and reads what it prints.
func (d desk) json(code int, args ...string) (object map[string]any) {
	d.t.Helper()
	d.read(&object, code, args...)
	return object
}

// list is json for a command that prints an array.
func (d desk) list(code int, args ...string) (rows []map[string]any) {
	d.t.Helper()
	d.read(&rows, code, args...)
	return rows
}

func (d desk) read(into any, code int, args ...string) {
	d.t.Helper()
	got := d.run(append(args, "--output", "json")...)
	require.Equal(d.t, code, got.code, got.stderr)
	require.NoError(d.t, json.Unmarshal([]byte(got.stdout), into), got.stdout)
}

// subset holds the fields of an object that a test names.
func subset(t *testing.T, object map[string]any, want string) {
	t.Helper()
	var fields map[string]any
	require.NoError(t, json.Unmarshal([]byte(want), &fields))
	for name, value := range fields {
		require.Equal(t, value, object[name], name)
	}
}

func TestOwnerCommands(t *testing.T) {
	d := newDesk(t)
	subset(t, d.json(0, "owner", "show", "+12125550100"), `{"number":"+12125550100","owner":"","in_flight":null,"refusal":null}`)
	subset(t, d.json(0, "owner", "claim", "(212) 555-0100", "--rep", "201"),
		`{"number":"+12125550100","owner":"201","extension":"201","changed":"claimed"}`)
	subset(t, d.json(0, "owner", "claim", "+12125550100", "--rep", "201", "--for", "90d"), `{"owner":"201"}`)

	taken := d.run("owner", "claim", "+12125550100", "--rep", "202")
	require.Equal(t, 1, taken.code)
	require.Contains(t, taken.stderr, "+1212*****00 is owned by 201 until ")
	require.Contains(t, taken.stderr, "ringfence owner transfer")

	subset(t, d.json(3, "check", "+12125550100", "--rep", "202"), `{"verdict":"block","reason":"owned","owner":"201"}`)
	subset(t, d.json(0, "check", "+12125550100", "--rep", "201"), `{"verdict":"allow","reason":"owner"}`)

	subset(t, d.json(0, "owner", "transfer", "+12125550100", "--to", "sales-lead"), `{"owner":"sales-lead","before":"201","changed":"transferred"}`)
	subset(t, d.json(0, "owner", "release", "+12125550100"), `{"owner":"","before":"sales-lead","changed":"released"}`)
	free := d.run("owner", "release", "+12125550100")
	require.Equal(t, 1, free.code)
	require.Contains(t, free.stderr, "nobody owns +1212*****00")
	require.Equal(t, 1, d.run("owner", "transfer", "+12125550100", "--to", "203").code)

	history := d.list(0, "history", "+12125550100")
	require.Len(t, history, 4, "each change by command is a record")
	subset(t, history[0], `{"kind":"owner","reason":"release"}`)
	require.Len(t, d.list(0, "history", "+12125550100", "--limit", "2"), 2)
	require.Empty(t, d.list(0, "history", "+12125550999"))
}

func TestRefusalCommands(t *testing.T) {
	d := newDesk(t)
	require.Empty(t, d.list(0, "refusal", "list"))
	subset(t, d.json(0, "refuse", "+12125550100", "--for", "10d", "--rep", "201", "--note", "not interested"),
		`{"number":"+12125550100","by":"201","note":"not interested"}`)
	rows := d.list(0, "refusal", "list")
	require.Len(t, rows, 1)
	subset(t, rows[0], `{"number":"+12125550100","by":"201"}`)
	subset(t, d.json(3, "check", "+12125550100", "--rep", "201"), `{"reason":"refused","retry_after_seconds":864000}`)
	require.Contains(t, d.run("owner", "claim", "+12125550100", "--rep", "201").stderr, "said no")
	subset(t, d.json(0, "refusal", "lift", "+12125550100"), `{"lifted":true}`)
	require.Equal(t, 0, d.run("check", "+12125550100", "--rep", "201").code)
	again := d.run("refusal", "lift", "+12125550100")
	require.Equal(t, 1, again.code)
	require.Contains(t, again.stderr, "ringfence refusal list")
}

func read(t *testing.T, name string) string {
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(data)
}

func TestCheckOfWhatIsNoNumber(t *testing.T) {
	d := newDesk(t)
	subset(t, d.json(0, "check", "911", "--rep", "201"), `{"verdict":"allow","reason":"emergency","dialled":"911"}`)
	subset(t, d.json(0, "check", "202", "--rep", "201"), `{"verdict":"allow","reason":"internal"}`)
	bogus := d.json(3, "check", "12", "--rep", "201")
	subset(t, bogus, `{"verdict":"block","reason":"invalid_number"}`)
	require.NotEmpty(t, bogus["why"])
	require.NotContains(t, bogus, "number")
}

func TestExitCodes(t *testing.T) {
	d := newDesk(t)
	tests := []struct {
		args string
		code int
		says string
	}{
		{"", 2, "needs one of its commands"},
		{"bogus", 2, `no command "bogus"`},
		{"owner", 2, "needs one of its commands"},
		{"owner bogus", 2, `no command "bogus"`},
		{"owner show", 2, "expected NUMBER, got 0 arguments"},
		{"owner show +12125550100 +12125550101", 2, "got 2 arguments"},
		{"owner show telephone", 2, "is no telephone number"},
		{"owner claim +12125550100", 2, `required flag(s) "rep" not set`},
		{"owner claim +12125550100 --rep 201 --for soon", 2, "invalid argument"},
		{"owner claim +12125550100 --rep 201 --for -1d", 2, "invalid argument"},
		{"owner show +12125550100 --output yaml", 2, "is not one of table, json"},
		{"check +12125550100 --rep", 2, "flag needs an argument"},
		{"check +12125550100 --rep 201 --peer desk", 2, `no peer of the configuration is called "desk"`},
		{"history +12125550100 --limit 21", 2, "keeps the last 20 records"},
		{"dnc load none.txt --list x", 1, "no such file"},
		{"dnc load", 2, "expected FILE"},
		{"serve", 1, "no configuration"},
		{"config check", 1, "no configuration"},
		{"version", 0, ""},
		{"owner --help", 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			got := d.run(strings.Fields(tt.args)...)
			require.Equal(t, tt.code, got.code, got.stderr)
			require.Contains(t, got.stderr, tt.says)
		})
	}
	t.Run("no such registry", func(t *testing.T) {
		got := run("", "--set", "region=US", "--set", "registry.url=redis://127.0.0.1:1/0", "check", "+12125550100", "--rep", "201")
		require.Equal(t, 1, got.code, "it could not be told")
		require.Contains(t, got.stderr, "is Redis running there")
	})
	t.Run("embedded registry", func(t *testing.T) {
		got := run("", "--set", "region=US", "--set", "registry.url=embedded://", "refusal", "list")
		require.Equal(t, 1, got.code)
		require.Contains(t, got.stderr, "lives inside the process that serves")
	})
}

func TestConfigCheck(t *testing.T) {
	const examples = "../../configs/"
	good := run("", "--config", examples+"ringfence.yaml", "config", "check")
	require.Equal(t, 0, good.code, good.stderr)
	require.Contains(t, good.stdout, "is right (policy ")

	bad := run("", "--config", "config/testdata/bad/values.yaml", "config", "check", "--output", "json")
	require.Equal(t, 1, bad.code)
	var report configReport
	require.NoError(t, json.Unmarshal([]byte(bad.stdout), &report))
	require.False(t, report.Valid)
	require.Greater(t, len(report.Mistakes), 10)
	require.Equal(t, 17, report.Mistakes[0].Line)

	table := run("", "--config", "config/testdata/bad/audit.yaml", "config", "check")
	require.Equal(t, 1, table.code)
	require.Contains(t, table.stdout, "audit.yaml:9: audit: ")
	require.Contains(t, table.stdout, "has 1 mistake\n")
}

func TestConfigFileIsLookedFor(t *testing.T) {
	data := read(t, "../../configs/smallest.yaml")
	t.Chdir(t.TempDir())
	elsewhere := filepath.Join(t.TempDir(), "other.yaml")
	require.NoError(t, os.WriteFile(elsewhere, []byte("region: XX\n"), 0o600))
	require.NoError(t, os.WriteFile("ringfence.yaml", []byte(data), 0o600))
	require.Equal(t, 0, run("", "config", "check").code)

	var out strings.Builder
	sh := &shell{args: []string{"config", "check"}, environ: []string{"RINGFENCE_CONFIG=" + elsewhere}, stdout: &out, stderr: &out}
	require.Equal(t, 1, sh.run(context.Background()))
	require.Contains(t, out.String(), elsewhere)
}

// TestEveryCommandHelps: a first line, and an example for whatever takes arguments.
func TestEveryCommandHelps(t *testing.T) {
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		require.NotEmpty(t, c.Short, c.CommandPath())
		if !c.HasSubCommands() && c.Name() != "version" {
			require.Contains(t, c.Example, c.CommandPath(), c.CommandPath())
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit((&shell{}).newRootCommand())
}

// TestCommandsAreDescribed: docs/commands.md names every command, and every field of its JSON.
func TestCommandsAreDescribed(t *testing.T) {
	doc := read(t, "../../docs/commands.md")
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if !c.HasSubCommands() {
			require.Contains(t, doc, "`"+c.CommandPath(), "docs/commands.md does not describe %s", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit((&shell{}).newRootCommand())
	for _, value := range []any{checkReport{}, ownerReport{}, flightReport{}, shareReport{}, provisionalReport{}, poolReport{}, heldReport{}, heldNumber{}, refusalReport{}, listedReport{}, listReport{}, loadReport{}, recordReport{}, passwordReport{}, customerReport{}, customerOwnerReport{}, importReport{}, importRow{}, repReport{}, logReport{}, teamReport{}, repLoadReport{}, configReport{}, build{}} {
		for _, field := range jsonFields(value) {
			require.Contains(t, doc, "`"+field+"`", "docs/commands.md does not describe the field %s of %T", field, value)
		}
	}
}

// jsonFields are the names of a struct's fields in JSON.
func jsonFields(value any) (names []string) {
	t := reflect.TypeOf(value)
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}
