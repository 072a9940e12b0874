package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// reply is an error that the server answered.
type reply string

func (r reply) Error() string { return string(r) }
func (reply) RedisError()     {}

// testBreaker has a clock that the test moves.
func testBreaker() (*breaker, func(time.Duration)) {
	now := time.Unix(1_790_000_000, 0)
	return &breaker{now: func() time.Time { return now }}, func(d time.Duration) { now = now.Add(d) }
}

func TestBreakerOpensAfterFailuresInARow(t *testing.T) {
	t.Parallel()
	b, advance := testBreaker()
	for range failuresInARow {
		require.NoError(t, b.allow())
		b.report(io.EOF)
	}
	err := b.allow()
	require.ErrorIs(t, err, ErrSuspended)
	require.ErrorIs(t, err, io.EOF, "the cause is told")

	advance(probeEvery - time.Millisecond)
	require.Error(t, b.allow())
	advance(time.Millisecond)
	require.NoError(t, b.allow(), "one probe")
	require.Error(t, b.allow(), "and no second")
	b.report(context.DeadlineExceeded)
	require.Error(t, b.allow(), "the probe failed")
	advance(probeEvery)
	require.NoError(t, b.allow())
	b.report(nil)
	require.NoError(t, b.allow(), "the probe succeeded")
	require.NoError(t, b.allow())
}

func TestBreakerOpensWhenHalfFails(t *testing.T) {
	t.Parallel()
	b, _ := testBreaker()
	for i := range windowAtLeast {
		require.NoError(t, b.allow(), "after %d", i)
		if i%2 == 0 {
			b.report(nil)
		} else {
			b.report(io.EOF)
		}
	}
	require.ErrorIs(t, b.allow(), ErrSuspended)
}

func TestBreakerStaysShutForAFewFailures(t *testing.T) {
	t.Parallel()
	b, advance := testBreaker()
	for i := range 1000 {
		require.NoError(t, b.allow())
		if i%3 == 0 {
			b.report(io.EOF)
		} else {
			b.report(nil)
		}
		advance(10 * time.Millisecond)
	}
}

func TestWhatIsAnOutage(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		redis.Nil:                        false,
		reply("NOSCRIPT No matching"):    false,
		reply("WRONGTYPE Operation"):     false,
		reply("OOM command not allowed"): false,
		reply("LOADING Redis is"):        true,
		reply("READONLY You can't"):      true,
		reply("CLUSTERDOWN The"):         true,
		reply("MASTERDOWN Link"):         true,
		reply("NOREPLICAS Not"):          true,
		io.EOF:                           true,
		context.DeadlineExceeded:         true,
		errors.New("connection refused"): true,
	} {
		require.Equal(t, want, isOutage(err), "%v", err)
		require.Equal(t, want, isOutage(fmt.Errorf("registry: decide: %w", err)), "%v", err)
	}
	require.False(t, isOutage(nil))

	b, _ := testBreaker()
	for range 10 * failuresInARow {
		b.report(context.Canceled)
	}
	require.NoError(t, b.allow(), "a caller that hangs up says nothing of the server")
}
