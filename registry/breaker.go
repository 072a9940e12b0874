package registry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrSuspended means that the server has failed so often that it is not asked now; the last failure is wrapped in it.
var ErrSuspended = errors.New("the registry does not answer and is left alone for a moment")

// When the breaker opens and how often it looks again.
const (
	failuresInARow = 5
	failureWindow  = time.Second // at least half of a window's commands failed: open
	windowAtLeast  = 20          // fewer commands in a window say nothing
	probeEvery     = 200 * time.Millisecond
)

// breaker stops asking a server that does not answer, so that a dead Redis costs a call microseconds and a frozen one
// costs one call in 200 ms its deadline. One guards each server: on a Cluster the others go on.
//
// It is a hook and not Options.Limiter because the sentinel client has no place for a Limiter.
type breaker struct {
	now func() time.Time

	mu        sync.Mutex
	open      bool
	probeAt   time.Time // open: when the next command may go through
	cause     error     // open: the last failure
	inARow    int
	windowEnd time.Time
	asked     int // in this window
	failed    int // in this window
}

func newBreaker() *breaker { return &breaker{now: time.Now} }

// allow says whether a command may be sent. Open, it lets one probe through every probeEvery.
func (b *breaker) allow() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.open {
		return nil
	}
	if now := b.now(); !now.Before(b.probeAt) {
		b.probeAt = now.Add(probeEvery)
		return nil
	}
	return fmt.Errorf("%w: %w", ErrSuspended, b.cause)
}

// report takes the outcome of a command that allow let through.
func (b *breaker) report(err error) {
	if errors.Is(err, context.Canceled) {
		return // the caller went away: says nothing of the server
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !isOutage(err) {
		b.open, b.inARow = false, 0
		b.count(false)
		return
	}
	b.inARow++
	b.count(true)
	if b.open || b.inARow >= failuresInARow || b.asked >= windowAtLeast && 2*b.failed >= b.asked {
		b.open, b.cause = true, err
		b.probeAt = b.now().Add(probeEvery)
		b.asked, b.failed, b.inARow = 0, 0, 0
	}
}

func (b *breaker) count(failure bool) {
	if now := b.now(); now.After(b.windowEnd) {
		b.windowEnd, b.asked, b.failed = now.Add(failureWindow), 0, 0
	}
	b.asked++
	if failure {
		b.failed++
	}
}

// isOutage tells a server that cannot serve from one that answered. redis.Nil and ordinary error replies are answers.
func isOutage(err error) bool {
	if err == nil || errors.Is(err, redis.Nil) {
		return false
	}
	if _, ok := errors.AsType[redis.Error](err); !ok {
		return true
	}
	for _, prefix := range []string{"LOADING", "READONLY", "CLUSTERDOWN", "MASTERDOWN", "NOREPLICAS", "TRYAGAIN"} {
		if redis.HasErrorPrefix(err, prefix) {
			return true
		}
	}
	return false
}

// isHandshake tells the commands that make a connection usable. They run inside the command that asked for it, which is
// admitted and reported as a whole; a probe must not be refused its own handshake.
func isHandshake(cmd redis.Cmder) bool {
	switch cmd.Name() {
	case "hello", "auth", "select", "client", "readonly":
		return true
	}
	return false
}

// DialHook leaves dialling alone.
func (b *breaker) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessHook guards single commands.
func (b *breaker) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if isHandshake(cmd) {
			return next(ctx, cmd)
		}
		if err := b.allow(); err != nil {
			cmd.SetErr(err)
			return err
		}
		err := next(ctx, cmd)
		b.report(err)
		return err
	}
}

// ProcessPipelineHook guards pipelines.
func (b *breaker) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if len(cmds) == 0 || isHandshake(cmds[0]) {
			return next(ctx, cmds)
		}
		if err := b.allow(); err != nil {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
			return err
		}
		err := next(ctx, cmds)
		b.report(err)
		return err
	}
}
