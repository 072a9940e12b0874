package dnc

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// stagedTTL is how long a load may take; what a killed one leaves behind is gone after it.
	stagedTTL = 15 * time.Minute
	// retiredTTL is how long a version outlives its use, for gates that are still reading it.
	retiredTTL = time.Hour
	// attempts is how often a change is prepared anew when others come first.
	attempts = 20
)

// What the caller may want to tell apart.
var (
	ErrNoList     = errors.New("no such list")
	ErrNoPrevious = errors.New("no previous version is kept")
	ErrGuard      = errors.New("refused by the guard")
	ErrBusy       = errors.New("the lists are being changed by others all the time")
	ErrDamaged    = errors.New("the list is damaged in Redis")
)

// Store reads and changes the lists in Redis. A change is prepared aside and made current by one script, which
// refuses when another change came first; then it is prepared anew. A gate therefore sees the old version or the new
// one, and a change that fails at any point leaves the old. A Store is safe for concurrent use.
//
// Chunks have up to 256 KiB: give its client time-outs for that, not those of a call's decision.
type Store struct {
	client redis.UniversalClient
}

// NewStore makes a Store.
func NewStore(client redis.UniversalClient) *Store { return &Store{client: client} }

//go:embed switch.lua
var switchSource string

var switchScript = redis.NewScript(switchSource)

// entry is what rf:{dnc}:lists says of one list. A list that was dropped keeps an entry without Current: a list that
// is simply gone has been lost, and gates hold on to what they have.
type entry struct {
	Current  *version `json:"current,omitempty"`
	Previous *version `json:"previous,omitempty"` // what Rollback returns to: the version before the last load
	damage   error    // why it could not be read
}

func readEntry(list, text string) (e entry) {
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return entry{damage: damaged("field %s of %s cannot be read: %w", list, keyLists, err)}
	}
	for _, v := range []*version{e.Current, e.Previous} {
		if v != nil && v.List != list {
			return entry{damage: damaged("field %s of %s describes list %q", list, keyLists, v.List)}
		}
	}
	return e
}

// version is a manifest in short.
type version struct {
	Info
	ID string `json:"id"`
}

// state is what a change is prepared on.
type state struct {
	counter string  // as read; "" when there is none
	next    Version // for the version that the change makes
	entry   entry
}

// current is the version in force, or an error that says why there is none.
func (st state) current(list string) (version, error) {
	switch {
	case st.entry.damage != nil:
		return version{}, st.entry.damage
	case st.entry.Current == nil:
		return version{}, fmt.Errorf("%w: %s; `dnc lists` shows those there are, `dnc load` makes one", ErrNoList, list)
	}
	return *st.entry.Current, nil
}

// read gives the state of one list.
func (s *Store) read(ctx context.Context, list string) (state, error) {
	if err := checkName(list); err != nil {
		return state{}, err
	}
	pipe := s.client.Pipeline()
	counter, now, raw := pipe.Get(ctx, keyVersion), pipe.Time(ctx), pipe.HGet(ctx, keyLists, list)
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return state{}, fmt.Errorf("reading list %s from Redis: %w", list, err)
	}
	st := state{counter: counter.Val(), next: Version(now.Val().UnixMilli())}
	if last, err := strconv.ParseInt(st.counter, 10, 64); err == nil {
		st.next = max(st.next, Version(last+1)) // the clock of another master may be behind
	}
	if raw.Val() != "" {
		st.entry = readEntry(list, raw.Val())
	}
	return st, nil
}

// change is a new entry and what becomes of the keys of its list.
type change struct {
	entry  entry
	needed []string // keys that must live on
	stale  []string // keys that no version needs any longer
}

// change prepares a change on the present state and makes it current, again and again while others come first.
// prepare stages what the change needs under keys of its own.
func (s *Store) change(ctx context.Context, list string, prepare func(state) (change, error)) error {
	for range attempts {
		st, err := s.read(ctx, list)
		if err != nil {
			return err
		}
		c, err := prepare(st)
		if err != nil {
			return err
		}
		switched, err := s.switchTo(ctx, list, st, c)
		if err != nil || switched {
			return err
		}
	}
	return fmt.Errorf("%w: gave up after %d attempts; try again", ErrBusy, attempts)
}

// switchTo runs the script. It says false when another change came first.
func (s *Store) switchTo(ctx context.Context, list string, st state, c change) (bool, error) {
	raw, err := json.Marshal(c.entry)
	if err != nil {
		return false, err
	}
	keys := slices.Concat([]string{keyVersion, keyLists}, c.needed, c.stale)
	reply, err := switchScript.Run(ctx, s.client, keys, st.counter, int64(st.next), list, raw, len(c.needed),
		int(retiredTTL.Seconds())).StringSlice()
	switch {
	case err != nil:
		return false, fmt.Errorf("switching list %s: %w; whether it was done shows in its current version", list, err)
	case len(reply) == 1 && reply[0] == "switched":
		return true, nil
	case len(reply) == 2 && reply[0] == "missing":
		return false, fmt.Errorf("list %s was not changed: %s has gone from Redis meanwhile; a load must be done in %s, "+
			"and maxmemory-policy must be noeviction", list, reply[1], stagedTTL)
	}
	return s.isCurrent(ctx, list, raw)
}

// isCurrent says whether the entry in Redis is already the one we meant to write: a client that lost the reply
// repeats the script, and the repetition meets its own work.
func (s *Store) isCurrent(ctx context.Context, list string, raw []byte) (bool, error) {
	now, err := s.client.HGet(ctx, keyLists, list).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return false, fmt.Errorf("reading list %s from Redis: %w", list, err)
	}
	return now == string(raw), nil
}
