package webhooks

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	number  = gate.Number("+12125550100")
	secret  = "a secret of the receiver's, number one"
	patient = 30 * time.Second
)

// soon looks until it says yes.
func soon(t *testing.T, what string, look func() bool) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patient); time.Now().Before(deadline); <-again.C {
		if look() {
			return
		}
	}
	require.Fail(t, "it never came: "+what)
}

// received is one POST.
type received struct {
	header http.Header
	body   string
	event  body
}

// receiver is somebody else's system.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	all    []received
	answer func(w http.ResponseWriter, nth int)
}

func newReceiver(t *testing.T, tls bool) *receiver {
	r := &receiver{}
	r.Server = httptest.NewUnstartedServer(r)
	if tls {
		r.StartTLS()
	} else {
		r.Start()
	}
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	text, _ := io.ReadAll(req.Body)
	got := received{req.Header, string(text), body{}}
	_ = json.Unmarshal(text, &got.event)
	r.mu.Lock()
	r.all = append(r.all, got)
	nth, answer := len(r.all), r.answer
	r.mu.Unlock()
	if answer != nil {
		answer(w, nth)
	}
}

func (r *receiver) got() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received(nil), r.all...)
}

// meter counts.
type meter struct {
	mu    sync.Mutex
	count map[string]int
}

func newMeter() *meter { return &meter{count: make(map[string]int)} }

func (m *meter) Webhook(outcome string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count[outcome]++
}

func (m *meter) of(outcome string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.count[outcome]
}

// told is an endpoint for the receiver.
func (r *receiver) told(t *testing.T, events ...string) Endpoint {
	dir := t.TempDir()
	e := Endpoint{Name: "crm", URL: r.URL + "/hook?team=sales", SecretFile: filepath.Join(dir, "secret"), Events: events}
	require.NoError(t, os.WriteFile(e.SecretFile, []byte(secret+"\n"), 0o600))
	if cert := r.Certificate(); cert != nil {
		e.CAFile = filepath.Join(dir, "ca.pem")
		require.NoError(t, os.WriteFile(e.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), 0o600))
	}
	require.NoError(t, Validate([]Endpoint{e}))
	return e
}

func open(t *testing.T, url string) *registry.Store {
	t.Helper()
	cfg := registry.Defaults()
	cfg.URL = url
	s, err := registry.Open(t.Context(), cfg, registry.WithoutLists(), registry.WithOperator("tester"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// run runs webhooks of one more gate until the test ends.
func run(t *testing.T, s *registry.Store, m *meter, endpoints ...Endpoint) *Webhooks {
	t.Helper()
	w, err := New(endpoints, Options{Client: s.Client(), Records: s, Meter: m, Log: func(err error) { t.Log(err) }})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = w.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	return w
}

// following waits until a gate reads records: what happened before is not told.
func following(t *testing.T, s *registry.Store) {
	t.Helper()
	soon(t, "a gate reads the records", func() bool {
		return s.Client().HLen(context.Background(), keyCursors).Val() == registry.Buckets
	})
}

func refuse(t *testing.T, s *registry.Store, n gate.Number) {
	t.Helper()
	_, err := s.Refuse(t.Context(), n, "201", time.Hour, "not interested")
	require.NoError(t, err)
}

// verify checks a signature as docs/webhooks.md tells receivers to.
func verify(t *testing.T, got received) {
	t.Helper()
	var seconds string
	var macs []string
	for part := range strings.SplitSeq(got.header.Get("Ringfence-Signature"), ",") {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "t":
			seconds = value
		case "v1":
			macs = append(macs, value)
		}
	}
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s.%s", seconds, got.body)
	require.Contains(t, macs, hex.EncodeToString(mac.Sum(nil)))
	at, err := strconv.ParseInt(seconds, 10, 64)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), time.Unix(at, 0), time.Minute)
}

func TestSignature(t *testing.T) {
	// From: printf '1790000000.{}' | openssl dgst -sha256 -hmac first (and second)
	require.Equal(t, "t=1790000000,v1="+hmacOf("first")+",v1="+hmacOf("second"),
		signature([]string{"first", "second"}, time.Unix(1790000000, 0), "{}"))
}

func hmacOf(key string) string {
	return map[string]string{
		"first":  "e41b57f1ef7ed23d89f42aa2943dfe43742e4abee227ae6b3a5aa5a4dc394ad6",
		"second": "ef9ffbd45048088ccf4436f9857a929bb02aed7095152a9807d3aaa679ab7c5e",
	}[key]
}
