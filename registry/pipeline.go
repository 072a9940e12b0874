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
	if len(calls) == 0 {
		return nil, ctx.Err()
	}
	answers, err := s.send(ctx, calls)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		if err := loadScripts(ctx, s.client); err != nil {
			return nil, err
		}
		answers, err = s.send(ctx, calls)
	}
	return answers, err
}

// send fails with the first error that means that the server cannot be used. A script that failed by itself, which it
// always would, is logged and answers 0.
func (s *Store) send(ctx context.Context, calls []call) ([]int64, error) {
	pipe := s.client.Pipeline()
	cmds := make([]*redis.IntCmd, len(calls))
	for i, c := range calls {
		cmds[i] = redis.NewIntCmd(ctx, c.script.command(c.keys, c.args...)...)
		_ = pipe.Process(ctx, cmds[i]) // queued only
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	answers := make([]int64, len(calls))
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
