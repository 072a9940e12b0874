// Package requests asks, approves and is told by the built program: two gates, a registry, commands as operators type
// them, and somebody else's system behind a webhook.
package requests

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/site"
)

const (
	number  = "+12125550100"
	patient = 30 * time.Second
)

var binary string // of the gate, built once

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "requests")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if binary, err = site.Build(context.Background(), dir); err != nil {
		panic(err)
	}
	return m.Run()
}

// crm is somebody else's system: it remembers what it was told, by delivery.
type crm struct {
	mu   sync.Mutex
	told map[string]int // event and request → how many different deliveries
	seen map[string]bool
}

func (c *crm) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	var b struct {
		ID, Event string
		Detail    struct{ Request string }
	}
	_ = json.Unmarshal(text, &b)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.seen[b.ID] {
		c.seen[b.ID] = true
		c.told[b.Event+" "+b.Detail.Request]++
	}
}

func (c *crm) count(event, request string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.told[event+" "+request]
}

// office is a redis, a CRM, and gates that share both.
type office struct {
	t     *testing.T
	redis *site.Redis
	crm   *crm
	sets  []string
	gates []*site.Gate
}

func newOffice(t *testing.T) *office {
	t.Helper()
	dir := t.TempDir()
	redis, err := site.StartRedis(dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = redis.Stop(10 * time.Second) })
	o := &office{t: t, redis: redis, crm: &crm{told: make(map[string]int), seen: make(map[string]bool)}}
	server := httptest.NewServer(o.crm)
	t.Cleanup(server.Close)
	secret := filepath.Join(dir, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("a secret that only the two of us know\n"), 0o600))
	o.sets = []string{
		"webhooks[0].name=crm", "webhooks[0].url=" + server.URL, "webhooks[0].secret_file=" + secret, `webhooks[0].events=["*"]`,
	}
	return o
}

func (o *office) gate() *site.Gate {
	o.t.Helper()
	at, err := site.FreeAddress(netip.MustParseAddr("127.0.0.1"))
	require.NoError(o.t, err)
	g, err := site.Ringfence{Binary: binary, Redis: o.redis, Sets: o.sets}.StartGate(o.t.Context(), site.Plan{
		Gate: at, Phones: netip.MustParsePrefix("127.0.0.5/32"), PBX: netip.MustParseAddrPort("127.0.0.4:5060"),
		Trunks: []site.Trunk{{At: netip.MustParseAddrPort("127.0.0.2:5060"), Protocol: site.UDP}}, Dir: o.t.TempDir(),
	})
	require.NoError(o.t, err)
	o.gates = append(o.gates, g)
	o.t.Cleanup(g.Kill)
	return g
}

// json runs a command and reads what it prints.
func (o *office) json(g *site.Gate, into any, args ...string) {
	o.t.Helper()
	text, err := g.Ask(o.t.Context(), "", append(args, "--output", "json")...)
	require.NoError(o.t, err)
	require.NoError(o.t, json.Unmarshal([]byte(text), into))
}

// admin sends Redis one command.
func (o *office) admin(line string) {
	o.t.Helper()
	c, err := net.Dial("unix", o.redis.Socket)
	require.NoError(o.t, err)
	defer c.Close()
	require.NoError(o.t, c.SetDeadline(time.Now().Add(patient)))
	_, err = fmt.Fprintf(c, "%s\r\n", line)
	require.NoError(o.t, err)
	answer := make([]byte, 512)
	n, err := c.Read(answer)
	require.NoError(o.t, err)
	require.True(o.t, strings.HasPrefix(string(answer[:n]), "+OK"), string(answer[:n]))
}

func (o *office) soon(what string, look func() bool) {
	o.t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patient); time.Now().Before(deadline); <-again.C {
		if look() {
			return
		}
	}
	for _, g := range o.gates {
		o.t.Log(g.Output())
	}
	require.Fail(o.t, "it never came: "+what)
}

type request struct {
	ID, State, Failure string
	Answers            []struct{ What string }
}

// A command approves and cannot go on to the effect, as if it had been killed; a gate carries it out, once, although one of
// them is killed too. The other system is told all of it.
func TestApprovedAndCutOff(t *testing.T) {
	o := newOffice(t)
	first, second := o.gate(), o.gate()
	var r request
	var asked []string
	o.soon("the other system is told the first thing", func() bool { // what happens before a gate reads is not told
		o.json(first, &r, "request", "open", "--kind", "claim", "--number", number, "--rep", "203", "--reason", "met at the fair")
		o.json(first, &r, "request", "cancel", r.ID, "--as", "203")
		asked = append(asked, r.ID)
		return slices.ContainsFunc(asked, func(id string) bool { return o.crm.count("request.cancelled", id) > 0 })
	})

	require.NoError(t, first.Command(t.Context(), "owner", "claim", number, "--rep", "201"))
	o.json(first, &r, "request", "open", "--kind", "transfer", "--number", number, "--rep", "202", "--reason", "he is on leave")
	require.Equal(t, "open", r.State)
	o.admin("ACL SETUSER half on >hunter2 ~rf:{requests}:* ~rf:{people}* &* +@all")
	password := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(password, []byte("hunter2\n"), 0o600))
	o.json(first, &r, "request", "approve", r.ID, "--set", "registry.username=half", "--set", "registry.password_file="+password)
	require.Equal(t, "approved", r.State, "its effect is out of this command's reach")
	first.Kill()

	o.soon("the other gate carries it out", func() bool {
		o.json(second, &r, "request", "show", r.ID)
		return r.State == "done"
	})
	var owner struct{ Owner string }
	o.json(second, &owner, "owner", "show", number)
	require.Equal(t, "202", owner.Owner)
	o.soon("the other system is told", func() bool {
		return o.crm.count("request.done", r.ID) == 1 && o.crm.count("request.approved", r.ID) == 1 &&
			o.crm.count("request.opened", r.ID) == 1 && o.crm.count("owner.transferred", r.ID) == 1
	})
	var history []struct{ Kind, Reason string }
	o.json(second, &history, "history", number)
	transfers := 0
	for _, h := range history {
		if h.Kind == "owner" && h.Reason == "transfer" {
			transfers++
		}
	}
	require.Equal(t, 1, transfers)
}

// What nobody answers goes on by itself: from step to step, and to its end.
func TestNobodyAnswers(t *testing.T) {
	o := newOffice(t)
	first := o.gate()
	o.gate()
	require.NoError(t, first.Command(t.Context(), "owner", "claim", number, "--rep", "201"))
	var r request
	o.json(first, &r, "request", "open", "--kind", "pass", "--number", number, "--rep", "202",
		"--set", "rules.requests.pass.escalate=1s", "--set", "rules.requests.pass.expire=3s")
	o.soon("it expires", func() bool {
		o.json(first, &r, "request", "show", r.ID)
		return r.State == "expired"
	})
	require.Len(t, r.Answers, 2)
	require.Equal(t, "escalate", r.Answers[0].What)
	require.Equal(t, "expire", r.Answers[1].What)
}
