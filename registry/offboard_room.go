package registry

import (
	"context"

	"github.com/ringfence/ringfence/gate"
)

// Many numbers change hands at once in an offboarding. What is counted of a rep is changed for all of them together, by the
// steps of a single claim (quota.go).

// rooms are room that was made for numbers with one rep: those that count against the cap, and those that do not.
type rooms struct {
	rep  gate.Rep
	kept []reservation
}

// makeRoom reserves room with a rep for all of some numbers, or for none: *QuotaError.
func (s *Store) makeRoom(ctx context.Context, rep gate.Rep, all []mine, t gate.Terms) (rooms, error) {
	made := rooms{rep: rep}
	t.DailyClaims = 0 // it is no claim
	for _, g := range groupMine(all, t.CountDeals) {
		limits := t
		if g.free {
			limits.Holdings = 0
		}
		for first := 0; first < len(g.digits); first += reserveAtOnce {
			r := newReservation(rep, g.scope, g.digits[first:min(first+reserveAtOnce, len(g.digits))]...)
			if _, err := s.reserveFor(ctx, r, limits); err != nil {
				for _, kept := range made.kept {
					s.settled(ctx, kept, false)
				}
				return rooms{}, err
			}
			made.kept = append(made.kept, r)
		}
	}
	return made, nil
}

// reserveAtOnce bounds one reservation, and the time for which its script keeps the server.
const reserveAtOnce = 128

// mineGroup are numbers for which room is reserved alike.
type mineGroup struct {
	scope  gate.Scope
	free   bool // a deal was closed and deals do not count
	digits []string
}

func groupMine(all []mine, countDeals bool) []mineGroup {
	var groups []mineGroup
next:
	for _, m := range all {
		digits, _ := readMember(m.member)
		free := m.dealt && !countDeals
		for i := range groups {
			if groups[i].scope == m.scope && groups[i].free == free {
				groups[i].digits = append(groups[i].digits, digits)
				continue next
			}
		}
		groups = append(groups, mineGroup{m.scope, free, []string{digits}})
	}
	return groups
}

// settleRoom says which of the numbers, by their members, the rep owns now.
func (s *Store) settleRoom(ctx context.Context, r rooms, owned map[string]bool) {
	for _, kept := range r.kept {
		var got []string
		for _, digits := range kept.digits {
			if owned[member(digits, kept.scope)] {
				got = append(got, digits)
			}
		}
		s.settled(ctx, kept, false, got...)
	}
}

// noteDeals writes down which numbers came with a closed deal.
func (s *Store) noteDeals(ctx context.Context, rep gate.Rep, all []mine, owned map[string]bool) {
	for _, m := range all {
		if m.dealt && owned[m.member] {
			digits, scope := readMember(m.member)
			s.dealtWith(ctx, Holding{Number: gate.Number("+" + digits), Scope: scope, Owner: rep}, true)
		}
	}
}
