package site

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Ringfence is the gate as it is shipped: the built binary, a configuration file, a Redis of its own.
type Ringfence struct {
	Binary  string        // made by Build
	Prepare [][]string    // commands to run before calls come, such as {"dnc", "add", "+1…"}
	Drain   time.Duration // how long Stop lets transactions run out; default 50 ms, for tests that look no further
	Sets    []string      // keys that it is started with besides its configuration, such as "sip.peers[0].identity=digest"
	Redis   *Redis        // shared with other gates and not stopped with this one; nil: a Redis of its own
	Log     string        // file that takes all it writes, at level debug; "": its end is kept for Output
}

// Build compiles the command into dir, as it is shipped.
func Build(ctx context.Context, dir string) (binary string, err error) {
	binary = filepath.Join(dir, "ringfence")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/ringfence/ringfence/cmd/ringfence")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the gate: %w\n%s", err, out)
	}
	return binary, nil
}

// Name is how tables show it.
func (Ringfence) Name() string { return "ringfence" }

// Gate is a gate at work.
type Gate struct {
	*Process
	HTTP   netip.AddrPort // /metrics, /readyz
	config string
	binary string
	redis  *Redis
	shares bool // the Redis is not this gate's alone

	patience time.Duration // with Stop
}

// Start runs Redis and the gate, waits until the gate says that it is ready, and runs the commands of Prepare.
func (r Ringfence) Start(ctx context.Context, plan Plan) (Running, error) {
	g, err := r.StartGate(ctx, plan)
	if err != nil {
		return nil, err
	}
	return g, nil
}

// StartGate is Start for a test that wants more of the gate than Running.
func (r Ringfence) StartGate(ctx context.Context, plan Plan) (_ *Gate, err error) {
	redis, shares := r.Redis, r.Redis != nil
	if !shares {
		if redis, err = StartRedis(plan.Dir); err != nil {
			return nil, err
		}
		defer func() {
			if err != nil {
				redis.kill()
			}
		}()
	}
	g := &Gate{shares: shares, config: filepath.Join(plan.Dir, "ringfence.yaml"), binary: r.Binary, redis: redis, patience: r.Drain + 10*time.Second}
	if g.HTTP, err = FreeAddress(netip.AddrFrom4([4]byte{127, 0, 0, 1})); err != nil {
		return nil, err
	}
	if err = os.WriteFile(g.config, []byte(configuration(plan, g.HTTP, redis)), 0o600); err != nil {
		return nil, err
	}
	if g.Process, err = r.launch(plan.Dir, g.config); err != nil {
		return nil, err
	}
	if err = g.ready(15*time.Second, func() bool { return g.saysReady(ctx) }); err != nil {
		return nil, err
	}
	for _, args := range r.Prepare {
		if err = g.Command(ctx, args...); err != nil {
			g.kill()
			return nil, err
		}
	}
	return g, nil
}

// launch starts the binary.
func (r Ringfence) launch(dir, config string) (*Process, error) {
	args := []string{"--config", config, "serve", "--drain", cmp.Or(r.Drain, 50*time.Millisecond).String()}
	for _, set := range r.Sets {
		args = append(args, "--set", set)
	}
	if r.Log == "" {
		return start(dir, r.Binary, args...)
	}
	return StartLogged(dir, r.Log, r.Binary, append(args, "--set", "log.level=debug")...)
}

// Command runs a command of the binary against this gate's configuration.
func (g *Gate) Command(ctx context.Context, args ...string) error {
	_, err := g.Ask(ctx, "", args...)
	return err
}

// Ask is Command with something on standard input; it returns what came out.
func (g *Gate) Ask(ctx context.Context, stdin string, args ...string) (stdout string, err error) {
	cmd := exec.CommandContext(ctx, g.binary, append([]string{"--config", g.config}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("ringfence %s: %w\n%s%s", strings.Join(args, " "), err, out, complaints.String())
	}
	return string(out), nil
}

// Stop ends the gate, then its Redis if that is its alone.
func (g *Gate) Stop() error {
	if g.shares {
		return g.Process.Stop(g.patience)
	}
	return errors.Join(g.Process.Stop(g.patience), g.redis.Process.Stop(10*time.Second))
}

func (g *Gate) saysReady(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+g.HTTP.String()+"/readyz", nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return res.Body.Close() == nil && res.StatusCode == http.StatusOK
}

// configuration is a site in the gate's words.
func configuration(plan Plan, http netip.AddrPort, redis *Redis) string {
	var b strings.Builder
	b.WriteString("region: US\nsip:\n  listen:\n")
	for _, l := range append([]string{"udp://" + plan.Gate.String(), "tcp://" + plan.Gate.String()}, plan.Listen...) {
		fmt.Fprintf(&b, "    - %q\n", l)
	}
	b.WriteString(plan.More)
	from := strconv.Quote(plan.Phones.String())
	if plan.IPv6.IsValid() {
		from += ", " + strconv.Quote(plan.IPv6.String())
	}
	peer := fmt.Sprintf("name: desk, from: [%s], identity: from", from)
	if plan.Peer != "" {
		peer += ", " + plan.Peer
	}
	fmt.Fprintf(&b, "  limits: {%s}\n", plan.Limits)
	fmt.Fprintf(&b, "  peers: [%s {%s}]\n  trunks:\n", plan.Peers, peer)
	for i, t := range plan.Trunks {
		fmt.Fprintf(&b, "    - {name: trunk%d, uri: %q, %s}\n", i+1, cmp.Or(t.URI, "sip:"+target(t)), t.Keys)
	}
	fmt.Fprintf(&b, "  extensions: {pattern: %q, uri: %q}\n", "^[2-8][0-9]{2}$", "sip:"+plan.PBX.String())
	if t := plan.Timers; t != (Timers{}) {
		fmt.Fprintf(&b, "  timers: {t1: %v, c: %v, no_answer: %v}\n", t.T1, t.C, t.NoAnswer)
	}
	fmt.Fprintf(&b, "  dns: {%s}\n", plan.DNS)
	fmt.Fprintf(&b, "registry: {url: %q}\nrules: {owned: {action: redirect}, budget: %v}\n",
		redis.URL(), cmp.Or(plan.Budget, 500*time.Millisecond))
	fmt.Fprintf(&b, "http: {listen: %q}\n", http)
	return b.String()
}
