package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// Holding is how a number stands in one scope.
type Holding struct {
	Number    gate.Number
	Scope     gate.Scope
	Owner     gate.Rep  // "" when nobody owns it
	Extension string    // the owner's own extension; "" when it has none
	Team      gate.Team // the owner's, when they claimed it
	Since     time.Time // when the owner became owner
	Until     time.Time // end of the protection; Forever for none
	ByHand    bool      // the end was set by a command, or before there were rules to compute it by
	Unlocked  time.Time // Locked: the end there would be without the lock
	Contact   time.Time // the last answered call; zero before the first
	Locked    bool      // it is never taken away by a rule
	Deal      time.Time // when a deal was closed; zero for none
	Level     string    // of the customer; it outlives the owner

	Collaborators []Share
	Provisional   *Provisional // a colleague's first call that nobody answered, nil for none
	Pool          *PoolEntry   // nil when it is not in the pool
	Customer      string       // id of the customer whom it belongs to, if there is a record
	Stage         string       // of the follow-up
	Flight        *Flight      // the call that is up, in whatever scope; nil when there is none
	Refusal       *Refusal     // the refusal in force, in every scope; nil when there is none
}

// Share is what was agreed with a colleague who may ring the owner's customer too.
type Share struct {
	Rep     gate.Rep
	Percent int // of the result
	Agreed  time.Time
	By      string // the operator who wrote it down
}

// Provisional is a claim by a first call that nobody answered.
type Provisional struct {
	Rep   gate.Rep
	Until time.Time
}

// PoolEntry says since when and why a number is in the pool.
type PoolEntry struct {
	Since       time.Time
	Why         string    // no_contact, no_deal, expired, released or left
	Barred      gate.Rep  // its owner before
	BarredUntil time.Time // when that one may claim it again; zero for at once
}

// Flight is a call that rings or is up.
type Flight struct {
	Rep     gate.Rep
	Started time.Time
	Until   time.Time // end of its lease, unless renewed
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
	if s.cause.Mark != "" && sc.name != holdingScript.name {
		sc, keys = onceOf(sc), append(keys, onceKey(n, s.cause.Mark))
	}
	list, err := sc.slice(ctx, s.client, keys, args...)
	if err != nil {
		return state{}, err
	}
	return stateOf(sc, list)
}

// stateOf reads what state in prelude.lua returns.
func stateOf(sc script, list []any) (state, error) {
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

// scopes are those in which somebody owns the number or it is in the pool, the company's one first.
func (st state) scopes() []gate.Scope {
	var scopes []gate.Scope
	for field := range st.fields {
		letter, scope, _ := strings.Cut(field, ":")
		if letter == fieldOwner || letter == fieldPool {
			scopes = append(scopes, gate.Scope(unescape(scope)))
		}
	}
	slices.Sort(scopes)
	return slices.Compact(scopes)
}

// holding is how a number stands in one scope. Facts whose end has passed are left out.
func (st state) holding(n gate.Number, scope gate.Scope) Holding {
	of := func(letter string) string { return st.fields[fieldIn(letter, scope)] }
	h := Holding{Number: n, Scope: scope, Level: unescape(of("l")), Customer: unescape(st.fields["cu"]), Stage: unescape(of("g"))}
	if until := millis(of("u")); of("o") != "" && until.After(st.now) {
		h.Owner, h.Extension, h.Team = gate.Rep(unescape(of("o"))), unescape(of("x")), gate.Team(unescape(of("m")))
		h.Since, h.Until, h.Unlocked = millis(of("s")), until, millis(of("ub"))
		h.Contact, h.Deal, h.Locked = millis(of("c")), millis(of("v")), of("k") == "1"
		h.ByHand = of("um") == "1" || of("c") == ""
		h.Collaborators = readShares(of("w"))
	}
	if rep, text, _ := strings.Cut(of("j"), sep); h.Owner == "" && millis(text).After(st.now) {
		h.Provisional = &Provisional{Rep: gate.Rep(unescape(rep)), Until: millis(text)}
	}
	if since := millis(of("q")); !since.IsZero() {
		h.Pool = &PoolEntry{Since: since, Why: of("qw"), Barred: gate.Rep(unescape(of("b"))), BarredUntil: millis(of("bu"))}
	}
	if until := millis(st.fields["fu"]); st.fields["fr"] != "" && until.After(st.now) {
		h.Flight = &Flight{Rep: gate.Rep(unescape(st.fields["fr"])), Started: micros(st.fields["e"]), Until: until}
	}
	h.Refusal = st.refusal(n)
	return h
}

// readShares reads the collaborators.
func readShares(text string) []Share {
	var shares []Share
	for entry := range strings.SplitSeq(text, sep) {
		f := strings.Split(entry, part)
		if len(f) != 4 {
			continue
		}
		percent, err := strconv.Atoi(f[1])
		if err != nil {
			continue
		}
		shares = append(shares, Share{Rep: gate.Rep(unescape(f[0])), Percent: percent, Agreed: millis(f[2]), By: unescape(f[3])})
	}
	return shares
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
