package registry

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ringfence/ringfence/gate"
)

// How a reading of all streams is cut into round trips: so much of a few streams at once that the server holds calls up
// for about a millisecond.
const (
	streamsAtOnce = 8
	recordsAtOnce = 250
)

// Page is some of the records of one bucket, in the order in which they were written. All records of a number are in one
// bucket, whose pages come in order, though those of some other buckets may come between them.
type Page struct {
	Bucket  int // of Buckets
	Records []Record
	Broken  int  // records that this release cannot read, left out
	Last    bool // of its bucket
}

// Records reads all records that were written from since on until now, by the server's clock, and hands them to each page
// by page. It stops at the first error, each's too.
func (s *Store) Records(ctx context.Context, since time.Time, each func(Page) error) error {
	now, err := s.client.Time(ctx).Result()
	if err != nil {
		return fmt.Errorf("registry: reading the records: %w", err)
	}
	first, last := strconv.FormatInt(max(since.UnixMilli(), 0), 10), strconv.FormatInt(now.UnixMilli(), 10)
	for from := 0; from < buckets; from += streamsAtOnce {
		var open []stream
		for b := from; b < min(from+streamsAtOnce, buckets); b++ {
			open = append(open, stream{bucket: b, next: first})
		}
		for len(open) > 0 {
			if open, err = s.readStreams(ctx, open, last, each); err != nil {
				return err
			}
		}
	}
	return nil
}

// stream is a bucket's stream that is being read, from an entry on.
type stream struct {
	bucket int
	next   string
}

// readStreams reads one page of each stream in one round trip, and returns those that have more.
func (s *Store) readStreams(ctx context.Context, open []stream, last string, each func(Page) error) (more []stream, err error) {
	pipe := s.client.Pipeline()
	cmds := make([]*redis.XMessageSliceCmd, len(open))
	for i, st := range open {
		cmds[i] = pipe.XRangeN(ctx, numberKeys{tag: tags[st.bucket]}.stream(), st.next, last, recordsAtOnce)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("registry: reading the records: %w", err)
	}
	for i, cmd := range cmds {
		entries := cmd.Val()
		page := pageOf(open[i].bucket, entries)
		page.Last = len(entries) < recordsAtOnce
		if !page.Last {
			next, err := following(entries[len(entries)-1].ID)
			if err != nil {
				return nil, err
			}
			more = append(more, stream{open[i].bucket, next})
		}
		if err := each(page); err != nil {
			return nil, err
		}
	}
	return more, nil
}

func pageOf(bucket int, entries []redis.XMessage) Page {
	page := Page{Bucket: bucket, Records: make([]Record, 0, len(entries))}
	for _, e := range entries {
		text, _ := e.Values["r"].(string)
		r, err := DecodeRecord(e.ID, text)
		if err != nil {
			page.Broken++
			continue
		}
		page.Records = append(page.Records, r)
	}
	return page
}

// following is the id right after another. Redis 6.0 knows no open ranges.
func following(id string) (string, error) {
	ms, text, ok := strings.Cut(id, "-")
	n, err := strconv.ParseUint(text, 10, 64)
	if !ok || err != nil {
		return "", fmt.Errorf("registry: reading the records: id %.64q is none", note(id))
	}
	return ms + "-" + strconv.FormatUint(n+1, 10), nil
}

// WouldVerdict is what a decision would have been, had the rule that it names not only been watched; ok is false for any
// other record.
func (r *Record) WouldVerdict() (would gate.Verdict, ok bool) {
	text := r.Detail["would"]
	if r.Kind != RecordDecision || text == "" {
		return gate.Block, false
	}
	would, err := parseVerdict(text)
	return would, err == nil
}
