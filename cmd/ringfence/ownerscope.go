package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// scopeFlag is --scope: the product line that a command is about.
type scopeFlag struct {
	text string
	flag *cobra.Command
}

func (s *scopeFlag) register(cmd *cobra.Command, byDefault string) {
	s.flag = cmd
	cmd.Flags().StringVar(&s.text, "scope", "", "product line it is about; default: "+byDefault)
}

func (s *scopeFlag) given() bool { return s.flag.Flags().Changed("scope") }

// or is the scope that was given, else the other.
func (s *scopeFlag) or(other gate.Scope) gate.Scope {
	if s.given() {
		return gate.Scope(s.text)
	}
	return other
}

// owned is the scope that was given, else the only one in which the number is owned.
func (s *scopeFlag) owned(ctx context.Context, c *client, n gate.Number) (gate.Scope, error) {
	if s.given() {
		return gate.Scope(s.text), nil
	}
	holdings, err := c.store.Holdings(ctx, n)
	if err != nil {
		return "", err
	}
	var owned []string
	for _, h := range holdings {
		if h.Owner != "" {
			owned = append(owned, string(h.Scope))
		}
	}
	switch len(owned) {
	case 0:
		return "", nil
	case 1:
		return gate.Scope(owned[0]), nil
	}
	return "", usagef(`%s is owned in the scopes %q; say which one is meant with --scope (--scope "" is the company's one)`, n.Masked(), owned)
}

// withOwned is withNumber for a command that changes an ownership in one scope, and prints what became of it.
func (sh *shell) withOwned(
	ctx context.Context, text string, scope *scopeFlag,
	change func(context.Context, *client, gate.Number, gate.Scope) (ownerReport, error),
) error {
	return sh.withNumber(ctx, text, func(ctx context.Context, c *client, n gate.Number) error {
		in, err := scope.owned(ctx, c, n)
		if err != nil {
			return err
		}
		report, err := change(ctx, c, n, in)
		if err != nil {
			return explainNotOwned(n, in, err)
		}
		return sh.printOwner(report)
	})
}

func explainNotOwned(n gate.Number, scope gate.Scope, err error) error {
	if !errors.Is(err, registry.ErrNotOwned) {
		return err
	}
	in := ""
	if scope != "" {
		in = fmt.Sprintf(" in the scope %s", scope)
	}
	return fmt.Errorf("nobody owns %s%s; to give it an owner use ringfence owner claim", n.Masked(), in)
}

// person is the rep under the id by which the company knows it, and what else it knows.
func (c *client) person(rep gate.Rep) (gate.Rep, gate.Person) {
	rep = c.gate.Recognise(rep)
	person, _ := c.gate.Person(rep)
	return rep, person
}

func checkLevel(level string) error {
	if level == "" {
		return nil
	}
	if err := gate.CheckLevel(level); err != nil {
		return usagef("--level: %w", err)
	}
	return nil
}
