package registry

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/redistest"
)

// TestBytesPerNumber loads what a call leaves behind and says what Redis keeps of it: the state of an owned number, and
// the two records of its call in the streams.
func TestBytesPerNumber(t *testing.T) {
	const numbers = 40_000
	s := open(t, redistest.Start(t).UnixURL(), WithoutLists())
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	before := usedMemory(ctx, t, s)
	var wg sync.WaitGroup
	const callers = 8
	for caller := range callers {
		wg.Go(func() {
			var ended []gate.Event
			for i := caller; i < numbers; i += callers {
				q := question(gate.Number(fmt.Sprintf("+1%03d%07d", 201+i%700, 2_000_000+i)), gate.Rep(strconv.Itoa(200+i%500)), fmt.Sprintf("%016x@phone.example", i))
				q.Remember = time.Millisecond // attempts are forgotten soon anyway
				if _, err := s.Decide(ctx, q); err != nil {
					t.Error(err)
					return
				}
				ended = append(ended, gate.Event{
					Kind: gate.Ended, Reservation: q.Reservation, Terms: q.Terms, Extension: string(q.Rep),
					Ending: gate.EndAnswered, Talk: time.Minute, Status: 200,
				})
			}
			for batch := range slices.Chunk(ended, 64) {
				if err := writeAgain(ctx, s, batch); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	require.False(t, t.Failed())
	// Redis leaves a tenth of what has expired lying until somebody looks.
	for found := true; found; {
		found = s.client.Scan(ctx, 0, "rf:*:a:*", 1000).Iterator().Next(ctx)
	}

	total := usedMemory(ctx, t, s) - before
	var streams int64
	for _, tag := range tags {
		n, err := s.client.MemoryUsage(ctx, numberKeys{tag: tag}.stream(), 0).Result()
		require.NoError(t, err)
		streams += n
	}
	state := (total - streams) / numbers
	t.Logf("%d bytes of state for an owned number, %d bytes for the two records of its call", state, streams/numbers)
	require.Less(t, state, int64(350))
	require.Less(t, streams/numbers, int64(400))
}

// writeAgain writes a batch as a gate would, which repeats it until it is written: a busy machine may be slow to answer.
func writeAgain(ctx context.Context, s *Store, batch []gate.Event) (err error) {
	const tries = 10
	for range tries {
		if err = s.Write(ctx, batch); err == nil {
			return nil
		}
	}
	return err
}

func usedMemory(ctx context.Context, t *testing.T, s *Store) int64 {
	t.Helper()
	info, err := s.client.Info(ctx, "memory").Result()
	require.NoError(t, err)
	n, err := strconv.ParseInt(infoFields(info)["used_memory"], 10, 64)
	require.NoError(t, err)
	return n
}
