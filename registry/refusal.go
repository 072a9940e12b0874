package registry

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// Refusal is a customer's no: nobody rings the number until its end.
type Refusal struct {
	Number gate.Number
	By     string // the rep who heard it, or the operator who wrote it down
	Note   string
	Until  time.Time
}

// RefusedError refuses a claim of a number whose customer said no.
type RefusedError struct{ Refusal }

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s refused calls until %s; lift the refusal or wait", e.Number.Masked(), e.Until.Format(time.RFC3339))
}

// ErrNotRefused means that there is no refusal to lift.
var ErrNotRefused = errors.New("no refusal of this number is in force")

// Refuse writes a customer's no down, from now for so long; one that is in force gets the new end. By is the rep or
// operator who heard it; "" is the operator.
func (s *Store) Refuse(ctx context.Context, n gate.Number, by string, coolDown time.Duration, text string) (Refusal, error) {
	return s.refuse(ctx, n, "refuse", by, coolDown, text)
}

// refuse is Refuse; as "hear" it never brings the end forward.
func (s *Store) refuse(ctx context.Context, n gate.Number, action, by string, coolDown time.Duration, text string) (Refusal, error) {
	if coolDown <= 0 {
		return Refusal{}, errors.New("a refusal needs a cool-down longer than zero")
	}
	if by == "" {
		by = s.operator
	}
	st, err := s.changeRefusal(ctx, n, action, by, coolDown, text)
	if err != nil {
		return Refusal{}, err
	}
	if r := st.refusal(n); r != nil {
		return *r, nil
	}
	return Refusal{}, errors.New("registry: refusal: the reply holds none")
}

// LiftRefusal ends a refusal and returns it as it was; ErrNotRefused when there is none.
func (s *Store) LiftRefusal(ctx context.Context, n gate.Number) (Refusal, error) {
	st, err := s.changeRefusal(ctx, n, "lift", "", 0, "")
	if err != nil {
		return Refusal{}, err
	}
	if r := st.refusal(n); st.outcome == "done" && r != nil {
		return *r, nil
	}
	return Refusal{}, ErrNotRefused
}

func (s *Store) changeRefusal(ctx context.Context, n gate.Number, action, by string, coolDown time.Duration, text string) (state, error) {
	k := keysOf(n.Digits())
	return s.state(ctx, n, refusalScript, []string{k.number(), k.stream(), k.refused()},
		action, identity(by), milliseconds(coolDown), note(text), k.digits, identity(s.actor(ctx)),
		adminFields(k.digits), milliseconds(s.keep))
}

// Refusals walks over every refusal in force, bucket by bucket, without an order. It stops at the first error.
func (s *Store) Refusals(ctx context.Context) iter.Seq2[Refusal, error] {
	return func(yield func(Refusal, error) bool) {
		now, err := s.client.Time(ctx).Result()
		if err != nil {
			yield(Refusal{}, fmt.Errorf("registry: refusals: %w", err))
			return
		}
		from := "(" + strconv.FormatInt(now.UnixMilli(), 10)
		s.walk(ctx, numberKeys.refused, from, func(st state, n gate.Number, _ string, err error) bool {
			if err != nil {
				return yield(Refusal{}, err)
			}
			st.now = now
			if r := st.refusal(n); r != nil {
				return yield(*r, nil)
			}
			return true // lifted meanwhile
		})
	}
}
