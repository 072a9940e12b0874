package requests

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/redistest"
)

// Three gates with fifty hands each answer the same request, and look at what is due: one answer decides, and one effect
// comes of it.
func TestOneAnswerDecides(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, client redis.UniversalClient) {
		var books [3]*Book
		var w *world
		books[0], _, w = newBook(client)
		for i := 1; i < len(books); i++ {
			books[i] = NewBook(books[0].Options)
		}
		for round := range 5 {
			r, err := books[0].Open(t.Context(), ask(Claim, gate.Number(fmt.Sprintf("+1212555010%d", round)), "202"))
			require.NoError(t, err)
			var done, approved atomic.Int32
			var hands sync.WaitGroup
			for i, b := range books {
				for j := range 50 {
					hands.Go(func() {
						by := gate.Rep(fmt.Sprintf("30%d", j%2))
						answer := b.Deny
						if (i+j)%3 == 0 {
							answer = b.Approve
						}
						after, err := answer(context.Background(), r.ID, by, "")
						var late *LateError
						switch {
						case err == nil:
							done.Add(1)
							if after.State != Denied {
								approved.Add(1)
							}
						case errors.As(err, &late):
						default:
							t.Error(err)
						}
						if err := b.Step(context.Background()); err != nil {
							t.Error(err)
						}
					})
				}
			}
			hands.Wait()
			after, err := books[0].Show(t.Context(), r.ID)
			require.NoError(t, err)
			require.Len(t, after.Answers, 1, "one answer counts")
			if approved.Load() > 0 {
				require.Equal(t, done.Load(), approved.Load())
				require.Equal(t, Done, after.State)
				require.Equal(t, 1, w.count(r.ID))
				require.Len(t, w.told(r.ID), 3)
			} else {
				require.Equal(t, Denied, after.State)
				require.Zero(t, w.count(r.ID))
				require.Len(t, w.told(r.ID), 2)
			}
		}
	})
}

// The same is asked for by many at once: one request comes of it.
func TestTheSameIsOpenedOnce(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t).Addr()})
	defer client.Close()
	b, _, _ := newBook(client)
	var first atomic.Int32
	var hands sync.WaitGroup
	for range 50 {
		hands.Go(func() {
			r, err := b.Open(context.Background(), ask(Claim, number, "202"))
			if err != nil {
				t.Error(err)
			}
			if !r.Repeated {
				first.Add(1)
			}
		})
	}
	hands.Wait()
	require.EqualValues(t, 1, first.Load())
	open, err := b.List(t.Context(), Filter{State: Open})
	require.NoError(t, err)
	require.Len(t, open, 1)
}

// Whoever carried an effect out died before it could say so, or before it began: another does the rest, and only that.
func TestKilledBetweenApprovalAndEffect(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t).Addr()})
	defer client.Close()
	b, _, w := newBook(client)
	r, err := b.Open(t.Context(), ask(Claim, number, "202"))
	require.NoError(t, err)

	dying, kill := context.WithCancel(t.Context())
	w.fail = func(Request) error { kill(); return dying.Err() } // from here on nothing reaches Redis any more
	_, err = b.Approve(dying, r.ID, "300", "")
	require.NoError(t, err)
	r, err = b.Show(t.Context(), r.ID)
	require.NoError(t, err)
	require.Equal(t, Approved, r.State)
	w.fail = nil

	require.NoError(t, b.Step(t.Context()))
	require.Zero(t, w.count(r.ID), "its lease has not run out")
	require.NoError(t, client.HSet(t.Context(), keyRequest(r.ID), "lease", 1).Err()) // half a minute later
	require.NoError(t, client.ZAdd(t.Context(), keyDue, redis.Z{Score: 1, Member: r.ID}).Err())
	require.NoError(t, b.Step(t.Context()))
	require.Equal(t, 1, w.count(r.ID))
	r, err = b.Show(t.Context(), r.ID)
	require.NoError(t, err)
	require.Equal(t, Done, r.State)
	require.Equal(t, []string{"open 202 open", "approve 300 approved", "carry_out  done"}, w.told(r.ID))
	require.Zero(t, client.XLen(t.Context(), keyOut).Val())
	require.Zero(t, client.ZCard(t.Context(), keyDue).Val())
}
