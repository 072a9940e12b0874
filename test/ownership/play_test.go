package ownership

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// outcome is what came of a step.
type outcome struct {
	unknown bool // no answer came in time: it was taken or not
	answer  gate.Answer
	word    string // of a command, see may; any other error's text
	lost    bool   // renews
	counts  registry.Counts
	held    []held
	seen    registry.Holding
}

const within = 20 * time.Second

// play does a step for real.
func play(ctx context.Context, s step, store *registry.Store) (o outcome, err error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	switch s.kind {
	case looks:
		o.seen, err = store.OwnerIn(ctx, s.number, s.scope)
	case dials, asks:
		o.answer, err = store.Decide(ctx, s.question())
	case firms, ends:
		err = store.Write(ctx, []gate.Event{s.event()})
	case renews:
		var lost []gate.Reservation
		lost, err = store.Renew(ctx, []gate.Reservation{s.reservation()}, s.terms)
		o.lost = len(lost) > 0
	case mends:
		err = mend(ctx, s, store, &o)
	default:
		o.word, err = wordOf(command(ctx, s, store))
	}
	if err != nil {
		return o, fmt.Errorf("%v: %w", s, err)
	}
	return o, nil
}

func mend(ctx context.Context, s step, store *registry.Store, o *outcome) error {
	if _, err := store.Mend(ctx, s.rep); err != nil {
		return err
	}
	for h, err := range store.HeldBy(ctx, s.rep) {
		if err != nil {
			return err
		}
		o.held = append(o.held, held{h.Number, h.Scope})
	}
	var err error
	o.counts, err = store.Counts(ctx, s.rep, s.terms)
	return err
}

func command(ctx context.Context, s step, store *registry.Store) error {
	var err error
	switch s.kind {
	case claims:
		order := registry.ClaimOrder{
			Rep: s.rep, Scope: s.scope, Team: s.team, Extension: s.extension(), For: milliseconds(s.span), Level: s.level, Terms: s.terms,
		}
		if s.fromPool {
			order.From = "pool"
		}
		_, err = store.Claim(ctx, s.number, order)
	case releases:
		_, err = store.Release(ctx, s.number, s.scope, "released", s.terms)
	case transfers:
		_, err = store.Transfer(ctx, s.number, s.scope, registry.TransferOrder{
			To: s.rep, Team: s.team, Extension: s.extension(), Force: s.force, Terms: s.terms,
		})
	case shares:
		_, err = store.Share(ctx, s.number, s.scope, s.rep, s.percent)
	case unshares:
		_, err = store.Unshare(ctx, s.number, s.scope, s.rep)
	case locks:
		_, err = store.Lock(ctx, s.number, s.scope)
	case unlocks:
		_, err = store.Unlock(ctx, s.number, s.scope, s.terms)
	case deals, undeals:
		_, err = store.Deal(ctx, s.number, s.scope, s.kind == deals, s.terms)
	case levelled:
		_, err = store.Level(ctx, s.number, s.scope, s.level, s.terms)
	case extends:
		_, err = store.Extend(ctx, s.number, s.scope, milliseconds(s.span))
	case refuses:
		_, err = store.Refuse(ctx, s.number, "", milliseconds(s.span), "")
	case lifts:
		_, err = store.LiftRefusal(ctx, s.number)
	case lists:
		err = store.AddListed(ctx, "own", s.number, "")
	case unlists:
		err = store.RemoveListed(ctx, "own", s.number)
	case grants:
		_, err = store.GrantPass(ctx, registry.Pass{Rep: s.rep, Number: s.number, For: milliseconds(s.span)})
	case revokes:
		_, err = store.RevokePass(ctx, s.number, s.rep)
	default:
		err = fmt.Errorf("nobody knows how to %s", kindNames[s.kind])
	}
	return err
}

// wordOf is the word for what came of a command; what has none is an error.
func wordOf(err error) (string, error) {
	for is, word := range map[error]string{
		registry.ErrNotOwned: nobodys, registry.ErrNotInPool: notThere, registry.ErrSharesOwner: own, registry.ErrSharesMuch: tooMuch,
		registry.ErrNoSuchShare: stranger, registry.ErrNotListed: stranger, registry.ErrNotRefused: stranger, registry.ErrNoPass: stranger,
	} {
		if errors.Is(err, is) {
			return word, nil
		}
	}
	switch {
	case err == nil:
		return done, nil
	case errors.As(err, new(*registry.OwnedError)):
		return isOwned, nil
	case errors.As(err, new(*registry.RefusedError)):
		return refused, nil
	case errors.As(err, new(*registry.BarredError)):
		return isBarred, nil
	case errors.As(err, new(*registry.QuotaError)):
		return quota, nil
	}
	return "", err
}

func (s step) reservation() gate.Reservation {
	return gate.Reservation{Key: s.key(), Number: s.number}
}

func (s step) key() gate.Key {
	return gate.Key{Rep: s.rep, CallID: fmt.Sprintf("call-%d", s.call), FromTag: "tag"}
}

func (s step) question() gate.Question {
	return gate.Question{
		Reservation: s.reservation(), Terms: s.terms, Peer: "desk", Extension: s.extension(), Rehearsal: s.kind == asks,
		Scope: s.scope, Team: s.team, Local: s.local,
	}
}

func (s step) event() gate.Event {
	e := gate.Event{
		Kind: gate.Firm, At: time.Now(), Reservation: s.reservation(), Terms: s.terms, Extension: s.extension(), Scope: s.scope,
		Team: s.team, Talk: milliseconds(s.talk),
	}
	if s.kind == ends {
		e.Kind, e.Ending, e.Status = gate.Ended, s.ending, 200
	}
	return e
}
