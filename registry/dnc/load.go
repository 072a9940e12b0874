package dnc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// maxShrink is the part of a list that a load may take away without Force: 1 in 10. A file cut off on its way would
// else let calls out.
const maxShrink = 10

// LoadOptions govern a load.
type LoadOptions struct {
	Force    bool                  // let an empty or much smaller list replace the current one
	Progress func(done, total int) // chunks written; may be nil
}

// Load makes set the current version of a list, new or not. The version it replaces is kept for Rollback; the one that
// was kept until now expires. When a load is refused, fails or is killed, the list stays as it was.
func (s *Store) Load(ctx context.Context, list string, set *Set, meta Meta, opts LoadOptions) (Version, error) {
	var chunks []chunkRef // staged by the first attempt, used by all
	var made Version
	err := s.change(ctx, list, func(st state) (c change, err error) {
		if err := guard(list, st.entry.Current, set.Len()); err != nil && !opts.Force {
			return c, fmt.Errorf("%w; check the file, then load it with --force if that is meant", err)
		}
		if chunks == nil {
			if chunks, err = s.stageSet(ctx, list, set, opts.Progress); err != nil {
				return c, err
			}
		}
		m := manifest{
			Info:   Info{List: list, Version: st.next, Loaded: st.next, By: meta.By, Source: meta.Source},
			Chunks: chunks,
		}
		made = st.next
		return s.replace(ctx, m, st.entry.Current, st.entry.Previous)
	})
	if err != nil {
		return 0, err
	}
	return made, nil
}

// guard refuses a list that is empty or has shrunk too much.
func guard(list string, current *version, numbers int) error {
	switch {
	case numbers == 0:
		return fmt.Errorf("%w: the new version of list %s is empty", ErrGuard, list)
	case current != nil && current.Numbers-numbers > current.Numbers/maxShrink:
		return fmt.Errorf("%w: list %s would shrink from %d to %d numbers, by more than 1 in %d", ErrGuard, list,
			current.Numbers, numbers, maxShrink)
	}
	return nil
}

// Diff is what a load would change.
type Diff struct {
	Current *Info // nil when there is no such list yet
	Added   int
	Removed int
	Refused error // why Load would refuse it without Force; nil when it would not
}

// DryRun says what loading set would change. It changes nothing.
func (s *Store) DryRun(ctx context.Context, list string, set *Set) (Diff, error) {
	current, info, err := s.Fetch(ctx, list)
	if errors.Is(err, ErrNoList) {
		return Diff{Added: set.Len(), Refused: guard(list, nil, set.Len())}, nil
	}
	if err != nil {
		return Diff{}, err
	}
	d := Diff{Current: &info, Refused: guard(list, &version{Info: info}, set.Len())}
	d.Added, d.Removed = compare(current, set)
	return d, nil
}

// stageSet writes a set's chunks. They expire unless a change makes them live on.
func (s *Store) stageSet(ctx context.Context, list string, set *Set, progress func(done, total int)) ([]chunkRef, error) {
	load := newID()
	refs := make([]chunkRef, 0, len(set.segments))
	for i, seg := range set.segments {
		ref, err := s.stageChunk(ctx, list, seg, chunkID(load, i))
		if err != nil {
			return nil, err
		}
		refs = append(refs, ref)
		if progress != nil {
			progress(i+1, len(set.segments))
		}
	}
	return refs, nil
}

func (s *Store) stageChunk(ctx context.Context, list string, seg *segment, id string) (chunkRef, error) {
	data := seg.encode()
	if err := s.stage(ctx, chunkKey(list, id), data); err != nil {
		return chunkRef{}, fmt.Errorf("writing a chunk of list %s to Redis: %w", list, err)
	}
	return chunkRef{ID: id, Numbers: seg.count, Bytes: len(data), First: seg.base, Sum: sumOf(data)}, nil
}

// stage writes a key of our own that expires. It never writes over one: the repetition of a write that was thought
// lost must not give an expiry back to a key that has come into use.
func (s *Store) stage(ctx context.Context, key string, data []byte) error {
	return s.client.SetNX(ctx, key, data, stagedTTL).Err()
}

// replace stages m and gives the change that makes it current, with previous kept and retired given up.
func (s *Store) replace(ctx context.Context, m manifest, previous, retired *version) (change, error) {
	m.ID = newID() // of its own for each attempt: nobody knows whether a lost one was not carried out after all
	m.total()
	raw, err := json.Marshal(m)
	if err != nil {
		return change{}, err
	}
	if err := s.stage(ctx, manifestKey(m.List, m.ID), raw); err != nil {
		return change{}, fmt.Errorf("writing the manifest of list %s to Redis: %w", m.List, err)
	}
	c := change{entry: entry{Current: &version{Info: m.Info, ID: m.ID}, Previous: previous}, needed: m.keys()}
	c.stale, err = s.stale(ctx, retired, c.needed, previous)
	return c, err
}

// keys are all that the version needs.
func (m *manifest) keys() []string {
	keys := make([]string, 0, 1+len(m.Chunks))
	keys = append(keys, manifestKey(m.List, m.ID))
	for _, c := range m.Chunks {
		keys = append(keys, chunkKey(m.List, c.ID))
	}
	return keys
}

// stale are the keys of retired that neither needed nor kept has use for.
func (s *Store) stale(ctx context.Context, retired *version, needed []string, kept *version) ([]string, error) {
	keys, err := s.keysOf(ctx, retired)
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	keep, err := s.keysOf(ctx, kept)
	if err != nil {
		return nil, err
	}
	inUse := make(map[string]bool, len(needed)+len(keep))
	for _, key := range append(keep, needed...) {
		inUse[key] = true
	}
	unused := keys[:0]
	for _, key := range keys {
		if !inUse[key] {
			unused = append(unused, key)
		}
	}
	return unused, nil
}

// keysOf gives the keys of a version; none when there is no version. One that is damaged gives none either: a damaged
// list must be replaceable, and what may be left of it is better kept than guessed at.
func (s *Store) keysOf(ctx context.Context, v *version) ([]string, error) {
	if v == nil {
		return nil, nil
	}
	m, err := readManifest(ctx, s.client, *v)
	if errors.Is(err, ErrDamaged) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return m.keys(), nil
}
