package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
	"github.com/ringfence/ringfence/registry/people"
)

// personFlags are the flags that describe a person.
type personFlags struct {
	person  people.Person
	team    string
	drop    []string // rep set: identities to take away
	changed func(flag string) bool
}

func (f *personFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.person.Name, "name", "", "the person's name")
	flags.StringVar(&f.team, "team", "", "the team it belongs to")
	flags.StringVar(&f.person.Extension, "extension", "", "where it is rung; default: the id, when that fits sip.extensions.pattern")
	flags.StringArrayVar(&f.person.Identities, "identity", nil, "what a phone of this person calls itself (digest user, certificate name, asserted user); may be repeated")
	flags.BoolVar(&f.person.Supervisor, "supervisor", false, "supervises its team")
	flags.IntVar(&f.person.Holdings, "holdings", 0, "most numbers it may hold; 0: what the rules say")
	flags.IntVar(&f.person.DailyClaims, "daily-claims", 0, "most numbers it may claim in a day; 0: what the rules say")
	f.changed = flags.Changed
}

// change puts into p what the flags say; what they do not say stays.
func (f *personFlags) change(p *people.Person) {
	for flag, set := range map[string]func(){
		"name":         func() { p.Name = strings.TrimSpace(f.person.Name) },
		"team":         func() { p.Team = gate.Team(f.team) },
		"extension":    func() { p.Extension = f.person.Extension },
		"supervisor":   func() { p.Supervisor = f.person.Supervisor },
		"holdings":     func() { p.Holdings = f.person.Holdings },
		"daily-claims": func() { p.DailyClaims = f.person.DailyClaims },
		"left":         func() { p.Left = f.person.Left },
	} {
		if f.changed(flag) {
			set()
		}
	}
	kept := slices.DeleteFunc(slices.Clone(p.Identities), func(i string) bool { return slices.Contains(f.drop, i) })
	p.Identities = append(kept, f.person.Identities...)
}

func (sh *shell) newRepAddCommand() *cobra.Command {
	var f personFlags
	cmd := &cobra.Command{
		Use: "add ID", Short: "enter a person", Args: oneArg("ID"),
		Long: `Enters a person. The id is what everything is kept under: choose one that stays, such as the personnel number. What a
phone calls itself may be the id, the extension, or any --identity.`,
		Example: `  ringfence rep add 201 --name "Zhang Wei" --team east
  ringfence rep add zhang --extension 201 --identity zhang.wei@example.com --supervisor --holdings 300`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.changeRep(cmd.Context(), args[0], func(b *people.Book, id gate.Rep) error {
				if _, known := b.Reps[id]; known {
					return fmt.Errorf("%s is among the people already; ringfence rep set changes it", id)
				}
				var p people.Person
				f.change(&p)
				b.Reps[id] = p
				return nil
			})
		},
	}
	f.register(cmd.Flags())
	return cmd
}

func (sh *shell) newRepSetCommand() *cobra.Command {
	var f personFlags
	cmd := &cobra.Command{
		Use: "set ID", Short: "change a person: what is not given stays as it is", Args: oneArg("ID"),
		Long: `Changes a person. --identity adds one, --drop-identity takes one away. With --left the person gets no new call, at any
gate, within two seconds; calls that are up go on, and what it owns stays owned (rep offboard gives that away as well).
--left=false: it is back.`,
		Example: `  ringfence rep set 201 --team west
  ringfence rep set 201 --identity zhang.wei@example.com --drop-identity zhang
  ringfence rep set 201 --holdings 0 --supervisor=false`,
		RunE: func(cmd *cobra.Command, args []string) error {
			given := false
			cmd.LocalNonPersistentFlags().VisitAll(func(flag *pflag.Flag) { given = given || flag.Changed })
			if !given {
				return usagef("nothing was given that is to change")
			}
			return sh.changeRep(cmd.Context(), args[0], func(b *people.Book, id gate.Rep) error {
				p, known := b.Reps[id]
				if !known {
					return noRep(string(id))
				}
				if gone := missing(f.drop, p.Identities); gone != "" {
					return fmt.Errorf("%s has no identity %q", id, clipped(gone))
				}
				f.change(&p)
				b.Reps[id] = p
				return nil
			})
		},
	}
	f.register(cmd.Flags())
	cmd.Flags().StringArrayVar(&f.drop, "drop-identity", nil, "take an identity away; may be repeated")
	cmd.Flags().BoolVar(&f.person.Left, "left", false, "it works here no longer: it gets no new call")
	return cmd
}

// missing is the first of wanted that is not in all.
func missing(wanted, all []string) string {
	for _, w := range wanted {
		if !slices.Contains(all, w) {
			return w
		}
	}
	return ""
}

func (sh *shell) newRepRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "remove ID", Short: "forget a person who owns nothing, and its passwords", Args: oneArg("ID"),
		Long: `Forgets a person who owns nothing, and the passwords of its id and identities. Somebody who owns numbers is offboarded
first, which gives them to others or to the pool.`,
		Example: "  ringfence rep remove 201",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.withClient(cmd.Context(), false, func(ctx context.Context, c *client) error {
				return sh.removeRep(ctx, c, gate.Rep(args[0]))
			})
		},
	}
}

func (sh *shell) removeRep(ctx context.Context, c *client, id gate.Rep) error {
	holds, err := c.store.Holds(ctx, id)
	if err != nil {
		return err
	}
	if holds {
		return fmt.Errorf("%s owns numbers; give them away first with ringfence rep offboard, which also keeps it from calling", id)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var report repReport
	_, err = c.people().Change(ctx, c.by(), func(b *people.Book) error {
		if _, known := b.Reps[id]; !known {
			return noRep(string(id))
		}
		report = repReportOf(*b, id)
		delete(b.Reps, id)
		return nil
	})
	if err != nil {
		return explainPeople(err)
	}
	for _, user := range append([]string{string(id)}, report.Identities...) {
		if err := c.store.RemovePassword(ctx, gate.Rep(user)); err != nil && !errors.Is(err, registry.ErrNoPassword) {
			return fmt.Errorf("%s was removed, but maybe not its password: %w; see ringfence rep password --remove", id, err)
		}
	}
	report.Changed = people.Removed
	return sh.printReps(report, []repReport{report})
}

// changeRep makes a change to one person and prints what it is then.
func (sh *shell) changeRep(ctx context.Context, id string, edit func(b *people.Book, id gate.Rep) error) error {
	if why := gate.CheckWord(id); why != "" {
		return usagef("%q cannot be a rep's id: %s", clipped(id), why)
	}
	return sh.withClient(ctx, false, func(ctx context.Context, c *client) error {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		var after people.Book
		out, err := c.people().Change(ctx, c.by(), func(b *people.Book) error {
			after = *b
			return edit(b, gate.Rep(id))
		})
		if err != nil {
			return explainPeople(err)
		}
		report := repReportOf(after, gate.Rep(id))
		for _, change := range out.Changes {
			if change.Rep == gate.Rep(id) {
				report.Changed = change.What
			}
		}
		return sh.printReps(report, []repReport{report})
	})
}
