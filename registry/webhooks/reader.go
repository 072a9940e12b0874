package webhooks

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ringfence/ringfence/registry"
)

const (
	// readerLease is how long the gate that reads the records stays the one that does; the others then need not look.
	readerLease = 5 * time.Second
	// readAtOnce bounds the records of one bucket in one look.
	readAtOnce = 200
	// moveEvery is how often cursors are written that moved over nothing: what is read again after a crash.
	moveEvery = 10 * time.Second
	// moveAtOnce bounds the time that the server takes for it.
	moveAtOnce = 128
)

// reader reads new records into the outbox. Its fields belong to the goroutine that looks.
type reader struct {
	*Webhooks
	endpoints []*endpoint
	name      string

	cursors []string // how far this gate has read; nil when it must ask
	stored  []string // how far it has been written down
	moved   time.Time
}

// newReaderName tells gates apart that were given the same name.
func newReaderName() string { return rand.Text() }

// look puts what new records mean into the outbox, if this gate is the one that reads. Should two think so, the cursors
// still let each event in once.
func (r *reader) look(ctx context.Context) error {
	mine, err := r.lead(ctx)
	if err != nil || !mine {
		r.cursors = nil
		return err
	}
	if r.cursors == nil {
		if err := r.readCursors(ctx); err != nil {
			return err
		}
	}
	err = r.records.Tail(ctx, r.cursors, readAtOnce, func(bucket int, last string, records []registry.Record) error {
		return r.take(ctx, bucket, last, records)
	})
	if err == nil && r.now().Sub(r.moved) > moveEvery {
		err = r.move(ctx)
	}
	if err != nil {
		r.cursors = nil
	}
	if errors.Is(err, errMoved) {
		return nil
	}
	return err
}

// lead makes this gate the reader, or keeps it that.
func (r *reader) lead(ctx context.Context) (bool, error) {
	taken, err := r.outbox.client.SetNX(ctx, keyReader, r.name, readerLease).Result()
	if err != nil {
		return false, fmt.Errorf("webhooks: %w", err)
	}
	if taken {
		return true, nil
	}
	who, err := r.outbox.client.Get(ctx, keyReader).Result()
	if err != nil || who != r.name {
		return false, nil // it ran out this moment, or is another's
	}
	return true, r.outbox.client.PExpire(ctx, keyReader, readerLease).Err()
}

// readCursors reads how far the buckets' records were read. What is older than a day would be given up at once; a bucket
// that was never read begins at the present, since what was before there was a webhook is nobody's business.
func (r *reader) readCursors(ctx context.Context) error {
	now, err := r.outbox.client.Time(ctx).Result()
	if err != nil {
		return fmt.Errorf("webhooks: %w", err)
	}
	known, err := r.outbox.client.HGetAll(ctx, keyCursors).Result()
	if err != nil {
		return fmt.Errorf("webhooks: reading the cursors: %w", err)
	}
	idAt := func(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) + "-0" }
	cursors, stored := make([]string, registry.Buckets), make([]string, registry.Buckets)
	for b := range cursors {
		stored[b] = known[strconv.Itoa(b)]
		at, err := registry.TimeOfID(stored[b])
		switch {
		case err != nil:
			cursors[b] = idAt(now)
		case now.Sub(at) > giveUp:
			cursors[b] = idAt(now.Add(-giveUp))
		default:
			cursors[b] = stored[b]
		}
	}
	r.cursors, r.stored = cursors, stored
	return r.move(ctx)
}

// move writes down how far was read.
func (r *reader) move(ctx context.Context) error {
	var buckets []int
	for b := range r.cursors {
		if r.cursors[b] != r.stored[b] {
			buckets = append(buckets, b)
		}
	}
	for some := range slices.Chunk(buckets, moveAtOnce) {
		args := make([]any, 0, 3*len(some))
		for _, b := range some {
			args = append(args, strconv.Itoa(b), r.stored[b], r.cursors[b])
		}
		ours, err := moveScript.Run(ctx, r.outbox.client, []string{keyCursors}, args...).Int()
		if err != nil {
			return fmt.Errorf("webhooks: writing the cursors: %w", err)
		}
		if ours == 0 {
			return errMoved
		}
		for _, b := range some {
			r.stored[b] = r.cursors[b]
		}
	}
	r.moved = r.now()
	return nil
}

// take puts the events among a bucket's records into the outbox.
func (r *reader) take(ctx context.Context, bucket int, last string, records []registry.Record) error {
	letters, err := r.letters(bucket, records)
	if err != nil {
		return err
	}
	if len(letters) == 0 {
		r.cursors[bucket] = last
		return nil
	}
	leftOut, err := r.outbox.put(ctx, r.endpoints, bucket, r.stored[bucket], last, letters)
	if err != nil {
		return err
	}
	r.cursors[bucket], r.stored[bucket] = last, last
	if leftOut > 0 {
		r.log(fmt.Errorf("webhooks: %d events are left out: %d wait already for an endpoint that takes none", leftOut, r.outbox.most))
	}
	for range leftOut {
		r.meter.Webhook(LeftOut)
	}
	return nil
}

// letters are what the endpoints want to know of records.
func (r *reader) letters(bucket int, records []registry.Record) ([]addressed, error) {
	var letters []addressed
	for _, record := range records {
		event := nameOf(record)
		if event == "" {
			continue
		}
		for i, e := range r.endpoints {
			if !slices.ContainsFunc(e.Events, func(pattern string) bool { return matches(pattern, event) }) {
				continue
			}
			id := deliveryID(bucket, record.ID)
			text, err := e.bodyOf(id, event, record)
			if err != nil {
				return nil, err
			}
			letters = append(letters, addressed{i, letter{id: id, body: text}})
		}
	}
	return letters, nil
}
