package people

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ringfence/ringfence/gate"
)

const (
	// attempts is how often a Book is read or a change made anew when others come first.
	attempts = 20
	// page is how many fields Redis hands out or takes at once: so many that a decision that waits for it is still quick.
	page = 500
	// few is how many entries one script changes; more are staged beside what they replace.
	few = 200
	// mostChanges bounds the stream of changes: what people did, for people to read.
	mostChanges = 20_000
)

// What the caller may want to tell apart.
var (
	ErrBusy    = errors.New("the people are being changed by others all the time")
	ErrDamaged = errors.New("the people are damaged in Redis")
)

// Mistakes are why a change was not made.
type Mistakes []Mistake

func (m Mistakes) Error() string {
	const shown = 5
	var lines []string
	for i, mistake := range m {
		if i == shown {
			lines = append(lines, fmt.Sprintf("and %d more", len(m)-shown))
			break
		}
		lines = append(lines, mistake.Error())
	}
	return strings.Join(lines, "; ")
}

// Store reads and changes the people in Redis. It is safe for concurrent use.
type Store struct {
	client redis.UniversalClient
	rung   func(extension string) bool
}

// NewStore makes a Store. rung says whether an extension can be rung; nil when that is not known.
func NewStore(client redis.UniversalClient, rung func(extension string) bool) *Store {
	return &Store{client: client, rung: rung}
}

//go:embed change.lua
var changeSource string

var changeScript = redis.NewScript(changeSource)

// Outcome is what a change did.
type Outcome struct {
	Version string
	Changes []Change
}

// Change has edit change a Book and writes that back as one change by somebody: all of it or nothing. When another change
// came first, edit is called again with the Book after it. An error of edit's is returned as it is. What cannot be is
// returned as Mistakes.
func (s *Store) Change(ctx context.Context, by string, edit func(*Book) error) (Outcome, error) {
	for range attempts {
		before, now, err := s.read(ctx)
		if err != nil {
			return Outcome{}, err
		}
		after, changes, err := s.Try(before, edit)
		if err != nil || len(changes) == 0 {
			return Outcome{before.Version, nil}, err
		}
		version, err := s.write(ctx, write{before: before, after: after, changes: changes, by: by, at: now})
		if err != nil || version != "" {
			return Outcome{version, changes}, err
		}
	}
	return Outcome{}, fmt.Errorf("%w: gave up after %d attempts; try again", ErrBusy, attempts)
}

// Try is Change without the writing: what edit would do to a Book.
func (s *Store) Try(before Book, edit func(*Book) error) (after Book, changes []Change, err error) {
	after = before.Clone()
	if err := edit(&after); err != nil {
		return after, nil, err
	}
	changes = Diff(before, after)
	if mistakes := after.Check(before, s.rung); len(mistakes) > 0 && len(changes) > 0 {
		return after, nil, Mistakes(mistakes)
	}
	return after, changes, nil
}

// Read is everybody now.
func (s *Store) Read(ctx context.Context) (Book, error) {
	b, _, err := s.read(ctx)
	return b, err
}

// read reads page by page, and anew when somebody made a change meanwhile. now is the server's clock.
func (s *Store) read(ctx context.Context) (b Book, now time.Time, err error) {
	for range attempts {
		pipe := s.client.Pipeline()
		version, clock := pipe.Get(ctx, keyVersion), pipe.Time(ctx)
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return b, now, fmt.Errorf("reading the people from Redis: %w", err)
		}
		b = NewBook()
		b.Version = version.Val()
		if err := readHash(ctx, s.client, keyReps, b.Reps); err != nil {
			return b, now, err
		}
		if err := readHash(ctx, s.client, keyTeams, b.Teams); err != nil {
			return b, now, err
		}
		again, err := s.client.Get(ctx, keyVersion).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return b, now, fmt.Errorf("reading the people from Redis: %w", err)
		}
		if again == b.Version {
			return b, clock.Val(), nil
		}
	}
	return b, now, fmt.Errorf("%w: reading them took %d attempts; try again", ErrBusy, attempts)
}

func readHash[K ~string, V any](ctx context.Context, client redis.UniversalClient, key string, into map[K]V) error {
	for cursor := uint64(0); ; {
		fields, next, err := client.HScan(ctx, key, cursor, "", page).Result()
		if err != nil {
			return fmt.Errorf("reading the people from Redis: %w", err)
		}
		for i := 0; i+1 < len(fields); i += 2 {
			var v V
			if err := json.Unmarshal([]byte(fields[i+1]), &v); err != nil {
				return fmt.Errorf("%w: field %.64q of %s cannot be read: %w", ErrDamaged, fields[i], key, err)
			}
			into[K(fields[i])] = v
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// write is one change on its way.
type write struct {
	before, after Book
	changes       []Change
	by            string
	at            time.Time
}

// write runs the script. It returns "" when another change came first.
func (s *Store) write(ctx context.Context, w write) (version string, err error) {
	keys := []string{keyVersion, keyReps, keyTeams, keyChanges}
	args := []any{w.before.Version, w.by, mostChanges}
	told := w.changes
	if len(w.changes) > few {
		staged, err := s.stage(ctx, w)
		if err != nil {
			return "", err
		}
		defer s.client.Unlink(context.WithoutCancel(ctx), staged) // gone already when all went well
		keys, told = append(keys, staged), nil
		args = append(args, w.entries(func(c Change) bool { return c.Rep == "" })...)
	} else {
		args = append(args, w.entries(func(Change) bool { return true })...)
	}
	for _, c := range told {
		args = append(args, c.text())
	}
	switch version, err = changeScript.Run(ctx, s.client, keys, args...).Text(); {
	case err != nil:
		return "", fmt.Errorf("changing the people: %w; whether it was done shows in ringfence rep list", err)
	case version == "conflict":
		return "", nil
	case version == "missing":
		return "", fmt.Errorf("the people were not changed: what was staged has gone from Redis meanwhile; " +
			"maxmemory-policy must be noeviction")
	}
	if told == nil {
		err = s.tell(ctx, w, version)
	}
	return version, err
}

// entries are the script's: how many, and each of those that fit.
func (w write) entries(fits func(Change) bool) []any {
	n, args := 0, []any{0}
	for _, c := range w.changes {
		if !fits(c) {
			continue
		}
		n++
		if c.Rep != "" {
			args = append(args, "r", string(c.Rep), w.person(c.Rep))
		} else {
			args = append(args, "t", string(c.Team), w.team(c.Team))
		}
	}
	args[0] = n
	return args
}

// person is the rep's entry after the change; "" when there is none any more.
func (w write) person(rep gate.Rep) string {
	p, ok := w.after.Reps[rep]
	if !ok {
		return ""
	}
	p.ChangedAt, p.ChangedBy = w.at.UnixMilli(), w.by
	return entry(p)
}

func (w write) team(id gate.Team) string {
	t, ok := w.after.Teams[id]
	if !ok {
		return ""
	}
	return entry(t)
}

func entry(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic("people: an entry cannot be written as JSON: " + err.Error()) // it is texts, numbers and booleans
	}
	return string(text)
}

// Log is a change that was made.
type Log struct {
	Time   time.Time
	By     string
	Change Change
}

// Changes are the last changes of one person or team, the newest first; it looks through the last few thousand.
func (s *Store) Changes(ctx context.Context, rep gate.Rep, team gate.Team, most int) ([]Log, error) {
	const through = 5000
	found, end := []Log{}, "+"
	for read := 0; read < through && len(found) < most; read += page {
		entries, err := s.client.XRevRangeN(ctx, keyChanges, end, "-", page).Result()
		if err != nil {
			return nil, fmt.Errorf("reading the changes of the people from Redis: %w", err)
		}
		for _, e := range entries {
			if l, ok := logOf(e); ok && l.Change.Rep == rep && l.Change.Team == team {
				found = append(found, l)
			}
		}
		if len(entries) < page {
			break
		}
		end = before(entries[len(entries)-1].ID)
	}
	return slices.Clip(found[:min(most, len(found))]), nil
}

// ErrNobody says that a rep is not among the people.
var ErrNobody = errors.New("this rep is not among the people")

// SetLeft says that a rep has left, or is back: within two seconds no gate takes a new call of a leaver's. Calls that are
// up go on, and what the rep owns stays owned. It is ErrNobody when the rep was never entered.
func (s *Store) SetLeft(ctx context.Context, by string, rep gate.Rep, left bool) error {
	_, err := s.Change(ctx, by, func(b *Book) error {
		p, ok := b.Reps[rep]
		if !ok {
			return ErrNobody
		}
		p.Left = left
		b.Reps[rep] = p
		return nil
	})
	return err
}
