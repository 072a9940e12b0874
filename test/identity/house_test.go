// Package identity has real clients prove who they are to the built gate: SIPp and baresip with passwords and by their
// registration, sipvicious without.
package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/sip/phone"
	"github.com/ringfence/ringfence/test/site"
)

const (
	free   = "+12125550100"
	secret = "000102030405060708090a0b0c0d0e0f" // of Record-Route and nonces
)

// Phones are at phoneHost; some programs send from whatever address the kernel gives them, the gate's own.
var (
	gateHost    = netip.MustParseAddr("127.0.0.1")
	controlHost = netip.MustParseAddr("127.0.0.6")
	phoneHost   = netip.MustParseAddr("127.0.0.5")
)

// binary is the gate, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "ringfence-identity-")
	if err == nil {
		binary, err = site.Build(context.Background(), dir)
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// house is a gate whose desk proves who it is, the outside world behind its trunk, and a PBX where phones register.
type house struct {
	*site.Gate
	t     *testing.T
	at    netip.AddrPort
	dir   string
	world *phone.Callee
	pbx   *phone.PBX
}

// newHouse starts one; sets are further keys of its configuration.
func newHouse(t *testing.T, identity string, redis *site.Redis, sets ...string) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir()}
	var err error
	h.world, err = phone.NewCallee("127.0.0.2:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.world.Close()) })
	h.pbx, err = phone.NewPBX("127.0.0.4:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.pbx.Close()) })
	h.at, err = site.FreeAddress(gateHost)
	require.NoError(t, err)
	key := filepath.Join(h.dir, "secret")
	require.NoError(t, os.WriteFile(key, []byte(secret+"\n"), 0o600))
	h.Gate, err = site.Ringfence{
		Binary: binary, Redis: redis, Sets: append([]string{"sip.peers[0].from=[127.0.0.5, 127.0.0.1]", "sip.peers[0].identity=" + identity, "sip.secret_file=" + key}, sets...),
	}.StartGate(t.Context(), site.Plan{
		Gate: h.at, Phones: netip.PrefixFrom(phoneHost, 32), PBX: netip.MustParseAddrPort(h.pbx.Address()),
		Trunks: []site.Trunk{{At: netip.MustParseAddrPort(h.world.Address()), Protocol: site.UDP}}, Dir: h.dir, Budget: time.Second,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.Stop()) })
	return h
}

// password gives a rep one in the registry.
func (h *house) password(rep, password string) {
	h.t.Helper()
	_, err := h.Ask(h.t.Context(), password+"\n", "rep", "password", rep)
	require.NoError(h.t, err)
}

// decided is who was decided about a number, in order, once there are so many decisions.
func (h *house) decided(number string, n int) (reps []string) {
	h.t.Helper()
	require.Eventually(h.t, func() bool {
		out, err := h.Ask(h.t.Context(), "", "history", number, "--output", "json")
		require.NoError(h.t, err)
		var records []struct{ Kind, Rep string }
		require.NoError(h.t, json.Unmarshal([]byte(out), &records))
		reps = nil
		for _, r := range records {
			if r.Kind == "decision" {
				reps = append([]string{r.Rep}, reps...)
			}
		}
		return len(reps) >= n
	}, 10*time.Second, 20*time.Millisecond)
	require.Len(h.t, reps, n)
	return reps
}

// metrics is what the gate counts.
func (h *house) metrics() string {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, "http://"+h.HTTP.String()+"/metrics", nil)
	require.NoError(h.t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(h.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(h.t, err)
	return string(body)
}

// patience is how long anything may take on a machine that does other things besides.
const patience = 15 * time.Second

// calls waits until n calls have reached the outside world.
func (h *house) calls(n int) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	require.NoError(h.t, h.world.WaitReceived(ctx, n), h.Output())
}
