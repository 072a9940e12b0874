package dnc

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ringfence/ringfence/gate"
)

// Add puts one number on a list that has been loaded. It reads and writes the one chunk concerned, and says false when
// the number was on the list already. Rollback still returns to the version before the last load.
func (s *Store) Add(ctx context.Context, list string, n gate.Number, meta Meta) (Version, bool, error) {
	return s.edit(ctx, list, n, true, meta)
}

// Remove takes one number off a list, as Add puts it on. It says false when the number was not on the list.
func (s *Store) Remove(ctx context.Context, list string, n gate.Number, meta Meta) (Version, bool, error) {
	return s.edit(ctx, list, n, false, meta)
}

var errUnchanged = errors.New("unchanged")

func (s *Store) edit(ctx context.Context, list string, number gate.Number, listed bool, meta Meta) (Version, bool, error) {
	n, ok := Pack(number.Digits())
	if !ok {
		return 0, false, fmt.Errorf("%s is no E.164 number", number.Masked())
	}
	var made Version
	err := s.change(ctx, list, func(st state) (change, error) {
		current, err := st.current(list)
		if err != nil {
			return change{}, err
		}
		made = current.Version
		m, err := s.editChunk(ctx, current, n, listed)
		if err != nil {
			return change{}, err
		}
		made = st.next
		m.Version, m.By = st.next, meta.By
		m.Edits++
		return s.replace(ctx, *m, st.entry.Previous, &current)
	})
	if errors.Is(err, errUnchanged) {
		return made, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	return made, true, nil
}

// editChunk stages the chunk that n belongs to as it is after the edit, and gives the manifest that holds it.
func (s *Store) editChunk(ctx context.Context, v version, n uint64, listed bool) (*manifest, error) {
	m, err := readManifest(ctx, s.client, v)
	if err != nil {
		return nil, err
	}
	at, after := m.chunkOf(n), 0 // the chunks at to after are replaced: one, or none while the list is empty
	var seg *segment
	if len(m.Chunks) > 0 {
		after = at + 1
		if seg, err = readChunk(ctx, s.client, v.List, m.Chunks[at]); err != nil {
			return nil, fmt.Errorf("list %s, version %s, chunk %d: %w", v.List, v.Version, at, err)
		}
	}
	edited, changed := seg.edit(n, listed)
	if !changed {
		return nil, errUnchanged
	}
	id := newID()
	var refs []chunkRef
	for i, seg := range edited {
		ref, err := s.stageChunk(ctx, v.List, seg, chunkID(id, i))
		if err != nil {
			return nil, err
		}
		refs = append(refs, ref)
	}
	m.Chunks = slices.Replace(m.Chunks, at, after, refs...)
	return m, nil
}

// chunkOf is the chunk that holds n, or would: the last that begins at or below it, else the first.
func (m *manifest) chunkOf(n uint64) int {
	i, found := slices.BinarySearchFunc(m.Chunks, prefixOf(n), func(c chunkRef, prefix uint64) int {
		switch {
		case c.First < prefix:
			return -1
		case c.First > prefix:
			return 1
		}
		return 0
	})
	if !found {
		i = max(i-1, 0)
	}
	return i
}

// edit gives the segment with or without n: none when nothing is left, two when it has outgrown a chunk. The receiver
// may be nil and is not changed.
func (s *segment) edit(n uint64, listed bool) ([]*segment, bool) {
	before := &Set{}
	if s != nil {
		before = newSet([]*segment{s})
	}
	if before.Has(n) == listed {
		return nil, false
	}
	one := fromSorted([]uint64{n})
	after := edited(before, one, listed, maxChunk)
	if len(after) > 1 {
		// In halves, so that the next number does not make it outgrow a chunk again.
		after = edited(before, one, listed, maxChunk/2+2*bitmapWords)
	}
	return after, true
}

// edited is before with the number of one, or without it, laid out in segments of so many bytes.
func edited(before, one *Set, listed bool, size int) []*segment {
	l := layout{limit: size}
	var rests, other, result []uint16
	for p := range pairs(before, one) {
		rests, other = p.a.appendRests(rests[:0]), p.b.appendRests(other[:0])
		if listed {
			result = unionRests(result[:0], rests, other)
		} else {
			result = slices.DeleteFunc(append(result[:0], rests...), func(rest uint16) bool { return slices.Contains(other, rest) })
		}
		if len(result) > 0 {
			l.add(p.prefix, result)
		}
	}
	return l.set().segments
}
