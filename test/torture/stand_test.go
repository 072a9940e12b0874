package torture

import (
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/site"
)

// Hosts of a stand. The phones are a network of their own, so that each message can come from an address that no other
// has, and what is sent back is seen to be the answer to it.
var (
	gateHost  = netip.MustParseAddr("127.0.0.1")
	trunkHost = netip.MustParseAddr("127.0.0.2")
	pbxHost   = netip.MustParseAddr("127.0.0.4")
	phones    = netip.MustParsePrefix("127.1.0.0/16")
	stranger  = netip.MustParseAddr("127.2.0.1") // who is no peer
)

// calls tells messages apart.
var calls atomic.Int64

// patience is how long anything may take that happens at once.
const patience = 10 * time.Second

// stand is the built gate on a Redis of its own, between phones, a trunk and a PBX.
type stand struct {
	t          *testing.T
	gate       *site.Gate
	at         netip.AddrPort
	trunk, pbx *far
	log        string // file
}

func newStand(t *testing.T) *stand {
	t.Helper()
	return newStandOf(t, 100*time.Millisecond)
}

// newStandOf has a T1 (RFC 3261 §17.1.1.1) of its own: what a gate remembers it remembers for 64 of them.
func newStandOf(t *testing.T, t1 time.Duration) *stand {
	t.Helper()
	require.NoError(t, loopbackUp())
	t.Log(place())
	s := &stand{t: t, trunk: newFar(t, trunkHost), pbx: newFar(t, pbxHost)}
	dir := t.TempDir()
	s.log = filepath.Join(dir, "log")
	var err error
	s.at, err = site.FreeAddress(gateHost)
	require.NoError(t, err)
	s.gate, err = site.Ringfence{Binary: binary(), Log: s.log}.StartGate(t.Context(), site.Plan{
		Gate: s.at, Phones: phones, Trunks: []site.Trunk{{At: s.trunk.at, Protocol: site.UDP}}, PBX: s.pbx.at, Dir: dir,
		Timers: site.Timers{T1: t1, C: 3*time.Minute + 10*time.Second, NoAnswer: 2 * time.Second},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.gate.Stop(), "the gate is alive and ends when it is told to") })
	return s
}

// loggedWith is what the gate has written so far, the lines that match.
func (s *stand) loggedWith(pattern string) []string {
	text, err := os.ReadFile(s.log)
	require.NoError(s.t, err)
	return regexp.MustCompile(`(?m)^.*(`+pattern+`).*$`).FindAllString(string(text), -1)
}

// metric is one series of the gate's, by its name and labels as /metrics writes them.
func (s *stand) metric(series string) float64 {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.gate.HTTP.String()+"/metrics", nil)
	require.NoError(s.t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer res.Body.Close()
	text := make([]byte, 1<<20)
	n := 0
	for {
		k, err := res.Body.Read(text[n:])
		if n += k; err != nil {
			break
		}
	}
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (\S+)$`).FindSubmatch(text[:n])
	require.NotNil(s.t, found, "no series %s", series)
	v, err := strconv.ParseFloat(string(found[1]), 64)
	require.NoError(s.t, err)
	return v
}

// forgotten waits until the gate holds no transaction, not even what might be repeated.
func (s *stand) forgotten() {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.metric("ringfence_sip_transactions") == 0 }, patience, 5*time.Millisecond)
}

// settled waits until the gate holds no transaction and no more goroutines than before.
func (s *stand) settled(before float64) {
	s.t.Helper()
	const slack = 3 // the HTTP server's own come and go
	s.forgotten()
	require.Eventually(s.t, func() bool { return s.metric("go_goroutines") <= before+slack }, patience, 20*time.Millisecond,
		"more goroutines than the %v before", before)
}
