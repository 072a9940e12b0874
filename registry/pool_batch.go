package registry

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ringfence/ringfence/gate"
)

// poolBatch is how many numbers one script goes through: it keeps the server for less than a millisecond, and so long a
// call may have to wait for it.
const poolBatch = 32

// poolPage is how many members of a set are read at once.
const poolPage = 16 * poolBatch

// poolScript runs a script about members of one bucket's set of owned numbers. All of these have the same keys and
// arguments and bear to run twice.
func (s *Store) poolScript(
	ctx context.Context, sc script, tag string, members []string, t gate.Terms, span time.Duration,
) ([]string, error) {
	k := numberKeys{tag: tag}
	keys := make([]string, 0, 4+len(members))
	keys = append(keys, k.stream(), k.owned(), k.pool(), k.changed())
	args := make([]any, 0, 4+len(members))
	args = append(args, milliseconds(s.keepOr(t.Keep)), pack("", identity(t.Gate), identity(t.Policy), ""), milliseconds(span), rulesOf(t))
	for _, m := range members {
		digits, _ := readMember(m)
		keys = append(keys, numberKeys{tag, digits}.number())
		args = append(args, m)
	}
	list, err := sc.slice(ctx, s.client, keys, args...)
	if err != nil {
		return nil, err
	}
	texts, err := textsOf(list)
	if err != nil || len(texts) == 0 {
		return nil, fmt.Errorf("registry: %s: the reply cannot be read", sc.name)
	}
	return texts, nil
}

// memberPage reads a page of a bucket's set, by score from one time to another, both taken in.
func (s *Store) memberPage(ctx context.Context, key, from, to string, skip int) ([]string, error) {
	page, err := s.client.ZRangeByScore(ctx, key, &redis.ZRangeBy{Min: from, Max: to, Offset: int64(skip), Count: poolPage}).Result()
	if err != nil {
		return nil, fmt.Errorf("registry: reading the pool: %w", err)
	}
	return page, nil
}

// score writes a time as the sets have it.
func score(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// pace spreads work over time: of every second, the work may take so many percent.
type pace struct {
	percent int
	longest time.Duration // of one pause
}

// rest waits as long as the pace asks for after work that took so long.
func (p pace) rest(ctx context.Context, took time.Duration) error {
	if p.percent >= 100 {
		return ctx.Err()
	}
	pause := took * time.Duration(100-p.percent) / time.Duration(max(p.percent, 1))
	if p.longest > 0 {
		pause = min(pause, p.longest)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// afterwards is for what has to be noted once numbers have been moved, though the program ends meanwhile.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), commandTimeout)
}

// dropAll takes numbers, by their members, off what reps hold. When that fails Mend does it.
func (s *Store) dropAll(ctx context.Context, gone map[gate.Rep][]string) {
	for rep, members := range gone {
		all := make([]Held, len(members))
		for i, m := range members {
			digits, scope := readMember(m)
			all[i] = Held{gate.Number("+" + digits), scope}
		}
		if err := s.Drop(ctx, rep, all...); err != nil {
			s.log(fmt.Errorf("%w; %s counts %d numbers too many until that is mended", err, rep, len(all)))
		}
	}
}
