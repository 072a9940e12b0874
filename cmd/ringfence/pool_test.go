package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/cmd/ringfence/config"
	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
	"github.com/ringfence/ringfence/registry/redistest"
)

func TestPoolCommands(t *testing.T) {
	d := newDesk(t)
	subset(t, d.json(0, "pool", "list"), `{"total":0,"numbers":[]}`)
	require.Contains(t, d.run("pool", "list").stdout, "no such number is in the pool")
	for i := range 5 {
		n := fmt.Sprintf("+1212555010%d", i)
		d.json(0, "owner", "claim", n, "--rep", "201")
		d.json(0, "owner", "release", n)
	}
	all := d.json(0, "pool", "list", "--limit", "2")
	require.EqualValues(t, 5, all["total"])
	require.Len(t, all["numbers"], 2)
	newest := all["numbers"].([]any)[0].(map[string]any)
	subset(t, newest, `{"number":"+12125550104","scope":"","why":"released","before":"201"}`)
	require.NotEmpty(t, newest["since"])
	require.NotEmpty(t, newest["barred_until"])
	require.Contains(t, d.run("pool", "list", "--limit", "2").stdout, "and 3 more; --limit 0 shows all")
	subset(t, d.json(0, "pool", "list", "--why", "no_deal"), `{"total":0}`)
	subset(t, d.json(0, "pool", "list", "--scope", "loans"), `{"total":0}`)
	require.Equal(t, 2, d.run("pool", "list", "--why", "rain").code)
	require.Equal(t, 2, d.run("pool", "list", "--limit", "-1").code)

	barred := d.run("pool", "claim", "+12125550100", "--rep", "201")
	require.Equal(t, 1, barred.code)
	require.Contains(t, barred.stderr, "+1212*****00")
	subset(t, d.json(0, "pool", "claim", "+12125550100", "--rep", "202"), `{"owner":"202","extension":"202","changed":"claimed"}`)
	gone := d.run("pool", "claim", "+12125550199", "--rep", "202")
	require.Equal(t, 1, gone.code)
	require.Contains(t, gone.stderr, "is not in the pool; ringfence owner claim")
	subset(t, d.json(0, "pool", "list"), `{"total":4}`)
	require.Contains(t, d.run("pool", "stats").stdout, "no gate has looked after the pool yet")
}

func TestPoolForecasts(t *testing.T) {
	d := newDesk(t)
	require.Contains(t, d.run("pool", "warn").stdout, "nothing will be recycled so soon")
	d.json(0, "owner", "claim", "+12125550100", "--rep", "202", "--for", "2d")
	d.json(0, "owner", "claim", "+12125550101", "--rep", "201", "--for", "1d")
	d.json(0, "owner", "claim", "+12125550102", "--rep", "201", "--for", "12h")
	d.json(0, "owner", "claim", "+12125550103", "--rep", "201")
	var numbers []any
	for _, e := range d.list(0, "pool", "warn") {
		numbers = append(numbers, e["number"])
	}
	require.Equal(t, []any{"+12125550102", "+12125550101", "+12125550100"}, numbers, "by rep, the most urgent first")
	require.Len(t, d.list(0, "pool", "warn", "--within", "13h"), 1)
	require.Len(t, d.list(0, "pool", "warn", "--rep", "202"), 1)

	// By hand stays; by the rules, the new ones count.
	asToday := d.json(0, "pool", "preview", "--within", "7d")
	subset(t, asToday, `{"within_seconds":604800,"all":{"owned":4,"now":0,"within":3,"before":3}}`)
	stricter := d.json(0, "pool", "preview", "--within", "7d", "--set", "rules.no_deal=5d", "--list")
	subset(t, stricter, `{"all":{"owned":4,"now":0,"within":4,"before":3}}`)
	subset(t, stricter["by_rep"].(map[string]any), `{"201":{"owned":3,"now":0,"within":3,"before":2},"202":{"owned":1,"now":0,"within":1,"before":1}}`)
	require.EqualValues(t, 1, stricter["by_why"].(map[string]any)["no_deal"].(map[string]any)["within"])
	require.Len(t, stricter["numbers"], 4)
	subset(t, d.json(0, "pool", "preview", "--set", "rules.protection=10m", "--within", "20h"), `{"all":{"owned":4,"now":0,"within":2,"before":1}}`)
	table := d.run("pool", "preview", "--set", "rules.no_deal=5d", "--list").stdout
	for _, word := range []string{"WITHIN 7d", "AS IT IS TODAY", "no_deal", "+12125550103"} {
		require.Contains(t, table, word)
	}
	subset(t, d.json(0, "owner", "show", "+12125550103"), `{"owner":"201"}`)
}

// TestGateRecycles: the gate moves a number whose protection has ended by itself, and tells it everywhere.
func TestGateRecycles(t *testing.T) {
	f := newFloor(t, "")
	var owned map[string]any
	f.decode(&owned, "owner", "claim", "+12125550100", "--rep", "201", "--for", "1s")
	f.decode(&owned, "owner", "claim", "+12125550101", "--rep", "201", "--for", "2d")
	f.serveWith("rules.pool.warn=3d")
	listed := func() (report poolListing) { f.decode(&report, "pool", "list"); return report }
	soon(t, "the number in the pool", func() bool { return listed().Total == 1 })
	entry := listed().Entries[0]
	require.Equal(t, gate.Number("+12125550100"), entry.Number)
	require.Equal(t, "expired", entry.Why)
	soon(t, "the metrics", func() bool {
		return f.metric("ringfence_pool_numbers 1") && f.metric("ringfence_owned_numbers 1") && f.metric(`ringfence_recycled_total{why="expired"} 1`)
	})
	var history []map[string]any
	soon(t, "the warning", func() bool {
		f.decode(&history, "history", "+12125550101")
		return len(history) == 2 && history[0]["reason"] == "warn"
	})
	var stats map[string]any
	f.decode(&stats, "pool", "stats")
	subset(t, stats, `{"numbers":1,"owned":1,"lag_seconds":0,"rules_changed":null}`)
	f.decode(&history, "history", "+12125550100")
	subset(t, history[0], `{"kind":"pool","reason":"recycle"}`)
	require.NotContains(t, f.log.String(), `"level":"error"`)
}

// storeOf opens the registry that a floor or desk goes by.
func storeOf(t *testing.T, url string) *registry.Store {
	t.Helper()
	cfg, err := config.LoadClient("", []string{"region=US", "registry.url=" + url}, nil)
	require.NoError(t, err)
	s, err := registry.Open(t.Context(), cfg.Registry, registry.WithoutLists())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// claimMany has a rep own so many numbers.
func claimMany(t *testing.T, s *registry.Store, rep gate.Rep, numbers int) {
	t.Helper()
	var wg sync.WaitGroup
	for first := range 8 {
		wg.Go(func() {
			for i := first; i < numbers; i += 8 {
				n := gate.Number(fmt.Sprintf("+1212%07d", 5_550_000+i))
				if _, err := s.Claim(t.Context(), n, registry.ClaimOrder{Rep: rep, For: time.Hour}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	require.False(t, t.Failed())
}

func TestOffboardCommand(t *testing.T) {
	d := newDesk(t)
	for i := range 6 {
		d.json(0, "owner", "claim", fmt.Sprintf("+1212555010%d", i), "--rep", "201")
	}
	d.json(0, "owner", "claim", "+12125550110", "--rep", "202")
	for _, wrong := range [][]string{
		{"201"},
		{"201", "--to", "202,202"},
		{"201", "--to", "201"},
		{"201", "--to", "202", "--strategy", "by-mood"},
		{"201", "--to", "202", "--undo"},
		{"201", "--undo", "--resume"},
		{"201", "--to", "202,,203"},
	} {
		got := d.run(append([]string{"rep", "offboard"}, wrong...)...)
		require.Equal(t, 2, got.code, "%v: %s", wrong, got.stderr)
	}
	for _, flag := range []string{"--resume", "--undo"} {
		got := d.run("rep", "offboard", "201", flag)
		require.Equal(t, 1, got.code)
		require.Contains(t, got.stderr, "ringfence rep offboard 201 --to ... begins")
	}
	dry := d.json(0, "rep", "offboard", "201", "--to", "202,203", "--dry-run")
	subset(t, dry, `{"rep":"201","numbers":6,"moved":0,"dry_run":true,"holding":{"202":1,"203":0}}`)
	subset(t, d.json(0, "owner", "show", "+12125550100"), `{"owner":"201"}`)
	done := d.json(0, "rep", "offboard", "201", "--to", "202,203", "--strategy", "by-load")
	subset(t, done, `{"rep":"201","state":"done","numbers":6,"moved":6,"pooled":0,"to":{"202":3,"203":3},"left":null}`)
	require.NotEmpty(t, done["id"])
	require.NotEmpty(t, done["undo_until"])
	require.Contains(t, d.run("rep", "offboard", "201", "--resume").stderr, "it is done")
	var owned []map[string]any
	d.read(&owned, 0, "history", "+12125550100")
	subset(t, owned[0], `{"kind":"owner","reason":"transfer"}`)
	undone := d.json(0, "rep", "offboard", "201", "--undo")
	subset(t, undone, `{"state":"undone","back":6,"changed":0,"numbers":6}`)
	subset(t, d.json(0, "owner", "show", "+12125550100"), `{"owner":"201"}`)
	require.Contains(t, d.run("rep", "offboard", "201", "--to", "pool").stdout, "the pool")
	subset(t, d.json(0, "pool", "list", "--why", "left"), `{"total":6}`)
}

// TestOffboardSurvivesKill kills the program in the middle and has it go on: each number is moved once.
func TestOffboardSurvivesKill(t *testing.T) {
	t.Parallel()
	const numbers = 2000
	program, redis := builtProgram(t), redistest.Start(t)
	s := storeOf(t, redis.URL())
	claimMany(t, s, "201", numbers)
	dir := t.TempDir()
	offboard := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), program, append([]string{
			"--set", "region=US", "--set", "registry.url=" + redis.URL(), "--output", "json", "rep", "offboard", "201",
		}, args...)...)
		cmd.Dir = dir
		dieWithParent(cmd)
		return cmd
	}
	cmd := offboard("--to", "202,203")
	require.NoError(t, cmd.Start())
	handed := func() int {
		o, err := s.Offboarding(t.Context(), "201")
		if err != nil {
			return 0
		}
		got, err := s.Handed(t.Context(), o)
		require.NoError(t, err)
		return got["202"] + got["203"]
	}
	soon(t, "some numbers handed over", func() bool { return handed() > numbers/20 })
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	before := handed()
	require.Less(t, before, numbers, "it was killed in the middle")

	again := offboard("--to", "202")
	out, err := again.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "--resume goes on with it")
	out, err = offboard("--resume").Output()
	require.NoError(t, err)
	var report offboardReport
	require.NoError(t, json.Unmarshal(out, &report))
	require.Equal(t, numbers, report.Moved)
	require.Equal(t, numbers, report.To["202"]+report.To["203"])
	for i := range numbers {
		n := gate.Number(fmt.Sprintf("+1212%07d", 5_550_000+i))
		records, err := s.History(context.Background(), n, 10)
		require.NoError(t, err)
		require.Len(t, records, 2, "its claim and one transfer")
		require.Equal(t, report.ID, records[0].Detail["offboard"])
	}
	t.Logf("killed after %d of %d", before, numbers)
}

// TestPoolOnACluster runs the commands and the gate's own work on three nodes.
func TestPoolOnACluster(t *testing.T) {
	t.Parallel()
	url := redistest.StartCluster(t, 3).URL()
	s := storeOf(t, url)
	claimMany(t, s, "201", 100)
	file := filepath.Join(t.TempDir(), "ringfence.yaml")
	require.NoError(t, os.WriteFile(file, []byte("region: US\nregistry: {url: \""+url+"\"}\n"), 0o600))
	on := func(into any, args ...string) {
		t.Helper()
		got := run("", append([]string{"--config", file, "--output", "json"}, args...)...)
		require.Zero(t, got.code, got.stderr)
		require.NoError(t, json.NewDecoder(strings.NewReader(got.stdout)).Decode(into))
	}
	var preview previewReport
	on(&preview, "pool", "preview", "--within", "2h")
	require.Equal(t, forecast{Owned: 100, Within: 100, Before: 100}, preview.All)
	var done, undone offboardReport
	on(&done, "rep", "offboard", "201", "--to", "202,203,204", "--strategy", "by-load")
	require.Equal(t, 100, done.Moved)
	on(&undone, "rep", "offboard", "201", "--undo")
	require.Equal(t, 100, undone.Back)
	on(&done, "rep", "offboard", "201", "--to", "pool")
	require.Equal(t, 100, done.Pooled)
	var listed poolListing
	on(&listed, "pool", "list", "--limit", "0")
	require.Len(t, listed.Entries, 100)
	var owned map[string]any
	on(&owned, "pool", "claim", string(listed.Entries[0].Number), "--rep", "205")
	subset(t, owned, `{"owner":"205"}`)
	var warned []ending
	on(&warned, "pool", "warn", "--within", "60d")
	require.Len(t, warned, 1)
}

// TestOffboardAmongPeople: who leaves is marked, under whatever name they go; only people who are here, sell it and may hold
// it take over; an undo brings the rep back.
func TestOffboardAmongPeople(t *testing.T) {
	d := newDesk(t)
	d.json(0, "team", "add", "loans", "--scope", "loans")
	d.json(0, "team", "add", "cars", "--scope", "cars")
	d.json(0, "rep", "add", "201", "--team", "loans", "--identity", "wang.fang")
	d.json(0, "rep", "add", "202", "--team", "loans", "--extension", "299", "--holdings", "2")
	d.json(0, "rep", "add", "203", "--team", "cars")
	d.json(0, "rep", "add", "204", "--team", "loans")
	d.json(0, "rep", "set", "204", "--left")
	for i := range 3 {
		subset(t, d.json(0, "owner", "claim", fmt.Sprintf("+1212555010%d", i), "--rep", "201"), `{"scope":"loans"}`)
	}
	for rep, why := range map[string]string{"205": "not among the people", "204": "has left"} {
		got := d.run("rep", "offboard", "201", "--to", rep)
		require.Equal(t, 1, got.code)
		require.Contains(t, got.stderr, why)
	}
	require.Equal(t, 2, d.run("rep", "offboard", "wang.fang", "--to", "201").code)
	done := d.json(0, "rep", "offboard", "wang.fang", "--to", "203,202")
	subset(t, done, `{"rep":"201","moved":2,"pooled":1,"to":{"":1,"202":2},"left":true}`)
	subset(t, d.json(0, "rep", "show", "201"), `{"left":true}`)
	subset(t, d.json(3, "check", "+12125550199", "--rep", "201"), `{"reason":"unknown_rep"}`)
	held := d.json(0, "owner", "held", "--rep", "202")
	require.Len(t, held["numbers"], 2)
	subset(t, d.json(0, "rep", "offboard", "201", "--undo"), `{"back":3,"left":false}`)
	subset(t, d.json(0, "rep", "show", "201"), `{"left":null}`)
	subset(t, d.json(0, "check", "+12125550199", "--rep", "201"), `{"reason":"allowed"}`)
}
