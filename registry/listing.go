package registry

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// Addition is a number that was put on a do-not-call list by itself. It acts at once, without a new version of the list.
type Addition struct {
	Number gate.Number
	List   string
	By     string
	Note   string
	At     time.Time
}

// ErrNotListed means that a number is not among the single additions to a list; it may still be in the list's bulk.
var ErrNotListed = errors.New("this number was not added to that list by itself")

// AddListed puts one number on a list. Adding it again renews the note.
func (s *Store) AddListed(ctx context.Context, list string, n gate.Number, text string) error {
	if list == "" {
		return errors.New("the list has no name")
	}
	_, err := s.changeListing(ctx, n, "add", list, text)
	return err
}

// RemoveListed takes a single addition back; ErrNotListed when there is none.
func (s *Store) RemoveListed(ctx context.Context, list string, n gate.Number) error {
	st, err := s.changeListing(ctx, n, "remove", list, "")
	if err == nil && st.outcome != "done" {
		return ErrNotListed
	}
	return err
}

func (s *Store) changeListing(ctx context.Context, n gate.Number, action, list, text string) (state, error) {
	k := keysOf(n.Digits())
	return s.state(ctx, n, listingScript, []string{k.number(), k.stream(), k.listed()},
		action, identity(list), note(text), k.digits, identity(s.operator), adminFields(k.digits), milliseconds(s.keep))
}

// Listings are the single additions of a number.
func (s *Store) Listings(ctx context.Context, n gate.Number) ([]Addition, error) {
	st, err := s.state(ctx, n, holdingScript, []string{keysOf(n.Digits()).number()})
	return st.additions(n), err
}

// Additions walks over every single addition, bucket by bucket, without an order. It stops at the first error.
func (s *Store) Additions(ctx context.Context) iter.Seq2[Addition, error] {
	return func(yield func(Addition, error) bool) {
		s.walk(ctx, numberKeys.listed, "-inf", func(st state, n gate.Number, _ string, err error) bool {
			if err != nil {
				return yield(Addition{}, err)
			}
			for _, a := range st.additions(n) {
				if !yield(a, nil) {
					return false
				}
			}
			return true
		})
	}
}
