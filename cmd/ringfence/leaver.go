package main

import (
	"context"
	"fmt"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
	"github.com/ringfence/ringfence/registry/people"
)

// taker is a colleague as an offboarding needs to know them.
func (c *client) taker(rep gate.Rep) (registry.Taker, error) {
	t := registry.Taker{Rep: c.gate.Recognise(rep), Extension: c.extension(rep), Most: c.gate.TermsFor(rep).Holdings}
	if !c.store.People().Loaded() {
		return t, nil
	}
	person, known := c.store.People().Person(rep)
	switch {
	case !known:
		return t, fmt.Errorf("%s is not among the people and cannot take anything over; ringfence rep list shows who is", rep)
	case person.Left:
		return t, fmt.Errorf("%s has left and cannot take anything over", rep)
	}
	t.Team, t.Scope = person.Team, &person.Scope
	return t, nil
}

// setLeft marks a rep as having left, or as back, and says which. It is nil when the rep is not among the people.
func (c *client) setLeft(ctx context.Context, rep gate.Rep, left bool) (*bool, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	known := false
	_, err := c.people().Change(ctx, c.by(), func(b *people.Book) error {
		var person people.Person
		if person, known = b.Reps[rep]; known {
			person.Left = left
			b.Reps[rep] = person
		}
		return nil
	})
	if err != nil || !known {
		return nil, explainPeople(err)
	}
	return &left, nil
}
