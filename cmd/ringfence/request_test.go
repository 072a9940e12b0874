package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRequestCommands(t *testing.T) {
	d := newDesk(t)
	const number = "+12125550100"
	require.Empty(t, d.list(0, "request", "list"))
	d.json(0, "owner", "claim", number, "--rep", "201")
	opened := d.json(0, "request", "open", "--kind", "share", "--number", "(212) 555-0100", "--rep", "202", "--percent", "50", "--reason", "she asked for me")
	subset(t, opened, `{"id":"r1","kind":"share","state":"open","number":"+12125550100","rep":"202","to":"202","percent":50,
		"owner":"201","waits_for":"owner","reason":"she asked for me"}`)
	subset(t, d.json(0, "request", "open", "--kind", "share", "--number", number, "--rep", "202"), `{"id":"r1","repeated":true}`)

	require.Len(t, d.list(0, "request", "list", "--for", "201"), 1)
	require.Empty(t, d.list(0, "request", "list", "--for", "203"))
	require.Empty(t, d.list(0, "request", "list", "--state", "done"))
	for args, says := range map[string]string{
		"request approve r1 --as 203":                                                "waits for the owner, and 203 is not that; leave --as out",
		"request approve r1 --as 202":                                                "is 202's own; it waits for the owner",
		"request cancel r1 --as 201":                                                 "only the rep who asks",
		"request approve r7":                                                         "no such request",
		"request show x":                                                             "no such request",
		"request open --kind bribe --number +12125550100 --rep 202":                  "is no kind of request; there are pass, share",
		"request open --kind pass --percent 5 --number +12125550100 --rep 2":         "--percent is for a share",
		"request list --state forgotten":                                             "is no state; there are open",
		"request open --kind pass --number +12125550100":                             `required flag(s) "rep" not set`,
		"request open --kind claim --number +12125550100 --rep 202 --for -1d":        "invalid argument",
		"request approve":                                                            "expected ID",
		"request show r1 --set rules.requests.pass.steps=[owner,] --set region=Mars": "region",
	} {
		got := d.run(strings.Fields(args)...)
		require.NotZero(t, got.code, args)
		require.Contains(t, got.stderr, says, args)
		require.NotContains(t, got.stderr, "2125550100", args)
	}

	subset(t, d.json(0, "request", "approve", "r1", "--as", "201", "--reason", "half is fair"), `{"state":"done"}`)
	subset(t, d.json(0, "check", number, "--rep", "202"), `{"verdict":"allow","reason":"collaborator"}`)
	late := d.run("request", "deny", "r1", "--as", "201")
	require.Equal(t, 1, late.code)
	require.Contains(t, late.stderr, "request r1 is done already; ringfence request show r1")
	shown := d.run("request", "show", "r1").stdout
	require.Contains(t, shown, "half is fair")
	require.Contains(t, shown, "202")

	d.json(0, "request", "open", "--kind", "extend", "--number", number, "--rep", "201", "--for", "14d")
	subset(t, d.json(0, "request", "deny", "r3", "--reason", "no"), `{"state":"denied"}`)
	history := d.list(0, "history", number)
	require.Equal(t, "request", history[0]["kind"])
	require.Equal(t, "deny", history[0]["reason"])
}

func TestStageCommands(t *testing.T) {
	d := newDesk(t)
	const number = "+12125550100"
	d.base = append(d.base, "--set", "rules.stages=[{name: new, limit: 2d, then: recycle}, {name: offer, protection: 90d, responsible: 205}]")
	free := d.run("stage", "enter", number, "new")
	require.Equal(t, 1, free.code)
	require.Contains(t, free.stderr, "nobody owns +1212*****00")
	d.json(0, "owner", "claim", number, "--rep", "201")
	subset(t, d.json(0, "stage", "show", number), `{"stage":"","owner":"201","late":false}`)
	subset(t, d.json(0, "stage", "enter", number, "new"), `{"stage":"new","responsible":"201","then":"recycle","late":false,"changed":"entered"}`)
	subset(t, d.json(0, "stage", "enter", number, "offer"), `{"stage":"offer","responsible":"205"}`)
	subset(t, d.json(0, "stage", "enter", number, "new", "--responsible", "206"), `{"responsible":"206"}`)
	require.Len(t, d.list(0, "stage", "list", "--responsible", "206", "--stage", "new"), 1)
	require.Empty(t, d.list(0, "stage", "list", "--late"))
	wrong := d.run("stage", "enter", number, "closing")
	require.Equal(t, 2, wrong.code)
	require.Contains(t, wrong.stderr, `rules.stages has no stage "closing"; there are new, offer`)
	require.Contains(t, d.run("stage", "enter", number).stderr, "expected NUMBER and STAGE, got 1 argument")
	subset(t, d.json(0, "stage", "leave", number), `{"stage":"new","changed":"left"}`)
	require.Contains(t, d.run("stage", "leave", number).stderr, "is in no stage")
}

// A gate under calls: a colleague is refused, asks, and is let through once the owner has said yes; the follow-up takes a
// customer away from whoever sleeps on it; and somebody else's system hears of both.
func TestRequestsAndStagesWhileServing(t *testing.T) {
	var mu sync.Mutex
	told := make(map[string]int)
	heard := func(event string) bool {
		mu.Lock()
		defer mu.Unlock()
		return told[event] > 0
	}
	crm := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		told[r.Header.Get("Ringfence-Event")]++
	}))
	defer crm.Close()
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("a secret of sixteen bytes or more"), 0o600))
	f := newFloor(t, `rules: {stages: [{name: new, limit: 1s, then: recycle}]}
webhooks: [{name: crm, url: "`+crm.URL+`", secret_file: `+secret+`, events: ["*"]}]
`)
	f.serve()
	const number = "+12125550100"
	require.Zero(t, f.run("owner", "claim", number, "--rep", "201").code)
	require.Equal(t, 403, f.call(f.phone("202"), number).Status)
	require.Zero(t, f.run("request", "open", "--kind", "share", "--number", number, "--rep", "202").code)
	require.Equal(t, 403, f.call(f.phone("202"), number).Status, "nobody has said yes")
	require.Zero(t, f.run("request", "approve", "r1", "--as", "201").code)
	require.True(t, f.call(f.phone("202"), number).Answered())

	require.Zero(t, f.run("stage", "enter", number, "new").code)
	soon(t, "it is recycled", func() bool {
		var owner ownerReport
		f.decode(&owner, "owner", "show", number)
		return owner.Owner == ""
	})
	soon(t, "the other system heard of it", func() bool { return heard("pool.recycled") && heard("stage.entered") })
	soon(t, "it is counted", func() bool { return f.metric(`ringfence_webhooks_waiting 0`) })
	require.NotContains(t, f.log.String(), crm.URL)
}

// A rep asks from the phone, and the owner answers by command; then one call goes out.
func TestRequestFromThePhone(t *testing.T) {
	f := newFloor(t, "")
	f.serveWith(`sip.codes.request=*85`)
	const number = "+12125550100"
	require.Zero(t, f.run("owner", "claim", number, "--rep", "201").code)
	asked := f.call(f.phone("202"), "*852125550100")
	require.Equal(t, "Asked 201", asked.Reason)
	require.Equal(t, "Asked before", f.call(f.phone("202"), "*852125550100").Reason)
	require.Zero(t, f.run("request", "approve", "r1", "--as", "201").code)
	require.Equal(t, 403, f.call(f.phone("202"), number).Status, "a supervisor has not")
	require.Zero(t, f.run("request", "approve", "r1").code)
	require.True(t, f.call(f.phone("202"), number).Answered())
	require.Equal(t, 403, f.call(f.phone("202"), number).Status, "one call")
}
