package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/cmd/ringfence/config"
	"github.com/ringfence/ringfence/registry/redistest"
	"github.com/ringfence/ringfence/sip/phone"
)

// patient bounds whatever a test waits for; it is long because several tests may share two cores.
const patient = 30 * time.Second

// soon runs look every few milliseconds until it says yes.
func soon(t *testing.T, what string, look func() bool) {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patient); time.Now().Before(deadline); <-again.C {
		if look() {
			return
		}
	}
	require.Fail(t, "it never came: "+what)
}

// notes is a log that tests read while it is written.
type notes struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.String()
}

// floor is a gate with a Redis of its own, the outside world behind its trunk, and what its operators type.
type floor struct {
	t     *testing.T
	redis *redistest.Server
	world *phone.Callee
	file  string // the configuration
	log   *notes

	program *program
	done    chan error // what Run returned
	stop    context.CancelFunc
}

// newFloor writes a configuration for a gate on ports of the kernel's choice; extra lines go below it.
func newFloor(t *testing.T, extra string) *floor {
	t.Helper()
	f := &floor{t: t, redis: redistest.Start(t), log: &notes{}, file: filepath.Join(t.TempDir(), "ringfence.yaml")}
	var err error
	f.world, err = phone.NewCallee("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.world.Close()) })
	f.write(extra)
	return f
}

// write writes the configuration anew.
func (f *floor) write(extra string) {
	text := `region: US
gate: test-gate
sip:
  listen: [udp://127.0.0.1:0, tcp://127.0.0.1:0]
  peers: [{name: desk, from: [127.0.0.1], dialplan: {9: ""}}]
  trunks: [{name: world, uri: "sip:` + f.world.Address() + `"}]
  extensions: {pattern: "^20[0-9]$", uri: "sip:` + f.world.Address() + `"}
registry: {url: "` + f.redis.URL() + `"}
http: {listen: 127.0.0.1:0}
` + extra
	require.NoError(f.t, os.WriteFile(f.file, []byte(text), 0o600))
}

// serve starts the gate and ends it with the test.
func (f *floor) serve() { f.serveWith() }

// serveWith is serve with --set of each. Calls wait for the registry as long as they may: on a machine that builds and
// tests at once, 40 ms are soon over.
func (f *floor) serveWith(sets ...string) {
	f.t.Helper()
	cfg, err := config.Load(f.file, append(sets, "rules.budget=1s"), nil)
	require.NoError(f.t, err)
	f.program, err = newProgram(f.t.Context(), cfg, f.log)
	require.NoError(f.t, err)
	ctx, stop := context.WithCancel(context.Background())
	f.stop, f.done = stop, make(chan error, 1)
	go func() { f.done <- f.program.Run(ctx) }()
	f.t.Cleanup(func() { require.NoError(f.t, f.end()) })
}

// end stops the gate and returns what Run said, the same again when called again.
func (f *floor) end() error {
	f.stop()
	err := f.ended()
	f.done <- err
	return err
}

// ended waits for Run to return.
func (f *floor) ended() error {
	f.t.Helper()
	select {
	case err := <-f.done:
		return err
	case <-time.After(patient):
		require.Fail(f.t, "the program does not end", f.log.String())
		return nil
	}
}

// phone is a rep's phone behind the gate.
func (f *floor) phone(rep string) *phone.Phone {
	f.t.Helper()
	proxy := strings.TrimPrefix(f.program.sip.Addresses()[0], "udp://")
	p, err := phone.New(phone.Config{User: rep, Proxy: proxy})
	require.NoError(f.t, err)
	f.t.Cleanup(func() { require.NoError(f.t, p.Close()) })
	return p
}

// call dials and waits for the end of the call.
func (f *floor) call(p *phone.Phone, number string) *phone.Outcome {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patient)
	defer cancel()
	outcome, err := p.Call(ctx, number)
	require.NoError(f.t, err)
	return outcome
}

// get asks the HTTP listener.
func (f *floor) get(path string) (int, string) {
	f.t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patient}
	resp, err := client.Get("http://" + f.program.http.Address() + path)
	require.NoError(f.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(f.t, err)
	return resp.StatusCode, string(body)
}

// metric says whether the exposition has the line.
func (f *floor) metric(line string) bool {
	_, body := f.get("/metrics")
	return strings.Contains(body, "\n"+line+"\n")
}

// typed is what came of a command line.
type typed struct {
	code           int
	stdout, stderr string
}

// run types a command line, with this floor's configuration.
func (f *floor) run(args ...string) typed {
	return run("", append([]string{"--config", f.file}, args...)...)
}

// run types a command line.
func run(stdin string, args ...string) typed {
	var stdout, stderr bytes.Buffer
	sh := &shell{args: args, stdin: strings.NewReader(stdin), stdout: &stdout, stderr: &stderr}
	code := sh.run(context.Background())
	return typed{code, stdout.String(), stderr.String()}
}

// decode types a command line that must be carried out, and reads its JSON.
func (f *floor) decode(into any, args ...string) {
	f.t.Helper()
	got := f.run(append(args, "--output", "json")...)
	require.Zero(f.t, got.code, got.stderr)
	require.NoError(f.t, json.Unmarshal([]byte(got.stdout), into))
}
