package registry

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/redistest"
)

// TestShippedRedisConfiguration runs everything the registry does as the user that configs/redis/ringfence.conf makes,
// and tries what that user must not do.
func TestShippedRedisConfiguration(t *testing.T) {
	t.Parallel()
	conf, err := filepath.Abs("../configs/redis/ringfence.conf")
	require.NoError(t, err)
	server := redistest.Start(t, "--include", conf)
	s := open(t, "redis://ringfence:change-me@"+server.Addr())
	ctx := context.Background()

	require.Empty(t, s.StartupChecks(ctx))
	q := question(number, "201", "a")
	require.Equal(t, gate.Allowed, decide(t, s, q).Reason)
	lost, err := s.Renew(ctx, []gate.Reservation{q.Reservation}, q.Terms)
	require.NoError(t, err)
	require.Empty(t, lost)
	require.NoError(t, s.Write(ctx, []gate.Event{
		{Kind: gate.Firm, Reservation: q.Reservation, Terms: q.Terms, Talk: 10 * time.Second},
		{Kind: gate.Ended, Reservation: q.Reservation, Terms: q.Terms, Ending: gate.EndRefused},
	}))
	_, err = s.Transfer(ctx, number, "", TransferOrder{To: "202", Extension: "202", Terms: q.Terms})
	require.NoError(t, err)
	require.Equal(t, []Held{{number, ""}}, heldBy(t, s, "202"))
	require.Equal(t, Counts{Held: 1}, counts(t, s, "202"))
	_, err = s.Mend(ctx, "202")
	require.NoError(t, err)
	_, err = s.GrantPass(ctx, Pass{Rep: "203", Number: "+12125550101", For: time.Minute})
	require.NoError(t, err)
	require.Len(t, passes(t, s, ""), 1)
	require.Len(t, refusals(t, s), 1)
	_, err = s.GrantSealed(ctx, Pass{Rep: "203", Number: number, For: time.Minute, Reason: "x"}, "4711")
	require.NoError(t, err)
	require.Equal(t, gate.PassReady, withPIN(t, s, "203", "4711").Result)
	require.NoError(t, s.AddListed(ctx, "company", number, ""))
	require.NoError(t, s.SetPassword(ctx, "201", "r", map[string]string{"MD5": "aa"}))
	_, known, err := s.HA1(ctx, "201", "r", "MD5")
	require.NoError(t, err)
	require.True(t, known)
	require.NoError(t, s.RemovePassword(ctx, "201"))
	records, err := s.History(ctx, number, 10)
	require.NoError(t, err)
	require.Len(t, records, 7)

	seen := 0
	require.NoError(t, s.Records(ctx, time.Time{}, func(p Page) error {
		seen += len(p.Records)
		return nil
	}))
	require.Equal(t, len(records)+1, seen, "those of the number, and the pass to another")
	require.NoError(t, s.WritePolicy(ctx, "p1", "rules: {}"))
	_, err = s.PolicyAt(ctx, time.Now().Add(time.Hour))
	require.NoError(t, err)

	for _, words := range [][]any{
		{"FLUSHALL"},
		{"FLUSHDB"},
		{"KEYS", "*"},
		{"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"},
		{"SHUTDOWN"},
		{"GET", "another application's key"},
		{"ACL", "SETUSER", "x"},
		{"MONITOR"},
		{"SCRIPT", "FLUSH"},
	} {
		err := s.client.Do(ctx, words...).Err()
		require.True(t, redis.HasErrorPrefix(err, "NOPERM"), "%v: %v", words, err)
	}
}
