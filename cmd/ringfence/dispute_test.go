package main

import (
	"html"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/cmd/ringfence/config"
	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// quarrel has A call and own a number, agree on a share, B help, and the deal closed.
func (d desk) quarrel(number string) {
	d.t.Helper()
	d.call(number, "201", 2*time.Minute)
	subset(d.t, d.json(3, "check", number, "--rep", "202"), `{"reason":"owned"}`)
	d.json(0, "owner", "share", number, "--with", "202", "--percent", "50")
	d.call(number, "202", 40*time.Second)
	d.json(0, "owner", "deal", number)
}

// call is a call of a rep that is let out and answered, as a gate writes it down.
func (d desk) call(number, rep string, talk time.Duration) {
	d.t.Helper()
	d.callUnder(gate.Defaults("US"), number, rep, talk)
}

// callUnder is call by a gate with other rules, which it tells the registry.
func (d desk) callUnder(cfg gate.Config, number, rep string, talk time.Duration) {
	d.t.Helper()
	store, err := registry.Open(d.t.Context(), registry.Config{URL: d.url, Connections: 2}, registry.WithoutLists())
	require.NoError(d.t, err)
	defer store.Close()
	g, err := gate.New(gate.Options{Config: cfg, Registry: store, Gate: "gate-1"})
	require.NoError(d.t, err)
	text, err := config.FormatRules(cfg.Rules)
	require.NoError(d.t, err)
	require.NoError(d.t, store.WritePolicy(d.t.Context(), cfg.Rules.Version(), text))
	r := gate.Reservation{Key: gate.Key{Rep: gate.Rep(rep), CallID: number + rep, FromTag: "t"}, Number: gate.Number(number)}
	a, err := store.Decide(d.t.Context(), gate.Question{Reservation: r, Terms: g.Terms(), Peer: "desk"})
	require.NoError(d.t, err)
	require.Equal(d.t, gate.Allow, a.Verdict, a.Reason)
	require.NoError(d.t, store.Write(d.t.Context(), []gate.Event{{
		Kind: gate.Ended, At: time.Now(), Reservation: r, Terms: g.Terms(), Ending: gate.EndAnswered, Talk: talk, Status: 200,
	}}))
}

func TestDisputeCommand(t *testing.T) {
	const number = "+12125550100"
	d := newDesk(t)
	empty := d.json(0, "dispute", number)
	require.Empty(t, empty["division"])
	require.Nil(t, empty["first_contact"])

	d.quarrel(number)
	got := d.json(0, "dispute", number)
	subset(t, got, `{"number":"+12125550100","owner":"201","policy_known":true}`)
	first := got["first_contact"].(map[string]any)
	subset(t, first, `{"rep":"201","talk_seconds":120}`)
	require.Len(t, got["contacts"], 2)
	parts := got["division"].([]any)
	require.Len(t, parts, 2)
	subset(t, parts[0].(map[string]any), `{"rep":"201","percent":50,"basis":"owner","rule":"rules.division.result: owner"}`)
	subset(t, parts[1].(map[string]any), `{"rep":"202","percent":50,"basis":"agreement"}`)

	// What was agreed on afterwards does not count, nor what was said then.
	before := d.json(0, "dispute", number, "--at", time.Now().AddDate(0, 0, -2).Format(time.DateOnly))
	require.Empty(t, before["division"], "nothing had happened yet")
	require.Len(t, before["contacts"], 2, "but it is shown")

	table := d.run("dispute", number)
	require.Equal(t, 0, table.code, table.stderr)
	require.Contains(t, table.stdout, "How the result divides")
	require.Contains(t, table.stdout, "50 %")
	require.Contains(t, table.stdout, "a share for 202 was agreed on: 50 %")
	chinese := d.run("dispute", number, "--language", "zh")
	require.Contains(t, chinese.stdout, "业绩如何分配")

	require.Equal(t, 2, d.run("dispute", number, "--at", "yesterday").code)
	require.Equal(t, 2, d.run("dispute", number, "--language", "fr").code)
}

// The rules that count are those of the day of the result, not today's.
func TestDisputeByTheRuleOfThatDay(t *testing.T) {
	const number = "+12125550100"
	d := newDesk(t)
	then := gate.Defaults("US")
	then.Rules.Division.Helper = 50
	d.callUnder(then, number, "201", 2*time.Minute)
	require.Zero(t, d.run("pass", "grant", "--rep", "202", "--number", number, "--reason", "speaks the language").code)
	d.callUnder(then, number, "202", 40*time.Second)
	require.Zero(t, d.run("owner", "deal", number).code)

	got := d.json(0, "dispute", number)
	subset(t, got, `{"policy":"`+then.Rules.Version()+`","policy_known":true}`)
	parts := got["division"].([]any)
	require.Len(t, parts, 2)
	subset(t, parts[0].(map[string]any), `{"rep":"201","percent":50,"basis":"owner"}`)
	subset(t, parts[1].(map[string]any), `{"rep":"202","percent":50,"basis":"helper","rule":"rules.division.helper: 50","calls":1}`)
	require.Len(t, got["passes"], 2, "granted and used")
}

func TestDisputePage(t *testing.T) {
	const number = "+12125550100"
	d := newDesk(t)
	d.quarrel(number)
	require.Zero(t, d.run("refuse", number, "--note", "<script>alert(1)</script>").code)
	file := filepath.Join(t.TempDir(), "quarrel.html")
	got := d.run("dispute", number, "--page", file, "--language", "zh")
	require.Equal(t, 0, got.code, got.stderr)
	written, err := os.ReadFile(file)
	require.NoError(t, err)
	page := html.UnescapeString(string(written))
	require.Contains(t, page, `<html lang="zh">`)
	require.Contains(t, page, "50 %")
	require.Contains(t, page, number)
	require.NotContains(t, string(written), "<script>", "a note is text, whatever it says")
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.Contains(t, d.run("dispute", number, "--page", "-").stdout, "<html lang=\"en\">")
	require.Equal(t, 1, d.run("dispute", number, "--page", "/nowhere/at/all.html").code)
}
