package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/people"
)

// repReport is one person as it is printed.
type repReport struct {
	Rep         gate.Rep    `json:"rep"`
	Name        string      `json:"name,omitempty"`
	Team        gate.Team   `json:"team,omitempty"`
	Scope       gate.Scope  `json:"scope,omitempty"` // its team's
	Extension   string      `json:"extension,omitempty"`
	Identities  []string    `json:"identities,omitempty"`
	Supervisor  bool        `json:"supervisor,omitempty"`
	Holdings    int         `json:"holdings,omitempty"`
	DailyClaims int         `json:"daily_claims,omitempty"`
	Left        bool        `json:"left,omitempty"`
	ChangedAt   *time.Time  `json:"changed_at,omitempty"`
	ChangedBy   string      `json:"changed_by,omitempty"`
	Changed     string      `json:"changed,omitempty"` // after a change: added, changed, left, returned or removed
	Changes     []logReport `json:"changes,omitempty"` // rep show: the last few, the newest first
}

// logReport is a change that was made to a person.
type logReport struct {
	Time   time.Time            `json:"time"`
	By     string               `json:"by"`
	What   string               `json:"change"`
	Fields []people.FieldChange `json:"fields,omitempty"`
}

func (sh *shell) newRepCommand() *cobra.Command {
	cmd := group("rep", "people who dial",
		sh.newRepAddCommand(),
		sh.newRepListCommand(),
		sh.newRepShowCommand(),
		sh.newRepSetCommand(),
		sh.newRepRemoveCommand(),
		sh.newRepLoadCommand(),
		sh.newRepExportCommand(),
		sh.newRepPasswordCommand(),
		sh.newRepOffboardCommand(),
	)
	cmd.Long = `People who dial. While nobody is entered, everybody who can be known is taken as they come. Once somebody is,
rules.unknown_rep says what becomes of the others. Every gate knows of a change within two seconds.`
	cmd.Example = `  ringfence rep add 201 --name "Zhang Wei" --team east
  ringfence rep load staff.csv --dry-run
  ringfence rep list --team east`
	return cmd
}

// people is the store of those who work here, whose extensions must be ones that can be rung.
func (c *client) people() *people.Store {
	var rung func(string) bool
	if c.cfg.SIP.Extensions.Pattern != "" {
		rung = func(extension string) bool { return c.gate.Read("sip", extension, nil).Kind == gate.Extension }
	}
	return people.NewStore(c.store.Client(), rung)
}

// by is who changes the people.
func (c *client) by() string { return c.meta("").By }

func (sh *shell) newRepListCommand() *cobra.Command {
	var team string
	cmd := &cobra.Command{
		Use: "list", Short: "everybody who is entered, leavers too", Args: cobra.NoArgs,
		Example: `  ringfence rep list
  ringfence rep list --team east --output json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.withBook(cmd.Context(), func(_ context.Context, _ *client, b people.Book) error {
				if _, known := b.Teams[gate.Team(team)]; team != "" && !known {
					return noTeam(team)
				}
				reports := []repReport{}
				for _, id := range slices.Sorted(maps.Keys(b.Reps)) {
					if team == "" || b.Reps[id].Team == gate.Team(team) {
						reports = append(reports, repReportOf(b, id))
					}
				}
				return sh.printReps(reports, reports)
			})
		},
	}
	cmd.Flags().StringVar(&team, "team", "", "only those of this team")
	return cmd
}

// shownChanges is how many changes rep show tells of.
const shownChanges = 10

func (sh *shell) newRepShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "one person, by id or by any other identity, and who changed what of it lately",
		Args: oneArg("ID"), Example: "  ringfence rep show 201\n  ringfence rep show zhang.wei --output json",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.withBook(cmd.Context(), func(ctx context.Context, c *client, b people.Book) error {
				id, known := b.Find(args[0])
				if !known {
					return noRep(args[0])
				}
				report := repReportOf(b, id)
				log, err := c.people().Changes(ctx, id, "", shownChanges)
				if err != nil {
					return err
				}
				for _, l := range log {
					report.Changes = append(report.Changes, logReport{l.Time.UTC().Truncate(time.Millisecond), l.By, l.Change.What, l.Change.Fields})
				}
				return sh.print(report, func(w io.Writer) { showRep(w, report) })
			})
		},
	}
}

// withBook is withClient for a command that only looks at the people.
func (sh *shell) withBook(ctx context.Context, use func(context.Context, *client, people.Book) error) error {
	return sh.withClient(ctx, false, func(ctx context.Context, c *client) error {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		b, err := c.people().Read(ctx)
		if err != nil {
			return err
		}
		return use(ctx, c, b)
	})
}

func noRep(id string) error {
	return fmt.Errorf("%q is not among the people; ringfence rep list shows them, ringfence rep add enters one", clipped(id))
}

func noTeam(id string) error {
	return fmt.Errorf("there is no team %q; ringfence team list shows them, ringfence team add makes one", clipped(id))
}

// explainPeople says what an operator can do about a change that was not made.
func explainPeople(err error) error {
	if _, ok := errors.AsType[people.Mistakes](err); ok {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	return err
}

func repReportOf(b people.Book, id gate.Rep) repReport {
	p := b.Reps[id]
	return repReport{
		Rep: id, Name: p.Name, Team: p.Team, Scope: b.Teams[p.Team].Scope, Extension: p.Extension, Identities: p.Identities,
		Supervisor: p.Supervisor, Holdings: p.Holdings, DailyClaims: p.DailyClaims, Left: p.Left,
		ChangedAt: timeOf(p.Changed()), ChangedBy: p.ChangedBy,
	}
}

func (sh *shell) printReps(value any, rows []repReport) error {
	return sh.print(value, func(w io.Writer) {
		if len(rows) == 0 {
			fmt.Fprintln(w, "nobody is entered")
			return
		}
		row(w, "REP", "NAME", "TEAM", "SCOPE", "EXTENSION", "IDENTITIES", "HOLDINGS", "DAILY CLAIMS", "NOTE")
		for _, r := range rows {
			row(w, string(r.Rep), r.Name, string(r.Team), string(r.Scope), r.Extension, strings.Join(r.Identities, " "),
				quotaCell(r.Holdings), quotaCell(r.DailyClaims), noteOf(r))
		}
	})
}

// noteOf is what is out of the ordinary about a person.
func noteOf(r repReport) string {
	var notes []string
	if r.Supervisor {
		notes = append(notes, "supervisor")
	}
	if r.Changed != "" {
		notes = append(notes, r.Changed)
	} else if r.Left {
		notes = append(notes, "has left")
	}
	return strings.Join(notes, ", ")
}

// quotaCell: a person without a quota of its own has the rule's.
func quotaCell(n int) string {
	if n == 0 {
		return "by rule"
	}
	return strconv.Itoa(n)
}

func showRep(w io.Writer, r repReport) {
	for _, line := range [][2]string{
		{"rep", string(r.Rep)},
		{"name", r.Name},
		{"team", string(r.Team)},
		{"scope", string(r.Scope)},
		{"extension", r.Extension},
		{"identities", strings.Join(r.Identities, " ")},
		{"holdings", quotaCell(r.Holdings)},
		{"daily claims", quotaCell(r.DailyClaims)},
		{"note", noteOf(r)},
	} {
		row(w, line[0], line[1])
	}
	for _, l := range r.Changes {
		row(w, timeCell(l.Time), l.What+" by "+l.By+fieldsText(l.Fields))
	}
}

// fieldsText is what changed, in words.
func fieldsText(fields []people.FieldChange) string {
	var texts []string
	for _, f := range fields {
		texts = append(texts, fmt.Sprintf("%s %q → %q", f.Field, f.Before, f.After))
	}
	if len(texts) == 0 {
		return ""
	}
	return ": " + strings.Join(texts, ", ")
}
