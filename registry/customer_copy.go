package registry

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/ringfence/ringfence/gate"
)

// What is known of a customer's owner is copied into the bucket of each of its numbers, where decide reads it. What has
// yet to be copied stands in the journal, which is written in the same step as the change; whoever finds an entry there
// carries it out, and twice does no harm.

// entry is an entry of the journal with its place in the order.
type entry struct {
	member string
	place  string
}

// work carries out entries of the journal, as far as they are still there.
func (s *Store) work(ctx context.Context, members []string) error {
	for some := range slices.Chunk(members, addAtOnce) {
		pipe := s.client.Pipeline()
		places := make([]*redis.FloatCmd, len(some))
		for i, member := range some {
			places[i] = pipe.ZScore(ctx, customerJournalKey, member)
		}
		if _, err := pipe.Exec(ctx); err != nil && err != redis.Nil { //nolint:errorlint // a pipeline's first error comes as it is
			return fmt.Errorf("registry: customers: %w", err)
		}
		var entries []entry
		for i, place := range places {
			if place.Err() == nil {
				entries = append(entries, entry{some[i], strconv.FormatFloat(place.Val(), 'f', -1, 64)})
			}
		}
		if err := s.carryOut(ctx, entries); err != nil {
			return err
		}
	}
	return nil
}

// Finish carries out what commands that died before have left to be copied.
func (c *Customers) Finish(ctx context.Context) error { return c.store.drain(ctx) }

// drain carries out everything that the journal holds, oldest first.
func (s *Store) drain(ctx context.Context) error {
	for {
		found, err := s.client.ZRangeWithScores(ctx, customerJournalKey, 0, addAtOnce-1).Result()
		if err != nil {
			return fmt.Errorf("registry: customers: %w", err)
		}
		if len(found) == 0 {
			return nil
		}
		entries := make([]entry, len(found))
		for i, z := range found {
			entries[i] = entry{z.Member.(string), strconv.FormatFloat(z.Score, 'f', -1, 64)}
		}
		if err := s.carryOut(ctx, entries); err != nil {
			return err
		}
	}
}

// carryOut copies and unties, and then takes the entries out of the journal: whoever dies in between leaves them.
func (s *Store) carryOut(ctx context.Context, entries []entry) error {
	var ids []string
	var calls []call
	for _, e := range entries {
		if digits, id, lost := strings.Cut(e.member, ":"); lost {
			calls = append(calls, s.untie(id, digits, e.place))
		} else {
			ids = append(ids, e.member)
		}
	}
	copies, err := s.copies(ctx, ids)
	if err != nil {
		return err
	}
	calls = append(calls, copies...)
	for some := range slices.Chunk(calls, addAtOnce) {
		if _, err := s.pipeline(ctx, some); err != nil {
			return err
		}
	}
	done := make([]call, len(entries))
	for i, e := range entries {
		done[i] = call{journalScript, []string{customerJournalKey}, []any{e.member, e.place}}
	}
	_, err = s.pipeline(ctx, done)
	return err
}

// copies are the scripts that write into each number of these customers what they say of it.
func (s *Store) copies(ctx context.Context, ids []string) ([]call, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	pipe := s.client.Pipeline()
	records := make([]*redis.MapStringStringCmd, len(ids))
	owners := make([]*redis.MapStringStringCmd, len(ids))
	for i, id := range ids {
		records[i], owners[i] = pipe.HGetAll(ctx, customerKey(id)), pipe.HGetAll(ctx, customerOwnersKey(id))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("registry: customers: %w", err)
	}
	var calls []call
	for i, id := range ids {
		of := readCustomer(id, records[i].Val())
		for _, n := range of.Numbers {
			calls = append(calls, s.copiesTo(of, n, owners[i].Val())...)
		}
	}
	return calls, nil
}

// copiesTo are the scripts that write into one number what its customer says of it.
func (s *Store) copiesTo(of Customer, n gate.Number, owners map[string]string) []call {
	if len(owners) == 0 {
		return []call{s.copyTo(of.ID, of.order, n, "", ownership{}, "")}
	}
	var calls []call
	for _, scope := range slices.Sorted(maps.Keys(owners)) {
		if o, ok := readOwnership(owners[scope]); ok {
			change := ""
			if o.origin == n.Digits() {
				change = o.change
			}
			calls = append(calls, s.copyTo(of.ID, of.order, n, scope, o, change))
		}
	}
	return calls
}

// copyTo writes one ownership into one number. change is that of the number which it answers.
func (s *Store) copyTo(id, order string, n gate.Number, scope string, o ownership, change string) call {
	k := keysOf(n.Digits())
	own := o.origin == k.digits && o.origin != "" && change == o.change
	return call{copyScript, []string{k.number(), k.stream(), k.owned(), k.pool(), k.changed()}, []any{
		id, scope, o.fence, change, flag(own), k.digits, identity(s.operator), adminFields(k.digits), milliseconds(s.keep),
		strings.Join(o.facts, unit), order,
	}}
}

func (s *Store) untie(id, digits, order string) call {
	k := keysOf(digits)
	return call{untieScript, []string{k.number(), k.stream(), k.changed()}, []any{
		id, digits, identity(s.operator), adminFields(digits), milliseconds(s.keep), order,
	}}
}
