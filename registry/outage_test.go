package registry

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/redistest"
)

const budget = 40 * time.Millisecond

// ask decides within the budget of a call and says how long that took.
func ask(s *Store, q gate.Question) (time.Duration, error) { return askWithin(s, q, budget) }

func askWithin(s *Store, q gate.Question, limit time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	start := time.Now()
	_, err := s.Decide(ctx, q)
	return time.Since(start), err
}

// answersWithin asks until the registry answers and fails when that takes longer than limit.
func answersWithin(t *testing.T, s *Store, limit time.Duration) {
	t.Helper()
	start := time.Now()
	for i := 0; ; i++ {
		_, err := ask(s, question(number, "201", fmt.Sprintf("back-%d", i)))
		if err == nil {
			break
		}
		require.Less(t, time.Since(start), limit, "still %v", err)
		time.Sleep(time.Millisecond) // calls keep coming
	}
	t.Logf("it answered %v after it was back", time.Since(start))
}

func TestFrozenServer(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server.URL())
	_, err := ask(s, question(number, "201", "before"))
	require.NoError(t, err)
	server.Freeze()
	var longest time.Duration
	suspended := 0
	for i := range 200 {
		took, err := ask(s, question(number, "201", fmt.Sprintf("frozen-%d", i)))
		require.Error(t, err)
		longest = max(longest, took)
		if !errors.Is(err, ErrSuspended) {
			require.ErrorIs(t, err, context.DeadlineExceeded, "it may have been reserved, and must be released")
		} else {
			suspended++
			require.Less(t, took, budget/2, "an open breaker does not wait")
		}
	}
	require.Less(t, longest, 5*budget, "a decision ends with its context")
	require.Greater(t, suspended, 150, "the breaker opened")
	server.Thaw()
	answersWithin(t, s, time.Second)
}

func TestDeadServer(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server.URL())
	_, err := ask(s, question(number, "201", "before"))
	require.NoError(t, err)
	server.Stop()

	// More refused connections than the pool has places: its own breaker must not take over from ours.
	const calls = 2000
	deadline := time.Now().Add(2 * time.Second)
	var total time.Duration
	for i := range calls {
		took, err := ask(s, question(number, "201", fmt.Sprintf("dead-%d", i)))
		require.Error(t, err)
		total += took
		if i%20 == 0 && time.Now().Before(deadline) {
			time.Sleep(20 * time.Millisecond) // let time for probes pass
		}
	}
	require.Less(t, total/calls, time.Millisecond, "a decision without a server costs nothing")
	t.Logf("a decision with Redis dead: %v", total/calls)
	server.Restart()
	answersWithin(t, s, time.Second)
}

// The pool's own breaker would need a second to look again once it has failed as often as it has places.
func TestRecoveryAfterManyFailedDials(t *testing.T) {
	server := redistest.Start(t)
	cfg := Defaults()
	cfg.URL, cfg.Connections = server.URL(), 4
	s, err := Open(t.Context(), cfg, WithoutLists())
	require.NoError(t, err)
	defer s.Close()
	server.Stop()
	for i := range 12 {
		require.Eventually(t, func() bool {
			_, err := ask(s, question(number, "201", fmt.Sprintf("dead-%d", i)))
			return !errors.Is(err, ErrSuspended)
		}, time.Second, 10*time.Millisecond)
	}
	server.Restart()
	answersWithin(t, s, 500*time.Millisecond)
}

func TestScriptsForgotten(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		q := question(number, "201", "a")
		decide(t, s, q)
		forget := func() {
			if c, ok := s.client.(*redis.ClusterClient); ok {
				require.NoError(t, c.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error {
					return c.ScriptFlush(ctx).Err()
				}))
				return
			}
			require.NoError(t, s.client.ScriptFlush(ctx).Err())
		}
		forget()
		require.True(t, decide(t, s, q).Repeated)
		forget()
		require.NoError(t, s.Write(ctx, []gate.Event{
			{Kind: gate.Firm, Reservation: q.Reservation, Terms: q.Terms, Talk: 10 * time.Second},
			{Kind: gate.Ended, Reservation: q.Reservation, Terms: q.Terms, Ending: gate.EndAnswered, Talk: time.Minute},
		}))
		forget()
		lost, err := s.Renew(ctx, []gate.Reservation{q.Reservation}, q.Terms)
		require.NoError(t, err)
		require.Len(t, lost, 1)
		forget()
		records, err := s.History(ctx, number, 20)
		require.NoError(t, err)
		require.Len(t, records, 2)
		require.Equal(t, gate.Rep("201"), records[0].Owner)
	})
}

// One decision is one command: whatever else MONITOR shows is what its script did.
func TestOneCommandPerDecision(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server.URL())
	_, err := s.Claim(t.Context(), "+12125550101", ClaimOrder{Rep: "201", Extension: "201", For: time.Hour})
	require.NoError(t, err)
	lines := monitor(t, server)
	const decisions = 30
	for i := range decisions {
		n := number
		if i%3 == 0 {
			n = "+12125550101" // owned by another
		}
		decide(t, s, question(n, "202", fmt.Sprintf("call-%d", i/2))) // every second one is a repetition
	}
	require.NoError(t, s.client.Echo(t.Context(), "end").Err())
	commands := 0
	for line := range lines {
		if strings.Contains(line, `"echo" "end"`) {
			break
		}
		if !strings.Contains(line, " lua] ") && strings.Contains(line, "] \"") {
			require.Contains(t, line, `"evalsha"`)
			commands++
		}
	}
	require.Equal(t, decisions, commands)
}

// monitor returns what MONITOR shows until the test ends.
func monitor(t *testing.T, server *redistest.Server) <-chan string {
	t.Helper()
	c, err := net.Dial("tcp", server.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	_, err = c.Write([]byte("MONITOR\r\n"))
	require.NoError(t, err)
	r := bufio.NewReader(c)
	ok, err := r.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "+OK\r\n", ok)
	lines := make(chan string, 10000)
	go func() {
		defer close(lines)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			lines <- line
		}
	}()
	return lines
}

func TestOpenWithoutServer(t *testing.T) {
	server := redistest.Start(t)
	server.Stop()
	cfg := Defaults()
	cfg.URL = "redis://user:secret@" + server.Addr() + "/0"
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := Open(ctx, cfg)
	require.ErrorContains(t, err, server.Addr())
	require.ErrorContains(t, err, "connection refused")
	require.NotContains(t, err.Error(), "secret")
}

func TestSentinel(t *testing.T) {
	master := redistest.Start(t)
	s := open(t, redistest.SentinelURL(t, master))
	require.Equal(t, gate.Allowed, decide(t, s, question(number, "201", "a")).Reason)
	lost, err := s.Renew(t.Context(), []gate.Reservation{question(number, "201", "a").Reservation}, question(number, "201", "a").Terms)
	require.NoError(t, err)
	require.Empty(t, lost)
	direct := open(t, master.URL())
	require.Equal(t, gate.InFlight, decide(t, direct, question(number, "202", "b")).Reason)
}

// One dead master takes its share of the numbers with it, and no more.
func TestClusterWithADeadNode(t *testing.T) {
	c := redistest.StartCluster(t, 3)
	s := open(t, c.URL())
	deadAddr := c.Nodes[1].Addr()
	c.Nodes[1].Stop()
	alive, dead, suspended := 0, 0, 0
	for i := range 300 {
		n := gate.Number(fmt.Sprintf("+1212555%04d", i))
		_, err := askWithin(s, question(n, "201", "a"), 2*time.Second)
		node, errNode := s.client.(*redis.ClusterClient).MasterForKey(t.Context(), keysOf(n.Digits()).number())
		require.NoError(t, errNode)
		if node.Options().Addr != deadAddr {
			require.NoError(t, err)
			alive++
			continue
		}
		require.Error(t, err)
		dead++
		if errors.Is(err, ErrSuspended) {
			suspended++
		}
	}
	require.Greater(t, alive, 100)
	require.Greater(t, dead, 50)
	require.Greater(t, suspended, dead/2, "the dead node's own breaker opened")
	c.Nodes[1].Restart()
}
