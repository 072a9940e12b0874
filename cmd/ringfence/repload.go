package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/cmd/ringfence/peoplefile"
	"github.com/ringfence/ringfence/registry/people"
)

// How much of a file's mistakes and changes a table shows; JSON has all that were kept.
const (
	shownMistakes    = 50
	shownRepsChanged = 100
)

// repLoadOptions are the flags of `rep load`.
type repLoadOptions struct {
	dryRun bool
	as     string
	peoplefile.Options
}

// repLoadReport is what `rep load` prints.
type repLoadReport struct {
	Source    string               `json:"source"`
	Applied   bool                 `json:"applied"`
	DryRun    bool                 `json:"dry_run"`
	Reps      int                  `json:"reps"`  // in the file
	Teams     int                  `json:"teams"` // likewise
	Unchanged int                  `json:"unchanged"`
	Changes   []people.Change      `json:"changes"`
	Mistakes  []peoplefile.Mistake `json:"mistakes"`
}

func (sh *shell) newRepLoadCommand() *cobra.Command {
	var o repLoadOptions
	cmd := &cobra.Command{
		Use: "load FILE", Short: "enter and change many people at once, all of a file or nothing", Args: oneArg("FILE"),
		Long: `Reads people from a CSV or YAML file, "-" with --as for standard input, and enters or changes them: all of it or nothing.
A CSV file names its columns in the first line: id, and any of name, team, extension, identities (parted by blanks),
supervisor, holdings, daily_claims, left. A YAML file has the same fields in a list reps, and a list teams of id, scope
and queue. A field that the file does not have stays as it is; one that is empty there is emptied.

Every mistake is named with its line, and then nothing is changed (exit code 1). Who is not in the file stays; with
--prune it has left: it gets no new call, and what it owns stays owned until rep offboard gives it away.`,
		Example: `  ringfence rep load staff.csv --dry-run
  ringfence rep load staff.yaml --prune
  ssh hr export-staff | ringfence rep load - --as csv --add-teams`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.withClient(cmd.Context(), false, func(ctx context.Context, c *client) error {
				return sh.loadReps(ctx, c, args[0], o)
			})
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.dryRun, "dry-run", false, "only say what would change")
	flags.BoolVar(&o.Prune, "prune", false, "who is not in the file has left")
	flags.BoolVar(&o.AddTeams, "add-teams", false, "make the teams that people are in and that there are not yet")
	flags.StringVar(&o.as, "as", "", "csv or yaml; default: by the file's name")
	return cmd
}

func (sh *shell) loadReps(ctx context.Context, c *client, path string, o repLoadOptions) error {
	input, _, err := sh.open(path)
	if err != nil {
		return err
	}
	defer input.Close()
	report := repLoadReport{Source: filepath.Base(path), DryRun: o.dryRun, Changes: []people.Change{}}
	if path == "-" {
		report.Source = "standard input"
	}
	name := path
	if o.as != "" {
		name = "." + o.as
	}
	file, mistakes := peoplefile.Read(name, interruptibleReader{ctx, input})
	report.Reps, report.Teams = len(file.Reps), len(file.Teams)
	if len(mistakes) == 0 {
		if mistakes, err = c.takeReps(ctx, file, o, &report); err != nil {
			return fmt.Errorf("%s was not loaded: %w", report.Source, err)
		}
	}
	report.Mistakes = append([]peoplefile.Mistake{}, mistakes...)
	if err := sh.print(report, report.table); err != nil {
		return err
	}
	if len(mistakes) > 0 {
		return fmt.Errorf("%s was not loaded: it has %s; correct the file and try again", report.Source, count(len(mistakes), "mistake"))
	}
	return nil
}

// takeReps makes the change that the file is, or finds out what it would be.
func (c *client) takeReps(ctx context.Context, file peoplefile.File, o repLoadOptions, report *repLoadReport) ([]peoplefile.Mistake, error) {
	ctx, cancel := context.WithTimeout(ctx, loadPatience)
	defer cancel()
	edit := func(b *people.Book) error { file.Apply(b, o.Options); return nil }
	store := c.people()
	var changes []people.Change
	var err error
	if o.dryRun {
		var before people.Book
		if before, err = store.Read(ctx); err == nil {
			_, changes, err = store.Try(before, edit)
		}
	} else {
		var out people.Outcome
		out, err = store.Change(ctx, c.by(), edit)
		changes = out.Changes
		report.Applied = err == nil
	}
	if mistakes, ok := errors.AsType[people.Mistakes](err); ok {
		return file.Locate(mistakes), nil
	}
	report.Changes = append(report.Changes, changes...)
	report.Unchanged = file.Unchanged(changes)
	return nil, err
}

// loadPatience is how long a load may take; a hundred thousand people take a few seconds.
const loadPatience = 6 * patience

func (r repLoadReport) table(w io.Writer) {
	for i, m := range r.Mistakes {
		if i == shownMistakes {
			fmt.Fprintf(w, "… and %d more\n", len(r.Mistakes)-shownMistakes)
			break
		}
		fmt.Fprintln(w, strings.Map(printable, m.Error()))
	}
	if len(r.Mistakes) > 0 {
		return
	}
	if len(r.Changes) > 0 {
		row(w, "REP", "TEAM", "CHANGE", "FIELDS")
	}
	for i, c := range r.Changes {
		if i < shownRepsChanged {
			row(w, string(c.Rep), string(c.Team), c.What, strings.TrimPrefix(fieldsText(c.Fields), ": "))
		} else if i == shownRepsChanged {
			row(w, fmt.Sprintf("… and %d more", len(r.Changes)-shownRepsChanged), "", "", "")
		}
	}
	r.summary(w)
}

// summary is the line that says what became of the file.
func (r repLoadReport) summary(w io.Writer) {
	counts := map[string]int{}
	teams := 0
	for _, c := range r.Changes {
		if c.Team != "" {
			teams++
		} else {
			counts[c.What]++
		}
	}
	fmt.Fprintf(w, "%s: %s: %d added, %d changed, %d left, %d returned, %d as they were; %s changed\n",
		r.Source, count(r.Reps, "rep"), counts[people.Added], counts[people.Altered], counts[people.Leaves], counts[people.Returned],
		r.Unchanged, count(teams, "team"))
	if r.DryRun {
		fmt.Fprintln(w, "a dry run: nothing was changed")
	}
}

func (sh *shell) newRepExportCommand() *cobra.Command {
	as := "yaml"
	cmd := &cobra.Command{
		Use: "export", Short: "everybody as a file that rep load takes", Args: cobra.NoArgs,
		Long: `Writes everybody to standard output, leavers too, as a file that rep load takes: YAML with the teams, or CSV without.
Loaded again, it undoes what was changed since.`,
		Example: `  ringfence rep export > staff.yaml
  ringfence rep export --as csv > staff.csv`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			write, known := map[string]func(io.Writer, people.Book) error{"yaml": peoplefile.WriteYAML, "csv": peoplefile.WriteCSV}[as]
			if !known {
				return usagef("--as %q is neither yaml nor csv", clipped(as))
			}
			return sh.withBook(cmd.Context(), func(_ context.Context, _ *client, b people.Book) error { return write(sh.stdout, b) })
		},
	}
	cmd.Flags().StringVar(&as, "as", as, "yaml or csv")
	return cmd
}
