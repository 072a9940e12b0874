package registry

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// slowServer answers each batch after a while, in the client's place, and keeps what it was asked.
type slowServer struct {
	redis.Hook
	takes time.Duration
	mu    sync.Mutex
	asked [][]string
}

func (s *slowServer) DialHook(next redis.DialHook) redis.DialHook { return next }

func (s *slowServer) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		s.answer(ctx, []redis.Cmder{cmd})
		return cmd.Err()
	}
}

func (s *slowServer) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		s.answer(ctx, cmds)
		return nil
	}
}

func (s *slowServer) answer(ctx context.Context, cmds []redis.Cmder) {
	var names []string
	for _, c := range cmds {
		names = append(names, fmt.Sprint(c.Args()[1]))
	}
	s.mu.Lock()
	s.asked = append(s.asked, names)
	s.mu.Unlock()
	select {
	case <-time.After(s.takes):
		for i, c := range cmds {
			if once, ok := c.(once); ok {
				c = once.Cmder
			}
			c.(*redis.StringCmd).SetVal("to " + names[i])
		}
	case <-ctx.Done():
		for _, c := range cmds {
			c.SetErr(ctx.Err())
		}
	}
}

func withSlowServer(t *testing.T, f func(s *slowServer, ask func(name string, within time.Duration) error)) {
	synctest.Test(t, func(t *testing.T) {
		client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
		defer client.Close()
		s := &slowServer{takes: 10 * time.Millisecond}
		client.AddHook(s)
		together := &together{client: client}
		f(s, func(name string, within time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), within)
			defer cancel()
			cmd := redis.NewStringCmd(ctx, "get", name)
			err := together.do(ctx, cmd)
			if err == nil && cmd.Val() != "to "+name {
				t.Errorf("the answer of %s is %q", name, cmd.Val())
			}
			return err
		})
		synctest.Wait()
		require.Zero(t, together.running)
		require.Empty(t, together.waiting)
	})
}

func TestQuestionsThatComeMeanwhileGoTogether(t *testing.T) {
	withSlowServer(t, func(s *slowServer, ask func(string, time.Duration) error) {
		var all sync.WaitGroup
		for i := range 7 {
			all.Go(func() { require.NoError(t, ask(fmt.Sprint("q", i), time.Second)) })
			synctest.Wait()
		}
		all.Wait()
		require.Equal(t, [][]string{{"q0"}, {"q1"}, {"q2", "q3", "q4", "q5", "q6"}}, s.asked)
	})
}

func TestNoBatchIsTooLarge(t *testing.T) {
	withSlowServer(t, func(s *slowServer, ask func(string, time.Duration) error) {
		var all sync.WaitGroup
		for i := range batches + 3*batchMost {
			all.Go(func() { require.NoError(t, ask(fmt.Sprint("q", i), time.Second)) })
		}
		all.Wait()
		for _, names := range s.asked {
			require.LessOrEqual(t, len(names), batchMost)
		}
		require.Len(t, s.asked, batches+3)
	})
}

// Who has given up before their turn is not sent any more: nothing must be reserved for them.
func TestQuestionThatGaveUpIsNotSent(t *testing.T) {
	withSlowServer(t, func(s *slowServer, ask func(string, time.Duration) error) {
		var all sync.WaitGroup
		for i, within := range []time.Duration{time.Second, time.Second, 5 * time.Millisecond, time.Second} {
			all.Go(func() {
				err := ask(fmt.Sprint("q", i), within)
				if within < s.takes {
					require.ErrorIs(t, err, context.DeadlineExceeded)
				} else {
					require.NoError(t, err)
				}
			})
			synctest.Wait()
		}
		all.Wait()
		require.Equal(t, [][]string{{"q0"}, {"q1"}, {"q3"}}, s.asked)
	})
}

// A server that says nothing holds up nobody longer than they would wait, and the turn is not lost.
func TestQuestionsPassASilentServer(t *testing.T) {
	withSlowServer(t, func(s *slowServer, ask func(string, time.Duration) error) {
		s.takes = time.Hour
		began := time.Now()
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() { require.ErrorIs(t, ask(fmt.Sprint("q", i), 40*time.Millisecond), context.DeadlineExceeded) })
		}
		all.Wait()
		require.Equal(t, 40*time.Millisecond, time.Since(began))
		s.takes = time.Millisecond
		require.NoError(t, ask("after", 40*time.Millisecond))
	})
}
