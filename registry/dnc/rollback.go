package dnc

import (
	"context"
	"errors"
	"fmt"
)

// Rollback makes the version before the last load current again, as it was; single edits made since are not in it.
// What was current is kept in its place: a second Rollback takes the first back.
func (s *Store) Rollback(ctx context.Context, list string) (Info, error) {
	var info Info
	err := s.change(ctx, list, func(st state) (change, error) {
		if _, err := st.current(list); err != nil {
			return change{}, err
		}
		if st.entry.Previous == nil {
			return change{}, fmt.Errorf("list %s: %w: it has been loaded once only", list, ErrNoPrevious)
		}
		m, err := readManifest(ctx, s.client, *st.entry.Previous)
		if err != nil {
			return change{}, err
		}
		info = m.Info
		back := entry{Current: st.entry.Previous, Previous: st.entry.Current}
		return change{entry: back, needed: m.keys()}, nil
	})
	if err != nil {
		return Info{}, err
	}
	return info, nil
}

// Drop takes a list away, with its previous version. Gates forget it at once.
func (s *Store) Drop(ctx context.Context, list string) error {
	return s.change(ctx, list, func(st state) (change, error) {
		if _, err := st.current(list); errors.Is(err, ErrNoList) {
			return change{}, err
		}
		var c change
		for _, v := range []*version{st.entry.Current, st.entry.Previous} {
			keys, err := s.keysOf(ctx, v)
			if err != nil {
				return change{}, err
			}
			c.stale = append(c.stale, keys...)
		}
		return c, nil
	})
}
