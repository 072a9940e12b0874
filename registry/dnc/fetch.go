package dnc

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"
)

// Listing is one list: the version in force and the one that Rollback would return to, if there is one.
type Listing struct {
	Info
	Previous *Info `json:"previous,omitempty"`
}

// Lists gives every list by name. The error names those whose entry is damaged; the others are given all the same.
func (s *Store) Lists(ctx context.Context) ([]Listing, error) {
	entries, err := readEntries(ctx, s.client)
	if err != nil {
		return nil, err
	}
	lists := make([]Listing, 0, len(entries))
	for _, e := range entries {
		err = errors.Join(err, e.damage)
		if e.Current == nil {
			continue
		}
		l := Listing{Info: e.Current.Info}
		if e.Previous != nil {
			l.Previous = &e.Previous.Info
		}
		lists = append(lists, l)
	}
	slices.SortFunc(lists, func(a, b Listing) int { return cmp.Compare(a.List, b.List) })
	return lists, err
}

// readEntries gives what Redis says of every list, dropped ones included.
func readEntries(ctx context.Context, client redis.UniversalClient) (map[string]entry, error) {
	raw, err := client.HGetAll(ctx, keyLists).Result()
	if err != nil {
		return nil, fmt.Errorf("reading the do-not-call lists from Redis: %w", err)
	}
	entries := make(map[string]entry, len(raw))
	for list, text := range raw {
		entries[list] = readEntry(list, text)
	}
	return entries, nil
}

// Fetch gives the current version of a list, verified.
func (s *Store) Fetch(ctx context.Context, list string) (*Set, Info, error) {
	st, err := s.read(ctx, list)
	if err != nil {
		return nil, Info{}, err
	}
	current, err := st.current(list)
	if err != nil {
		return nil, Info{}, err
	}
	set, _, err := fetch(ctx, s.client, current, nil)
	if err != nil {
		return nil, Info{}, err
	}
	return set, current.Info, nil
}

// fetch reads one version from Redis and verifies every chunk and the whole. Chunks whose sum is in known are taken
// from there.
func fetch(ctx context.Context, client redis.UniversalClient, v version, known map[string]*segment) (*Set, *manifest, error) {
	m, err := readManifest(ctx, client, v)
	if err != nil {
		return nil, nil, err
	}
	segments := make([]*segment, len(m.Chunks))
	for i, ref := range m.Chunks {
		if segments[i] = known[ref.Sum]; segments[i] != nil {
			continue
		}
		if segments[i], err = readChunk(ctx, client, v.List, ref); err != nil {
			return nil, nil, fmt.Errorf("list %s, version %s, chunk %d: %w", v.List, v.Version, i, err)
		}
	}
	for i := 1; i < len(segments); i++ {
		if segments[i-1].lastPrefix() >= segments[i].base {
			return nil, nil, damaged("list %s, version %s: chunk %d overlaps the one before", v.List, v.Version, i)
		}
	}
	set := newSet(segments)
	if set.Len() != v.Numbers {
		return nil, nil, damaged("list %s, version %s holds %d numbers, not %d", v.List, v.Version, set.Len(), v.Numbers)
	}
	return set, m, nil
}

func readManifest(ctx context.Context, client redis.UniversalClient, v version) (*manifest, error) {
	raw, err := client.Get(ctx, manifestKey(v.List, v.ID)).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, damaged("list %s, version %s: its manifest is missing", v.List, v.Version)
	}
	if err != nil {
		return nil, fmt.Errorf("reading list %s from Redis: %w", v.List, err)
	}
	m := &manifest{}
	if err := json.Unmarshal(raw, m); err != nil {
		return nil, damaged("list %s, version %s: its manifest cannot be read: %w", v.List, v.Version, err)
	}
	if err := m.check(v); err != nil {
		return nil, damaged("list %s, version %s: %w", v.List, v.Version, err)
	}
	return m, nil
}

func readChunk(ctx context.Context, client redis.UniversalClient, list string, ref chunkRef) (*segment, error) {
	data, err := client.Get(ctx, chunkKey(list, ref.ID)).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, damaged("it is missing")
	}
	if err != nil {
		return nil, fmt.Errorf("reading it from Redis: %w", err)
	}
	seg, err := ref.open(data)
	if err != nil {
		return nil, damaged("%w", err)
	}
	return seg, nil
}

// damaged is an error that says what to do about a list that cannot be used.
func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %w; load it again or roll it back", ErrDamaged, fmt.Errorf(format, args...))
}
