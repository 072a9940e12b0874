package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// Handover is how an offboarding is carried out.
type Handover struct {
	Terms    gate.Terms
	Percent  int                   // of the time that the registry may be kept busy
	Progress func(done, total int) // in numbers; may be nil
}

func (h Handover) tell(done, total int) {
	if h.Progress != nil {
		h.Progress(done, total)
	}
}

// groupBuckets is how many buckets are looked through before what was found in them is handed over.
const groupBuckets = 8

// OffboardFind is what there is of a rep who leaves.
type OffboardFind struct {
	Numbers int // that the rep owns, in the scope of the plan
	Helps   int // numbers of colleagues with which the rep helps
	loads   map[gate.Rep]load
}

// Load is how many numbers a colleague holds.
func (f OffboardFind) Load(rep gate.Rep) int { return f.loads[rep].held }

// Find counts what a plan is about. It changes nothing.
func (s *Store) Find(ctx context.Context, p OffboardPlan, progress func(done, total int)) (OffboardFind, error) {
	all := OffboardFind{loads: make(map[gate.Rep]load)}
	for first := 0; first < buckets; first += groupBuckets {
		found, err := s.find(ctx, tags[first:first+groupBuckets], p.Rep)
		if err != nil {
			return OffboardFind{}, err
		}
		all.Numbers += len(inScope(found.mine, p.Scope))
		all.Helps += len(found.helped)
		for rep, l := range found.loads {
			all.loads[rep] = load{all.loads[rep].held + l.held, all.loads[rep].dealt + l.dealt}
		}
		if progress != nil {
			progress(first+groupBuckets, buckets)
		}
	}
	return all, nil
}

func inScope(all []mine, scope *gate.Scope) []mine {
	if scope == nil {
		return all
	}
	return slices.DeleteFunc(all, func(m mine) bool { return m.scope != *scope })
}

// Offboard carries out the plan that is written down for a rep, from where it stopped. Each number is moved once, whoever
// else carries the plan out at the same time.
func (s *Store) Offboard(ctx context.Context, rep gate.Rep, h Handover) (Offboarding, error) {
	o, err := s.Offboarding(ctx, rep)
	if err != nil {
		return Offboarding{}, err
	}
	if o.State != OffboardRunning {
		return o, fmt.Errorf("%w: it is %s", ErrOffboardState, o.State)
	}
	all, err := s.Find(ctx, o.OffboardPlan, nil)
	if err != nil {
		return o, err
	}
	total, done := all.Numbers, 0
	who := newTakers(o.OffboardPlan, all.loads, h.Terms.CountDeals)
	for first := 0; first < buckets; first += groupBuckets {
		some := tags[first : first+groupBuckets]
		found, err := s.find(ctx, some, rep)
		if err != nil {
			return o, err
		}
		own := inScope(found.mine, o.Scope)
		if err := s.handGroup(ctx, o, own, who, h); err != nil {
			return o, err
		}
		if o.Scope == nil {
			if err := s.stopHelping(ctx, o, found.helped); err != nil {
				return o, err
			}
		}
		done += len(own)
		h.tell(done, max(total, done))
	}
	got, err := s.Handed(ctx, o)
	if err != nil {
		return o, err
	}
	return s.closeOffboarding(ctx, o, OffboardDone, handedFields(got)...)
}

// handGroup hands over what was found in some buckets: room is reserved with the colleagues, the numbers are moved, and
// what each has got is settled. A colleague who has no room after all is passed over from then on.
func (s *Store) handGroup(ctx context.Context, o Offboarding, own []mine, who *takers, h Handover) error {
	for len(own) > 0 {
		chosen := make(map[int][]mine)
		for _, m := range own {
			i := who.choose(m)
			chosen[i] = append(chosen[i], m)
		}
		var left []mine
		kept := make(map[int]rooms)
		for i, taker := range o.To {
			if len(chosen[i]) == 0 {
				continue
			}
			t := h.Terms
			t.Holdings = taker.Most
			made, err := s.makeRoom(ctx, taker.Rep, chosen[i], t)
			if _, full := errors.AsType[*QuotaError](err); full {
				who.full[i] = true
				left = append(left, chosen[i]...)
				delete(chosen, i)
				continue
			}
			if err != nil {
				return err
			}
			kept[i] = made
		}
		if err := s.moveAll(ctx, o, chosen, kept, h); err != nil {
			return err
		}
		own = left
	}
	return nil
}

// moveAll runs the scripts, bucket by bucket, and settles what became of it, also when it is cut off in the middle.
func (s *Store) moveAll(ctx context.Context, o Offboarding, chosen map[int][]mine, kept map[int]rooms, h Handover) error {
	byTag := make(map[string][]handed)
	for i, all := range chosen {
		for _, m := range all {
			byTag[m.tag] = append(byTag[m.tag], handed{m.member, i})
		}
	}
	got := make(map[gate.Rep]map[string]bool)
	var gone []string
	failed := s.moveBuckets(ctx, o, byTag, h, func(member string, to gate.Rep) {
		gone = append(gone, member)
		if got[to] == nil {
			got[to] = make(map[string]bool)
		}
		got[to][member] = true
	})
	after, cancel := afterwards(ctx)
	defer cancel()
	for i, made := range kept {
		to := o.To[i].Rep
		s.settleRoom(after, made, got[to])
		s.noteDeals(after, to, chosen[i], got[to])
	}
	s.dropAll(after, map[gate.Rep][]string{o.Rep: gone})
	return failed
}

// moveBuckets runs the scripts and tells of each number that was moved.
func (s *Store) moveBuckets(
	ctx context.Context, o Offboarding, byTag map[string][]handed, h Handover, moved func(member string, to gate.Rep),
) error {
	for tag, all := range byTag {
		for some := range slices.Chunk(all, poolBatch) {
			began := time.Now()
			texts, err := s.handover(ctx, o, tag, some, h.Terms)
			if err != nil {
				return err
			}
			for i := 0; i+1 < len(texts); i += 2 {
				moved(texts[i], gate.Rep(unescape(texts[i+1])))
			}
			if err := (pace{h.Percent, longestRest}).rest(ctx, time.Since(began)); err != nil {
				return err
			}
		}
	}
	return nil
}

// handed is a number and the index of the colleague who gets it.
type handed struct {
	member string
	to     int
}

func (s *Store) handover(ctx context.Context, o Offboarding, tag string, some []handed, t gate.Terms) ([]string, error) {
	k := numberKeys{tag: tag}
	keys := []string{k.stream(), k.owned(), k.pool(), k.changed(), k.journal(o.ID)}
	args := []any{
		milliseconds(s.keepOr(t.Keep)), pack("", identity(t.Gate), identity(t.Policy), ""), milliseconds(t.Bar), rulesOf(t),
		identity(string(o.Rep)), o.ID, identity(s.actor(ctx)), milliseconds(o.Undo), strconv.Itoa(len(o.To)),
	}
	for _, taker := range o.To {
		args = append(args, identity(string(taker.Rep)), seat(taker.Extension, "", taker.Team))
	}
	for _, m := range some {
		digits, _ := readMember(m.member)
		keys = append(keys, numberKeys{tag, digits}.number())
		args = append(args, m.member, strconv.Itoa(m.to+1))
	}
	list, err := handoverScript.slice(ctx, s.client, keys, args...)
	if err != nil {
		return nil, err
	}
	return textsOf(list)
}

// stopHelping ends what was agreed with the one who leaves about colleagues' numbers.
func (s *Store) stopHelping(ctx context.Context, o Offboarding, members []string) error {
	for _, m := range members {
		digits, scope := readMember(m)
		_, err := s.Unshare(ctx, gate.Number("+"+digits), scope, o.Rep)
		if err != nil && !errors.Is(err, ErrNotOwned) && !errors.Is(err, ErrNoSuchShare) {
			return err
		}
		if err := s.client.HIncrBy(ctx, offboardKey(o.Rep), "shares", 1).Err(); err != nil {
			return fmt.Errorf("registry: counting: %w", err)
		}
	}
	return nil
}

// closeOffboarding writes down that an offboarding or its undoing is through.
func (s *Store) closeOffboarding(ctx context.Context, o Offboarding, state OffboardState, facts ...any) (Offboarding, error) {
	if err := s.client.HSet(ctx, offboardKey(o.Rep), append([]any{"state", string(state)}, facts...)...).Err(); err != nil {
		return o, fmt.Errorf("registry: writing that the offboarding is %s: %w", state, err)
	}
	return s.Offboarding(ctx, o.Rep)
}
