package metrics

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// serve starts a server on a port of the kernel's choice and stops it with the test.
func serve(t *testing.T, ready func() error) *Server {
	t.Helper()
	reg := NewRegistry()
	New(reg)
	s, err := Listen("127.0.0.1:0", reg, ready)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
		_, err := net.Dial("tcp", s.Address())
		require.Error(t, err, "the port is still open")
	})
	return s
}

func get(t *testing.T, s *Server, method, path string) (int, string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Address()+path, nil)
	require.NoError(t, err)
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

func TestServerPaths(t *testing.T) {
	var down atomic.Bool
	s := serve(t, func() error {
		if down.Load() {
			return errors.New("a SIP listener is down")
		}
		return nil
	})
	status, body := get(t, s, "GET", "/metrics")
	require.Equal(t, 200, status)
	require.Contains(t, body, `ringfence_decisions_total{reason="owned",verdict="block"} 0`)
	require.Contains(t, body, "go_goroutines ")

	status, body = get(t, s, "GET", "/livez")
	require.Equal(t, 200, status)
	require.Equal(t, "alive\n", body)

	status, body = get(t, s, "GET", "/readyz")
	require.Equal(t, 200, status)
	require.Equal(t, "ready\n", body)
	down.Store(true)
	status, body = get(t, s, "GET", "/readyz")
	require.Equal(t, 503, status)
	require.Equal(t, "not ready: a SIP listener is down\n", body)
	status, _ = get(t, s, "GET", "/livez")
	require.Equal(t, 200, status, "not ready is not dead")
}

func TestServerAnswersNothingElse(t *testing.T) {
	s := serve(t, func() error { return nil })
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/", 404},
		{"GET", "/debug/pprof/", 404},
		{"GET", "/metrics/../livez2", 404},
		{"POST", "/metrics", 405},
		{"DELETE", "/readyz", 405},
	} {
		status, _ := get(t, s, tt.method, tt.path)
		require.Equal(t, tt.status, status, tt.method+" "+tt.path)
	}
}

func TestListenSaysWhatIsWrong(t *testing.T) {
	s := serve(t, func() error { return nil })
	_, err := Listen(s.Address(), NewRegistry(), nil)
	require.ErrorContains(t, err, "http.listen "+s.Address()+" cannot be bound")
	require.ErrorContains(t, err, "choose another address or port")
}

func TestServerEndsWhileAClientHangsOn(t *testing.T) {
	reg := NewRegistry()
	s, err := Listen("127.0.0.1:0", reg, func() error { return nil })
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	conn, err := net.Dial("tcp", s.Address())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.Copy(conn, strings.NewReader("GET /metrics HTTP/1.1\r\nHost: x\r\n")) // no end of headers
	require.NoError(t, err)
	cancel()
	require.NoError(t, <-done)
}
