package registry

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// Holding is how a number stands.
type Holding struct {
	Number    gate.Number
	Owner     gate.Rep  // "" when nobody owns it
	Extension string    // the owner's own extension; "" when it has none
	Since     time.Time // when the owner became owner
	Until     time.Time // end of the protection
	Flight    *Flight   // the call that is up, nil when there is none
	Refusal   *Refusal  // the refusal in force, nil when there is none
}

// Flight is a call that rings or is up.
type Flight struct {
	Rep     gate.Rep
	Started time.Time
	Until   time.Time // end of its lease, unless renewed
}

// OwnedError refuses a claim of a colleague's number.
type OwnedError struct {
	Number gate.Number
	Owner  gate.Rep
	Until  time.Time
}

func (e *OwnedError) Error() string {
	return fmt.Sprintf("%s is owned by %s until %s; transfer it or wait", e.Number.Masked(), e.Owner, e.Until.Format(time.RFC3339))
}

// ErrNotOwned means that there is no owner to release or to transfer from.
var ErrNotOwned = errors.New("nobody owns this number")

// Owner says how a number stands.
func (s *Store) Owner(ctx context.Context, n gate.Number) (Holding, error) {
	st, err := s.state(ctx, n, holdingScript, []string{keysOf(n.Digits()).number()})
	return st.holding(n), err
}

// Claim makes rep the owner for so long, from now. It fails with *OwnedError when a colleague owns the number and with
// *RefusedError while the customer's no is in force. The owner's own claim sets the end anew.
func (s *Store) Claim(ctx context.Context, n gate.Number, rep gate.Rep, extension string, protection time.Duration) (Holding, error) {
	if rep == "" || protection <= 0 {
		return Holding{}, errors.New("a claim needs a rep and a protection longer than zero")
	}
	return s.changeOwner(ctx, n, "claim", rep, extension, protection)
}

// Release ends an ownership and returns it as it was; ErrNotOwned when there is none.
func (s *Store) Release(ctx context.Context, n gate.Number) (Holding, error) {
	return s.changeOwner(ctx, n, "release", "", "", 0)
}

// Transfer gives an owned number to another rep until the same end; ErrNotOwned when nobody owns it.
func (s *Store) Transfer(ctx context.Context, n gate.Number, to gate.Rep, extension string) (Holding, error) {
	if to == "" {
		return Holding{}, errors.New("a transfer needs a rep to transfer to")
	}
	return s.changeOwner(ctx, n, "transfer", to, extension, 0)
}

func (s *Store) changeOwner(ctx context.Context, n gate.Number, action string, rep gate.Rep, extension string, protection time.Duration) (Holding, error) {
	k := keysOf(n.Digits())
	st, err := s.state(ctx, n, ownerScript, []string{k.number(), k.stream(), k.owned()},
		action, identity(string(rep)), identity(extension), milliseconds(protection), k.digits, identity(s.operator),
		adminFields(k.digits), milliseconds(s.keep))
	if err != nil {
		return Holding{}, err
	}
	h := st.holding(n)
	switch st.outcome {
	case "owned":
		return h, &OwnedError{Number: n, Owner: h.Owner, Until: h.Until}
	case "refused":
		return h, &RefusedError{*h.Refusal}
	case "nobody":
		return h, ErrNotOwned
	}
	return h, nil
}

// state is what the admin scripts return: an outcome, the server's time and the number's hash.
type state struct {
	outcome string
	now     time.Time
	fields  map[string]string
}

func (s *Store) state(ctx context.Context, n gate.Number, sc script, keys []string, args ...any) (state, error) {
	if n == "" {
		return state{}, errors.New("registry: no number given")
	}
	list, err := sc.slice(ctx, s.client, keys, args...)
	if err != nil {
		return state{}, err
	}
	texts, err := textsOf(list)
	if err != nil || len(texts) < 2 || len(texts)%2 != 0 {
		return state{}, fmt.Errorf("registry: %s: the reply cannot be read", sc.name)
	}
	st := state{outcome: texts[0], now: millis(texts[1]), fields: make(map[string]string, len(texts)/2)}
	for i := 2; i < len(texts); i += 2 {
		st.fields[texts[i]] = texts[i+1]
	}
	return st, nil
}

// holding leaves out facts whose end has passed.
func (st state) holding(n gate.Number) Holding {
	h := Holding{Number: n}
	if until := millis(st.fields["u"]); st.fields["o"] != "" && until.After(st.now) {
		h.Owner, h.Extension = gate.Rep(unescape(st.fields["o"])), unescape(st.fields["x"])
		h.Since, h.Until = millis(st.fields["s"]), until
	}
	if until := millis(st.fields["fu"]); st.fields["fr"] != "" && until.After(st.now) {
		h.Flight = &Flight{Rep: gate.Rep(unescape(st.fields["fr"])), Started: micros(st.fields["e"]), Until: until}
	}
	h.Refusal = st.refusal(n)
	return h
}

func (st state) refusal(n gate.Number) *Refusal {
	until := millis(st.fields["ru"])
	if !until.After(st.now) {
		return nil
	}
	return &Refusal{Number: n, By: unescape(st.fields["rb"]), Note: unescape(st.fields["rn"]), Until: until}
}

func (st state) additions(n gate.Number) []Addition {
	var all []Addition
	for list := range strings.SplitSeq(st.fields["d"], sep) {
		if list == "" {
			continue
		}
		at, rest, _ := strings.Cut(st.fields["d:"+list], sep)
		by, text, _ := strings.Cut(rest, sep)
		all = append(all, Addition{Number: n, List: unescape(list), At: millis(at), By: unescape(by), Note: unescape(text)})
	}
	return all
}

// micros reads a time in microseconds; what is none is the zero time.
func micros(text string) time.Time {
	us, err := strconv.ParseInt(text, 10, 64)
	if err != nil || us <= 0 {
		return time.Time{}
	}
	return time.UnixMicro(us)
}

// millis reads a time in milliseconds; what is none is the zero time.
func millis(text string) time.Time {
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

func textsOf(list []any) ([]string, error) {
	texts := make([]string, len(list))
	for i, v := range list {
		text, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("item %d is %T, not text", i, v)
		}
		texts[i] = text
	}
	return texts, nil
}
