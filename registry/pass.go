package registry

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// Pass is one call of one rep to one number that a supervisor allows, within a time. Which reasons it passes, the rules say.
type Pass struct {
	ID     string
	Rep    gate.Rep
	Number gate.Number
	For    time.Duration // GrantPass only: how long it is good for
	Until  time.Time
	Reason string // why it was granted, for the record
	By     string // who granted it
	Sealed bool   // it has a PIN, and is good only once that was dialled; see sealed.go
}

// ErrNoPass means that a rep has no pass to a number.
var ErrNoPass = errors.New("this rep has no pass to that number")

// longestPass bounds what a mistake can open.
const longestPass = 7 * 24 * time.Hour

// GrantPass gives a rep a pass to a number; one that the rep has already is replaced.
func (s *Store) GrantPass(ctx context.Context, p Pass) (Pass, error) {
	if p.Rep == "" || p.For <= 0 || p.For > longestPass {
		return Pass{}, fmt.Errorf("a pass needs a rep and a time of at most %s", gate.Duration(longestPass))
	}
	st, err := s.changePass(ctx, p.Number, "grant", p.Rep, p.For, rand.Text()[:12], p.Reason)
	if err != nil {
		return Pass{}, err
	}
	granted, ok := st.pass(p.Number, p.Rep)
	if !ok {
		return Pass{}, errors.New("registry: pass: the reply holds none")
	}
	return granted, nil
}

// RevokePass takes a pass back that was not used, and returns it; ErrNoPass when there is none.
func (s *Store) RevokePass(ctx context.Context, n gate.Number, rep gate.Rep) (Pass, error) {
	st, err := s.changePass(ctx, n, "revoke", rep, 0, "", "")
	if err != nil {
		return Pass{}, err
	}
	p, ok := st.pass(n, rep)
	if st.outcome != "done" || !ok {
		return Pass{}, ErrNoPass
	}
	return p, nil
}

func (s *Store) changePass(ctx context.Context, n gate.Number, action string, rep gate.Rep, d time.Duration, id, why string) (state, error) {
	k := keysOf(n.Digits())
	return s.state(ctx, n, passScript, []string{k.number(), k.stream(), k.passes()},
		action, identity(string(rep)), milliseconds(d), id, note(why), k.digits, identity(s.operator),
		adminFields(k.digits), milliseconds(s.keep))
}

// Passes walks over the passes to a number, or to every number for "", that are neither used nor over, without an order.
func (s *Store) Passes(ctx context.Context, n gate.Number) iter.Seq2[Pass, error] {
	return func(yield func(Pass, error) bool) {
		now, err := s.client.Time(ctx).Result()
		if err != nil {
			yield(Pass{}, fmt.Errorf("registry: passes: %w", err))
			return
		}
		if n != "" {
			st, err := s.state(ctx, n, holdingScript, []string{keysOf(n.Digits()).number()})
			if err != nil {
				yield(Pass{}, err)
				return
			}
			st.now = now
			st.passes(n, yield)
			return
		}
		from := "(" + strconv.FormatInt(now.UnixMilli(), 10)
		s.walk(ctx, numberKeys.passes, from, func(st state, n gate.Number, of string, err error) bool {
			if err != nil {
				return yield(Pass{}, err)
			}
			st.now = now
			rep := gate.Rep(unescape(of))
			if p, ok := st.pass(n, rep); ok {
				return yield(p, nil)
			}
			if p, ok := st.sealed(n, rep); ok {
				return yield(p.Pass, nil)
			}
			return true // used or revoked meanwhile
		})
	}
}

func (st state) passes(n gate.Number, yield func(Pass, error) bool) {
	for field := range st.fields {
		if rep, ok := strings.CutPrefix(field, "t:"); ok {
			if p, ok := st.pass(n, gate.Rep(unescape(rep))); ok && !yield(p, nil) {
				return
			}
		}
		if rep, ok := strings.CutPrefix(field, fieldSealed); ok {
			if p, ok := st.sealed(n, gate.Rep(unescape(rep))); ok && !yield(p.Pass, nil) {
				return
			}
		}
	}
}

// pass is a rep's pass that is good now.
func (st state) pass(n gate.Number, rep gate.Rep) (Pass, bool) {
	f := strings.Split(st.fields["t:"+identity(string(rep))], sep)
	if len(f) != 4 || !millis(f[0]).After(st.now) {
		return Pass{}, false
	}
	return Pass{ID: f[1], Rep: rep, Number: n, Until: millis(f[0]), Reason: unescape(f[2]), By: unescape(f[3])}, true
}
