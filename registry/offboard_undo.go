package registry

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ringfence/ringfence/gate"
)

// Handed counts who got how many numbers of an offboarding, "" for the pool, as its journal has it: what an undo gave
// back is in it no longer.
func (s *Store) Handed(ctx context.Context, o Offboarding) (map[gate.Rep]int, error) {
	got := make(map[gate.Rep]int)
	for some := range slices.Chunk(tags[:], bucketsAtOnce) {
		pipe := s.client.Pipeline()
		cmds := make([]*redis.StringSliceCmd, len(some))
		for i, tag := range some {
			cmds[i] = pipe.HVals(ctx, numberKeys{tag: tag}.journal(o.ID))
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return nil, fmt.Errorf("registry: reading the journal of the offboarding: %w", err)
		}
		for _, cmd := range cmds {
			for _, entry := range cmd.Val() {
				to, _, _ := strings.Cut(entry, group)
				got[gate.Rep(unescape(to))]++
			}
		}
	}
	return got, nil
}

// group is GROUP of asitwas.lua.
const group = "\x1d"

// handedFields are the counts of a plan.
func handedFields(got map[gate.Rep]int) []any {
	moved := 0
	for to, n := range got {
		if to != "" {
			moved += n
		}
	}
	return []any{"moved", moved, "pooled", got[""]}
}

// UndoOffboarding gives the numbers of a rep's last offboarding back, from where it stopped. Those of which something has
// become since stay where they are: the customer was reached, a deal was closed, or they have yet another owner.
func (s *Store) UndoOffboarding(ctx context.Context, rep gate.Rep, h Handover) (Offboarding, error) {
	o, err := s.Offboarding(ctx, rep)
	if err != nil {
		return Offboarding{}, err
	}
	now, err := s.Now(ctx)
	if err != nil {
		return o, err
	}
	switch {
	case o.State == OffboardUndone:
		return o, fmt.Errorf("%w: it is %s", ErrOffboardState, o.State)
	case now.After(o.UndoUntil()):
		return o, fmt.Errorf("%w: that could be done until %s", ErrUndoTooLate, o.UndoUntil().Format(time.RFC3339))
	}
	got, err := s.Handed(ctx, o)
	if err != nil {
		return o, err
	}
	if o.State != OffboardUndoing {
		if o, err = s.closeOffboarding(ctx, o, OffboardUndoing, handedFields(got)...); err != nil {
			return o, err
		}
	}
	total, done := o.Moved+o.Pooled, 0
	for _, tag := range tags {
		entries, err := s.client.HGetAll(ctx, numberKeys{tag: tag}.journal(o.ID)).Result()
		if err != nil {
			return o, fmt.Errorf("registry: reading the journal of the offboarding: %w", err)
		}
		var all []mine
		for _, m := range slices.Sorted(maps.Keys(entries)) {
			_, scope := readMember(m)
			all = append(all, mine{tag: tag, member: m, scope: scope, dealt: strings.Contains(entries[m], group+"v=")})
		}
		if err := s.giveBack(ctx, o, tag, all, h); err != nil {
			return o, err
		}
		done += len(all)
		h.tell(done, max(total, done))
	}
	if got, err = s.Handed(ctx, o); err != nil {
		return o, err
	}
	left := 0
	for _, n := range got {
		left += n
	}
	return s.closeOffboarding(ctx, o, OffboardUndone, "back", total-left, "changed", left)
}

// giveBack undoes what was done to the numbers of one bucket.
func (s *Store) giveBack(ctx context.Context, o Offboarding, tag string, all []mine, h Handover) error {
	for some := range slices.Chunk(all, poolBatch) {
		began := time.Now()
		if err := s.giveSomeBack(ctx, o, tag, some, h.Terms); err != nil {
			return err
		}
		if err := (pace{h.Percent, longestRest}).rest(ctx, time.Since(began)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) giveSomeBack(ctx context.Context, o Offboarding, tag string, some []mine, t gate.Terms) error {
	t.Holdings = 0 // what was theirs may be theirs again
	made, err := s.makeRoom(ctx, o.Rep, some, t)
	if err != nil {
		return err
	}
	texts, err := s.takeback(ctx, o, tag, some, t)
	if err != nil {
		return err
	}
	back := make(map[string]bool)
	from := make(map[gate.Rep][]string)
	for i := 0; i+1 < len(texts); i += 2 {
		back[texts[i]] = true
		if texts[i+1] != "" {
			taker := gate.Rep(unescape(texts[i+1]))
			from[taker] = append(from[taker], texts[i])
		}
	}
	s.settleRoom(ctx, made, back)
	s.noteDeals(ctx, o.Rep, some, back)
	s.dropAll(ctx, from)
	return nil
}

func (s *Store) takeback(ctx context.Context, o Offboarding, tag string, some []mine, t gate.Terms) ([]string, error) {
	k := numberKeys{tag: tag}
	keys := []string{k.stream(), k.owned(), k.pool(), k.changed(), k.journal(o.ID)}
	args := []any{
		milliseconds(s.keepOr(t.Keep)), pack("", identity(t.Gate), identity(t.Policy), ""), "", "",
		identity(string(o.Rep)), o.ID, identity(s.actor(ctx)),
	}
	for _, m := range some {
		digits, _ := readMember(m.member)
		keys = append(keys, numberKeys{tag, digits}.number())
		args = append(args, m.member)
	}
	list, err := takebackScript.slice(ctx, s.client, keys, args...)
	if err != nil {
		return nil, err
	}
	return textsOf(list)
}
