package people

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// stagedTTL is how long staging may take; what a killed command leaves behind is gone after it.
const stagedTTL = 15 * time.Minute

// stage writes all reps as they are to be under a key of their own, page by page, so that no decision waits for long.
func (s *Store) stage(ctx context.Context, w write) (key string, err error) {
	key = stagedKey(rand.Text())
	changed := make(map[string]bool, len(w.changes))
	for _, c := range w.changes {
		changed[string(c.Rep)] = true
	}
	for reps := range slices.Chunk(slices.Sorted(maps.Keys(w.after.Reps)), page) {
		fields := make([]any, 0, 2*len(reps))
		for _, rep := range reps {
			text := entry(w.after.Reps[rep])
			if changed[string(rep)] {
				text = w.person(rep)
			}
			fields = append(fields, string(rep), text)
		}
		pipe := s.client.Pipeline()
		pipe.HSet(ctx, key, fields...)
		pipe.Expire(ctx, key, stagedTTL)
		if _, err := pipe.Exec(ctx); err != nil {
			return key, fmt.Errorf("the people were not changed: writing them to Redis: %w", err)
		}
	}
	return key, nil
}

// tell writes down what a large change did, after it was done. When it fails half-way the rest is not told of, but every
// person's own entry says who changed it and when.
func (s *Store) tell(ctx context.Context, w write, version string) error {
	for changes := range slices.Chunk(w.changes, page) {
		pipe := s.client.Pipeline()
		for _, c := range changes {
			pipe.XAdd(ctx, &redis.XAddArgs{
				Stream: keyChanges, MaxLen: mostChanges, Approx: true,
				Values: []any{"by", w.by, "version", version, "change", c.text()},
			})
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return fmt.Errorf("the people were changed, but not all of it was written down: %w", err)
		}
	}
	return nil
}

// logOf reads an entry of the stream; ok is false when it is none of ours.
func logOf(e redis.XMessage) (l Log, ok bool) {
	ms, _, _ := strings.Cut(e.ID, "-")
	at, err := strconv.ParseInt(ms, 10, 64)
	text, isText := e.Values["change"].(string)
	if err != nil || !isText || json.Unmarshal([]byte(text), &l.Change) != nil {
		return Log{}, false
	}
	l.Time = time.UnixMilli(at)
	l.By, _ = e.Values["by"].(string)
	return l, true
}

// before is the id that comes right before another in a stream. Redis 6.0 has no "(" for that.
func before(id string) string {
	left, right, _ := strings.Cut(id, "-")
	ms, _ := strconv.ParseUint(left, 10, 64)
	seq, _ := strconv.ParseUint(right, 10, 64)
	if seq > 0 {
		return left + "-" + strconv.FormatUint(seq-1, 10)
	}
	return strconv.FormatUint(max(ms, 1)-1, 10) // with no number: the last of that millisecond
}
