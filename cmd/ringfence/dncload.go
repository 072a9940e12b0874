package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/registry/dnc"
)

// shownProblems is how many unreadable lines are shown; JSON has up to 1,000.
const shownProblems = 20

// loadOptions are the flags of `dnc load`.
type loadOptions struct {
	list, column                  string
	dryRun, force, skipUnreadable bool
}

// loadReport is what `dnc load` prints.
type loadReport struct {
	List       string        `json:"list"`
	Source     string        `json:"source"`
	Applied    bool          `json:"applied"`
	DryRun     bool          `json:"dry_run"`
	Version    string        `json:"version,omitempty"` // of the list as it is now, when applied
	Lines      int           `json:"lines"`
	Numbers    int           `json:"numbers"` // different ones
	Duplicates int           `json:"duplicates"`
	Unreadable int           `json:"unreadable"`
	Problems   []dnc.Problem `json:"problems"`          // the first 1,000 unreadable lines
	Added      *int          `json:"added,omitempty"`   // dry run: against the version in force
	Removed    *int          `json:"removed,omitempty"` // likewise
	Refused    string        `json:"refused,omitempty"` // dry run: why a load would be refused
	Seconds    float64       `json:"seconds"`
}

func (sh *shell) newDNCLoadCommand() *cobra.Command {
	var o loadOptions
	cmd := &cobra.Command{
		Use: "load FILE --list NAME", Short: "make a file the new version of a list", Args: oneArg("FILE"),
		Long: `Reads a text or CSV file, plain or gzip, "-" for standard input: one number a line, or one in a column of each line, in
any spelling that a rep could dial. The file becomes the list: what is not in it is no longer listed. Every gate has it
within two seconds, all of it or nothing; dnc rollback returns to the version before.

Lines that cannot be read are shown with number and reason, and then nothing is loaded (exit code 1), since a list with
holes lets calls out. --skip-unreadable loads the others all the same. A list that would be empty or shrink by more than
a tenth is refused as well, as a file cut off on its way would look like that; --force says that it is meant.`,
		Example: `  ringfence dnc load national.txt --list national
  ringfence dnc load customers.csv --list optout --column phone --dry-run
  zcat lines.gz | ringfence dnc load - --list national --skip-unreadable`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.withClient(cmd.Context(), false, func(ctx context.Context, c *client) error {
				return sh.loadList(ctx, c, args[0], o)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.list, "list", "", "name of the list")
	flags.StringVar(&o.column, "column", "", "CSV: name of the column in the header line, or its position from 1; default: the first")
	flags.BoolVar(&o.dryRun, "dry-run", false, "only say what would change")
	flags.BoolVar(&o.force, "force", false, "load a list that is empty or much smaller than the one in force")
	flags.BoolVar(&o.skipUnreadable, "skip-unreadable", false, "load the readable lines although others are not")
	_ = cmd.MarkFlagRequired("list")
	return cmd
}

func (sh *shell) loadList(ctx context.Context, c *client, path string, o loadOptions) error {
	start := time.Now()
	file, size, err := sh.open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	source := filepath.Base(path)
	if path == "-" {
		source = "standard input"
	}
	reading, err := sh.readList(ctx, c, file, size, o)
	if err != nil {
		return fmt.Errorf("%s was not loaded: %w", source, err)
	}
	report := loadReport{
		List: o.list, Source: source, DryRun: o.dryRun,
		Lines: reading.Lines, Numbers: reading.Set.Len(), Duplicates: reading.Duplicates,
		Unreadable: reading.Unreadable, Problems: append([]dnc.Problem{}, reading.Problems...),
	}
	lists := dnc.NewStore(c.store.Client())
	holes := reading.Unreadable > 0 && !o.skipUnreadable
	switch {
	case o.dryRun:
		err = report.dryRun(ctx, lists, reading.Set)
	case !holes:
		err = sh.apply(ctx, lists, &report, reading.Set, o, c.meta(source))
	}
	if err != nil {
		return fmt.Errorf("the list %s stays as it is: %w", o.list, err)
	}
	report.Seconds = time.Since(start).Round(time.Millisecond).Seconds()
	if err := sh.print(report, report.table); err != nil {
		return err
	}
	if holes || o.dryRun && report.Refused != "" && !o.force {
		return sh.refuseLoad(report, holes)
	}
	return nil
}

// refuseLoad ends a load that was not or would not be carried out.
func (sh *shell) refuseLoad(r loadReport, holes bool) error {
	would := "was not loaded"
	if r.DryRun {
		would = "would not be loaded"
	}
	if holes {
		return fmt.Errorf("%s %s: %s cannot be read; correct them, or load the others with --skip-unreadable",
			r.Source, would, count(r.Unreadable, "line"))
	}
	return fmt.Errorf("%s %s: %s; use --force if that is meant", r.Source, would, r.Refused)
}

// open gives the file and its size, -1 when that is not known.
func (sh *shell) open(path string) (io.ReadCloser, int64, error) {
	if path == "-" {
		return io.NopCloser(sh.stdin), -1, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("the list cannot be read: %w", err)
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return file, -1, nil
	}
	return file, info.Size(), nil
}

func (sh *shell) readList(ctx context.Context, c *client, file io.Reader, size int64, o loadOptions) (*dnc.Reading, error) {
	bar := sh.progress("reading", size, true)
	defer bar.finish()
	return dnc.Read(interruptibleReader{ctx, file}, dnc.ReadOptions{
		Normalise: c.gate.Number, Column: o.column, Progress: bar.at,
	})
}

// interruptibleReader stops a long reading when the operator has had enough.
type interruptibleReader struct {
	ctx context.Context
	io.Reader
}

func (r interruptibleReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, errors.New("interrupted")
	}
	return r.Reader.Read(p)
}

func (sh *shell) apply(ctx context.Context, lists *dnc.Store, r *loadReport, set *dnc.Set, o loadOptions, meta dnc.Meta) error {
	bar := sh.progress("writing", -1, false)
	version, err := lists.Load(ctx, o.list, set, meta, dnc.LoadOptions{Force: o.force, Progress: bar.of})
	bar.finish()
	if err != nil {
		return err
	}
	r.Applied, r.Version = true, version.String()
	return nil
}

func (r *loadReport) dryRun(ctx context.Context, lists *dnc.Store, set *dnc.Set) error {
	diff, err := lists.DryRun(ctx, r.List, set)
	if err != nil {
		return err
	}
	r.Added, r.Removed = &diff.Added, &diff.Removed
	if diff.Refused != nil {
		r.Refused = diff.Refused.Error()
	}
	return nil
}

func (r loadReport) table(w io.Writer) {
	for i, p := range r.Problems {
		if i == shownProblems {
			fmt.Fprintf(w, "… and %d more unreadable lines\n", r.Unreadable-shownProblems)
			break
		}
		fmt.Fprintf(w, "line %d: %s: %s\n", p.Line, strings.Map(printable, p.Text), p.Why)
	}
	fmt.Fprintf(w, "%s: %d lines, %d numbers, %d duplicates, %d unreadable\n", r.Source, r.Lines, r.Numbers, r.Duplicates, r.Unreadable)
	switch {
	case r.DryRun:
		fmt.Fprintf(w, "%s would gain %d and lose %d numbers; nothing was changed\n", r.List, *r.Added, *r.Removed)
	case r.Applied:
		fmt.Fprintf(w, "%s is at version %s with %d numbers (%.1f s)\n", r.List, r.Version, r.Numbers, r.Seconds)
	}
}

// meta says who changes a list and from what.
func (c *client) meta(source string) dnc.Meta {
	by := "unknown"
	if u, err := user.Current(); err == nil {
		by = u.Username
	}
	return dnc.Meta{By: by, Source: source}
}
