package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Buckets is how many streams of records there are.
const Buckets = buckets

// TimeOfID is the time in the id of a record.
func TimeOfID(id string) (time.Time, error) { return timeOfID(id) }

// tailAtOnce is how many streams are read in one command: what holds the server up for a tenth of a millisecond.
const tailAtOnce = 64

// Tail reads records that were written behind cursors, one for each bucket: at most so many of each. It calls visit for
// every bucket that has some, with the id of the last of them. A record that this release cannot read is logged and left
// out. An error of visit's ends it.
func (s *Store) Tail(ctx context.Context, cursors []string, most int, visit func(bucket int, last string, records []Record) error) error {
	if len(cursors) != buckets {
		return fmt.Errorf("registry: tail needs %d cursors, not %d", buckets, len(cursors))
	}
	for from := 0; from < buckets; from += tailAtOnce {
		streams, err := s.streams(ctx, cursors, from, int64(most))
		if err != nil {
			return fmt.Errorf("registry: reading new records: %w", err)
		}
		for b := from; b < from+tailAtOnce; b++ {
			entries := streams[numberKeys{tag: tags[b]}.stream()]
			if len(entries) == 0 {
				continue
			}
			if err := visit(b, entries[len(entries)-1].ID, s.recordsOf(entries)); err != nil {
				return err
			}
		}
	}
	return nil
}

// streams reads the next streams: in one command where all are on one server, in one pipeline on a Cluster, where each
// bucket is in a slot of its own.
func (s *Store) streams(ctx context.Context, cursors []string, from int, most int64) (map[string][]redis.XMessage, error) {
	together := tailAtOnce
	if s.place.topology == cluster {
		together = 1
	}
	pipe := s.client.Pipeline()
	var cmds []*redis.XStreamSliceCmd
	for b := from; b < from+tailAtOnce; b += together {
		args := make([]string, 2*together)
		for i := range together {
			args[i], args[together+i] = numberKeys{tag: tags[b+i]}.stream(), cursors[b+i]
		}
		cmds = append(cmds, pipe.XRead(ctx, &redis.XReadArgs{Streams: args, Count: most, Block: -1}))
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	streams := make(map[string][]redis.XMessage)
	for _, cmd := range cmds {
		if err := cmd.Err(); err != nil && !errors.Is(err, redis.Nil) { // nil: there is nothing new
			return nil, err
		}
		for _, stream := range cmd.Val() {
			streams[stream.Stream] = stream.Messages
		}
	}
	return streams, nil
}

// recordsOf decodes entries.
func (s *Store) recordsOf(entries []redis.XMessage) []Record {
	records := make([]Record, 0, len(entries))
	for _, e := range entries {
		packed, _ := e.Values["r"].(string)
		r, err := DecodeRecord(e.ID, packed)
		if err != nil {
			s.log(err)
			continue
		}
		records = append(records, r)
	}
	return records
}
