package registry

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/redistest"
)

// TestOneOfAll has every rep of three gates dial one number in the same instant, round after round: exactly one gets
// through, and all others are told who.
func TestOneOfAll(t *testing.T) {
	const (
		gates  = 3
		reps   = 50 // of each gate
		rounds = 500
	)
	server := redistest.Start(t)
	stores := make([]*Store, gates)
	for i := range stores {
		stores[i] = open(t, server.UnixURL(), WithoutLists())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var fence int64
	for round := range rounds {
		n := gate.Number(fmt.Sprintf("+1212555%04d", round%7)) // some numbers come again, free once more
		var (
			barrier = make(chan struct{})
			wg      sync.WaitGroup
			winner  atomic.Pointer[gate.Question]
			grown   atomic.Int64
			wins    atomic.Int32
			losses  atomic.Int32
		)
		for i := range gates * reps {
			q := question(n, gate.Rep(fmt.Sprintf("%d", 200+i)), fmt.Sprintf("round-%d", round))
			wg.Go(func() {
				<-barrier
				a, err := stores[i%gates].Decide(ctx, q)
				switch {
				case err != nil:
					t.Errorf("rep %s: %v", q.Rep, err)
				case a.Verdict == gate.Allow:
					wins.Add(1)
					winner.Store(&q)
					grown.Store(a.Fence)
				case a.Verdict == gate.Block && a.Reason == gate.InFlight && a.Owner != "" && a.Owner != q.Rep:
					losses.Add(1)
				default:
					t.Errorf("rep %s: %v %v", q.Rep, a.Verdict, a.Reason)
				}
			})
		}
		close(barrier)
		wg.Wait()
		require.Equal(t, int32(1), wins.Load(), "round %d", round)
		require.Equal(t, int32(gates*reps-1), losses.Load(), "round %d", round)
		require.Greater(t, grown.Load(), fence, "the fence grows from winner to winner")
		fence = grown.Load()
		q := winner.Load()
		end := gate.Event{Kind: gate.Ended, Reservation: q.Reservation, Terms: q.Terms, Ending: gate.EndUnanswered}
		require.NoError(t, stores[round%gates].Write(ctx, []gate.Event{end}))
	}
}
