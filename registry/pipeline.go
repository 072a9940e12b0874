package registry

import (
	"context"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"
)

// batchSize bounds a pipeline, and with it the time that others wait for the server.
const batchSize = 256

// call is one script with its keys and arguments.
type call struct {
	script script
	keys   []string
	args   []any
}

// pipeline sends scripts that return an integer, in one round trip and in order. When the server has forgotten them it
// gets them again and the pipeline is repeated, so every script in it must bear to run twice.
func (s *Store) pipeline(ctx context.Context, calls []call) ([]int64, error) {
	return pipelined(ctx, s, calls, redis.NewIntCmd)
}

// pipelineLists is pipeline for scripts that return a list.
func (s *Store) pipelineLists(ctx context.Context, calls []call) ([][]any, error) {
	return pipelined(ctx, s, calls, redis.NewSliceCmd)
}

// answering is a command whose answer is a T.
type answering[T any] interface {
	redis.Cmder
	Val() T
}

func pipelined[T any, C answering[T]](ctx context.Context, s *Store, calls []call, ask func(context.Context, ...any) C) ([]T, error) {
	if len(calls) == 0 {
		return nil, ctx.Err()
	}
	answers, err := send[T](ctx, s, calls, ask)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		if err := loadScripts(ctx, s.client); err != nil {
			return nil, err
		}
		answers, err = send[T](ctx, s, calls, ask)
	}
	return answers, err
}

// send fails with the first error that means that the server cannot be used. A script that failed by itself, which it
// always would, is logged and answers T's zero value.
func send[T any, C answering[T]](ctx context.Context, s *Store, calls []call, ask func(context.Context, ...any) C) ([]T, error) {
	pipe := s.client.Pipeline()
	cmds := make([]C, len(calls))
	for i, c := range calls {
		cmds[i] = ask(ctx, c.script.command(c.keys, c.args...)...)
		_ = pipe.Process(ctx, cmds[i]) // queued only
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	answers := make([]T, len(calls))
	for i, cmd := range cmds {
		err := calls[i].script.explain(cmd.Err())
		switch {
		case err == nil:
			answers[i] = cmd.Val()
		case isBroken(err):
			s.log(err)
		default:
			return nil, err
		}
	}
	return answers, nil
}

// isBroken tells a script's own failure, such as a key of the wrong type, from everything that may pass.
func isBroken(err error) bool {
	var reply redis.Error
	if !errors.As(err, &reply) || redis.IsMaxClientsError(reply) {
		return false
	}
	text := reply.Error()
	return strings.HasPrefix(text, "WRONGTYPE ") || strings.HasPrefix(text, "ERR ")
}
