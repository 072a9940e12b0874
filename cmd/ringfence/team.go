package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/people"
)

// teamReport is one team as it is printed.
type teamReport struct {
	Team        gate.Team  `json:"team"`
	Scope       gate.Scope `json:"scope,omitempty"`
	Queue       string     `json:"queue,omitempty"`
	Members     []gate.Rep `json:"members"` // who have not left
	Supervisors []gate.Rep `json:"supervisors,omitempty"`
	Changed     string     `json:"changed,omitempty"` // after a change: added, changed or removed
}

func (sh *shell) newTeamCommand() *cobra.Command {
	cmd := group("team", "groups of reps, what they sell and where they are rung as a whole",
		sh.newTeamAddCommand(),
		sh.newTeamListCommand(),
		sh.newTeamShowCommand(),
		sh.newTeamSetCommand(),
		sh.newTeamRemoveCommand(),
	)
	cmd.Example = `  ringfence team add east --scope loans --queue 700
  ringfence team list`
	return cmd
}

// teamFlags are the flags that describe a team.
type teamFlags struct {
	scope, queue string
	changed      func(flag string) bool
}

func (f *teamFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.scope, "scope", "", "the product line it sells: a number has one owner in each")
	flags.StringVar(&f.queue, "queue", "", "the extension at which the team is rung as a whole")
	f.changed = flags.Changed
}

func (f *teamFlags) change(t *people.Team) {
	if f.changed("scope") {
		t.Scope = gate.Scope(f.scope)
	}
	if f.changed("queue") {
		t.Queue = f.queue
	}
}

func (sh *shell) newTeamAddCommand() *cobra.Command {
	var f teamFlags
	cmd := &cobra.Command{
		Use: "add ID", Short: "make a team", Args: oneArg("ID"),
		Example: "  ringfence team add east\n  ringfence team add cards-west --scope cards --queue 700",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.changeTeam(cmd.Context(), args[0], func(b *people.Book, id gate.Team) error {
				if _, known := b.Teams[id]; known {
					return fmt.Errorf("there is a team %s already; ringfence team set changes it", id)
				}
				var t people.Team
				f.change(&t)
				b.Teams[id] = t
				return nil
			})
		},
	}
	f.register(cmd.Flags())
	return cmd
}

func (sh *shell) newTeamSetCommand() *cobra.Command {
	var f teamFlags
	cmd := &cobra.Command{
		Use: "set ID", Short: "change a team: what is not given stays as it is", Args: oneArg("ID"),
		Long: `Changes a team. With another scope its reps claim in that from the next call on; what they own in the old one stays
owned there, where they no longer ring as its owners.`,
		Example: "  ringfence team set east --queue 701",
		RunE: func(cmd *cobra.Command, args []string) error {
			if !f.changed("scope") && !f.changed("queue") {
				return usagef("nothing was given that is to change")
			}
			return sh.changeTeam(cmd.Context(), args[0], func(b *people.Book, id gate.Team) error {
				t, known := b.Teams[id]
				if !known {
					return noTeam(string(id))
				}
				f.change(&t)
				b.Teams[id] = t
				return nil
			})
		},
	}
	f.register(cmd.Flags())
	return cmd
}

func (sh *shell) newTeamRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "remove ID", Short: "forget a team that nobody is in", Args: oneArg("ID"),
		Example: "  ringfence team remove east",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.changeTeam(cmd.Context(), args[0], func(b *people.Book, id gate.Team) error {
				if _, known := b.Teams[id]; !known {
					return noTeam(string(id))
				}
				for rep, p := range b.Reps {
					if p.Team == id {
						return fmt.Errorf("%s is in the team %s; move everybody first (ringfence rep list --team %s shows them, leavers too)", rep, id, id)
					}
				}
				delete(b.Teams, id)
				return nil
			})
		},
	}
}

func (sh *shell) newTeamListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "all teams", Args: cobra.NoArgs, Example: "  ringfence team list --output json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.withBook(cmd.Context(), func(_ context.Context, _ *client, b people.Book) error {
				reports := []teamReport{}
				for _, id := range slices.Sorted(maps.Keys(b.Teams)) {
					reports = append(reports, teamReportOf(b, id))
				}
				return sh.printTeams(reports, reports)
			})
		},
	}
}

func (sh *shell) newTeamShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "one team and who is in it", Args: oneArg("ID"), Example: "  ringfence team show east",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.withBook(cmd.Context(), func(_ context.Context, _ *client, b people.Book) error {
				id := gate.Team(args[0])
				if _, known := b.Teams[id]; !known {
					return noTeam(args[0])
				}
				report := teamReportOf(b, id)
				return sh.print(report, func(w io.Writer) {
					for _, line := range [][2]string{
						{"team", string(report.Team)},
						{"scope", string(report.Scope)},
						{"queue", report.Queue},
						{"supervisors", reps(report.Supervisors)},
						{"members", reps(report.Members)},
					} {
						row(w, line[0], line[1])
					}
				})
			})
		},
	}
}

// changeTeam makes a change to one team and prints what it is then.
func (sh *shell) changeTeam(ctx context.Context, id string, edit func(b *people.Book, id gate.Team) error) error {
	if why := gate.CheckWord(id); why != "" {
		return usagef("%q cannot be a team's id: %s", clipped(id), why)
	}
	return sh.withClient(ctx, false, func(ctx context.Context, c *client) error {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		var after people.Book
		out, err := c.people().Change(ctx, c.by(), func(b *people.Book) error {
			after = *b
			return edit(b, gate.Team(id))
		})
		if err != nil {
			return explainPeople(err)
		}
		report := teamReportOf(after, gate.Team(id))
		for _, change := range out.Changes {
			report.Changed = change.What
		}
		return sh.printTeams(report, []teamReport{report})
	})
}

func teamReportOf(b people.Book, id gate.Team) teamReport {
	t := b.Teams[id]
	return teamReport{
		Team: id, Scope: t.Scope, Queue: t.Queue,
		Members: append([]gate.Rep{}, b.Members(id)...), Supervisors: b.Supervisors(id),
	}
}

func (sh *shell) printTeams(value any, rows []teamReport) error {
	return sh.print(value, func(w io.Writer) {
		if len(rows) == 0 {
			fmt.Fprintln(w, "there are no teams")
			return
		}
		row(w, "TEAM", "SCOPE", "QUEUE", "MEMBERS", "SUPERVISORS", "CHANGE")
		for _, r := range rows {
			row(w, string(r.Team), string(r.Scope), r.Queue, strconv.Itoa(len(r.Members)), reps(r.Supervisors), r.Changed)
		}
	})
}

func reps(all []gate.Rep) string {
	texts := make([]string, len(all))
	for i, rep := range all {
		texts[i] = string(rep)
	}
	return strings.Join(texts, " ")
}
