package registry

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/gate/registrytest"
	"github.com/ringfence/ringfence/registry/redistest"
)

// open opens a Store that is closed with the test.
func open(tb testing.TB, url string, options ...Option) *Store {
	tb.Helper()
	cfg := Defaults()
	cfg.URL = url
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s, err := Open(ctx, cfg, append([]Option{WithOperator("tester"), WithLog(func(err error) { tb.Log(err) })}, options...)...)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// countRecords counts in the stream, which holds more than a number's index.
func countRecords(t *testing.T, s *Store, n gate.Number) int {
	t.Helper()
	entries, err := s.client.XRange(context.Background(), keysOf(n.Digits()).stream(), "-", "+").Result()
	require.NoError(t, err)
	count := 0
	for _, e := range entries {
		r, err := DecodeRecord(e.ID, e.Values["r"].(string))
		require.NoError(t, err)
		if r.Number == n {
			count++
		}
	}
	return count
}

// shareBy agrees on a share by command.
func shareBy(t *testing.T, s *Store) func(gate.Number, gate.Scope, gate.Rep) {
	return func(n gate.Number, scope gate.Scope, with gate.Rep) {
		_, err := s.Share(context.Background(), n, scope, with, 50)
		require.NoError(t, err)
	}
}

// grantBy grants a pass by command.
func grantBy(t *testing.T, s *Store) func(gate.Number, gate.Rep, time.Duration) {
	return func(n gate.Number, rep gate.Rep, good time.Duration) {
		_, err := s.GrantPass(context.Background(), Pass{Rep: rep, Number: n, For: good, Reason: "asked for"})
		require.NoError(t, err)
	}
}

func TestContractRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	registrytest.Run(t, func(t *testing.T) registrytest.Subject {
		s := open(t, server.UnixURL(), WithoutLists())
		s.within = 5 * time.Second // the suite asks without a deadline, and fifty at once
		return registrytest.Subject{
			Registry: s,
			Advance:  time.Sleep, // a real server has its own clock
			Records:  func(n gate.Number) int { return countRecords(t, s, n) },
			Share:    shareBy(t, s),
			Grant:    grantBy(t, s),
			Sleep:    server.Freeze,
			Wake:     server.Thaw,
		}
	})
}

func TestContractEmbedded(t *testing.T) {
	t.Parallel()
	s := open(t, "embedded://", WithoutLists())
	s.within = 5 * time.Second // see above; Lua in Go, watched for races, takes some 10 ms each
	registrytest.Run(t, func(t *testing.T) registrytest.Subject {
		return registrytest.Subject{
			Registry: s,
			Advance:  time.Sleep,
			Records:  func(n gate.Number) int { return countRecords(t, s, n) },
			Share:    shareBy(t, s),
			Grant:    grantBy(t, s),
		}
	})
}

func TestEmbeddedIsReachedByOthers(t *testing.T) {
	s := open(t, "embedded://", WithoutLists())
	require.True(t, s.Embedded())
	require.True(t, strings.HasPrefix(s.URL(), "redis://127.0.0.1:"), s.URL())
	other := open(t, s.URL(), WithoutLists())
	_, err := other.Claim(context.Background(), "+12125550100", ClaimOrder{Rep: "201", Extension: "201", For: time.Hour})
	require.NoError(t, err)
	h, err := s.Owner(context.Background(), "+12125550100")
	require.NoError(t, err)
	require.Equal(t, gate.Rep("201"), h.Owner)
}
