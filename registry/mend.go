package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ringfence/ringfence/gate"
)

// pendingFor is how long a claim may be under way before somebody looks what became of it.
const pendingFor = time.Minute

// mendTries is how often a look is repeated that a claim of the same rep got in the way of.
const mendTries = 5

// Mend makes what is counted of a rep what the rep owns: it drops numbers that went to others or whose protection ended,
// and settles claims that broke off. It returns how many it dropped or settled.
func (s *Store) Mend(ctx context.Context, rep gate.Rep) (mended int, err error) {
	var held []Held
	for h, err := range s.HeldBy(ctx, rep) {
		if err != nil {
			return 0, err
		}
		held = append(held, h)
	}
	for page := range slices.Chunk(held, pageSize) {
		n, err := s.drop(ctx, rep, page)
		mended += n
		if err != nil {
			return mended, err
		}
	}
	n, err := s.settleOld(ctx, rep)
	return mended + n, err
}

// Drop takes numbers that a rep no longer owns away from what the rep holds, as far as that is true. Who takes a number
// away in its own slot calls it afterwards; when it fails, Mend does the same later.
func (s *Store) Drop(ctx context.Context, rep gate.Rep, numbers ...Held) error {
	for page := range slices.Chunk(numbers, pageSize) {
		if _, err := s.drop(ctx, rep, page); err != nil {
			return err
		}
	}
	return nil
}

// drop looks at each number's owner, and takes those away that are another's, unless the rep claimed anything meanwhile.
func (s *Store) drop(ctx context.Context, rep gate.Rep, numbers []Held) (int, error) {
	if len(numbers) == 0 {
		return 0, nil
	}
	k := keysOfRep(rep)
	for range mendTries {
		generation, err := s.generation(ctx, rep)
		if err != nil {
			return 0, err
		}
		owns, err := s.owns(ctx, rep, numbers)
		if err != nil {
			return 0, err
		}
		c := call{dropScript, []string{k.counts(), k.pending()}, []any{generation, 0}}
		for i, h := range numbers {
			if !owns[i] {
				c = c.holding(k, h, false)
			}
		}
		if len(c.keys) == 2 {
			return 0, nil
		}
		answers, err := s.pipeline(ctx, []call{c})
		if err != nil {
			return 0, err
		}
		if answers[0] >= 0 {
			return int(answers[0]), nil
		}
	}
	return 0, nil // the rep claims without a pause; another time
}

// holding adds a number to a call of drop.lua.
func (c call) holding(k repKeys, h Held, owned bool) call {
	digits := h.Number.Digits()
	c.keys = append(c.keys, k.held(digits, h.Scope), k.dealt(digits, h.Scope))
	c.args = append(c.args, digits, flag(owned))
	return c
}

// settleOld settles claims that are under way for too long, by who owns the numbers now.
func (s *Store) settleOld(ctx context.Context, rep gate.Rep) (settled int, err error) {
	k := keysOfRep(rep)
	for range mendTries {
		generation, err := s.generation(ctx, rep)
		if err != nil {
			return settled, err
		}
		old, err := s.oldPending(ctx, k)
		if err != nil || len(old) == 0 {
			return settled, err
		}
		c := call{dropScript, []string{k.counts(), k.pending()}, []any{generation, len(old)}}
		var numbers []Held
		for _, r := range old {
			claimed := false
			for _, digits := range r.digits {
				h := Held{gate.Number("+" + digits), r.scope}
				owned, err := s.owns(ctx, rep, []Held{h})
				if err != nil {
					return settled, err
				}
				claimed = claimed || owned[0]
				numbers = append(numbers, h)
			}
			c.args = append(c.args, r.token, flag(claimed))
		}
		owns, err := s.owns(ctx, rep, numbers)
		if err != nil {
			return settled, err
		}
		for i, h := range numbers {
			c = c.holding(k, h, owns[i])
		}
		answers, err := s.pipeline(ctx, []call{c})
		if err != nil {
			return settled, err
		}
		if answers[0] >= 0 {
			return len(old), nil
		}
	}
	return settled, nil
}

// oldPending are the claims under way for too long.
func (s *Store) oldPending(ctx context.Context, k repKeys) ([]reservation, error) {
	pipe := s.client.Pipeline()
	all, now := pipe.HGetAll(ctx, k.pending()), pipe.Time(ctx)
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("registry: holdings: %w", err)
	}
	var old []reservation
	for token, text := range all.Val() {
		f := strings.Split(text, sep)
		if len(f) != 4 || now.Val().Sub(millis(f[0])) < pendingFor {
			continue
		}
		old = append(old, reservation{
			scope: gate.Scope(unescape(f[2])), token: token, digits: strings.Split(strings.TrimSuffix(f[3], ","), ","),
		})
	}
	return old, nil
}

// generation changes with everything that a rep claims.
func (s *Store) generation(ctx context.Context, rep gate.Rep) (string, error) {
	text, err := s.client.HGet(ctx, keysOfRep(rep).counts(), "g").Result()
	if errors.Is(err, redis.Nil) {
		return "0", nil
	}
	if err != nil {
		return "", fmt.Errorf("registry: holdings: %w", err)
	}
	return text, nil
}

// owns says of each number whether the rep owns it now.
func (s *Store) owns(ctx context.Context, rep gate.Rep, numbers []Held) ([]bool, error) {
	pipe := s.client.Pipeline()
	cmds := make([]*redis.SliceCmd, len(numbers))
	for i, h := range numbers {
		cmds[i] = pipe.HMGet(ctx, keysOf(h.Number.Digits()).number(), fieldIn(fieldOwner, h.Scope), fieldIn("u", h.Scope))
	}
	now := pipe.Time(ctx)
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("registry: holdings: %w", err)
	}
	owns := make([]bool, len(numbers))
	for i, cmd := range cmds {
		owner, _ := cmd.Val()[0].(string)
		text, _ := cmd.Val()[1].(string)
		until, err := strconv.ParseInt(text, 10, 64)
		owns[i] = owner == identity(string(rep)) && err == nil && until > now.Val().UnixMilli()
	}
	return owns, nil
}
