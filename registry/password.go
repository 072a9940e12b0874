package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/ringfence/ringfence/gate"
)

// What stands for a rep's password: never the password, but H(rep:realm:password), once for each algorithm and realm.
// Whoever reads it can call as that rep, so it is as secret as the password itself.

// ErrNoPassword means that there is no password to remove.
var ErrNoPassword = errors.New("this rep has no password")

// HA1 is what stands for the user's password by this algorithm in this realm; known is false when nothing does. It is
// one command, one round trip, no retry.
func (s *Store) HA1(ctx context.Context, user, realm, algorithm string) (ha1 string, known bool, err error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.within)
		defer cancel()
	}
	cmd := redis.NewStringCmd(ctx, "hget", passwordKey(user), passwordField(algorithm, realm))
	err = s.client.Process(ctx, once{cmd})
	switch {
	case errors.Is(err, redis.Nil):
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("registry: password: %w", err)
	}
	return cmd.Val(), true, nil
}

// SetPassword keeps what stands for a rep's password in a realm, by algorithm. Those of other realms stay.
func (s *Store) SetPassword(ctx context.Context, rep gate.Rep, realm string, ha1 map[string]string) error {
	if rep == "" || len(ha1) == 0 {
		return errors.New("registry: a password needs a rep and at least one form")
	}
	fields := make([]any, 0, 2*len(ha1))
	for algorithm, text := range ha1 {
		fields = append(fields, passwordField(algorithm, realm), text)
	}
	if err := s.client.HSet(ctx, passwordKey(string(rep)), fields...).Err(); err != nil {
		return fmt.Errorf("registry: password: %w", err)
	}
	return nil
}

// RemovePassword forgets a rep's password in every realm; ErrNoPassword when there is none.
func (s *Store) RemovePassword(ctx context.Context, rep gate.Rep) error {
	n, err := s.client.Del(ctx, passwordKey(string(rep))).Result()
	switch {
	case err != nil:
		return fmt.Errorf("registry: password: %w", err)
	case n == 0:
		return ErrNoPassword
	}
	return nil
}

func passwordField(algorithm, realm string) string { return algorithm + " " + realm }
