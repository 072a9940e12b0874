package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
	"github.com/ringfence/ringfence/registry/shadow"
)

// shadowReport is what `report shadow` prints.
type shadowReport struct {
	Since         time.Time       `json:"since"`
	Calls         int             `json:"calls"`          // decisions on outside numbers
	WouldBlock    int             `json:"would_block"`    // watched calls, by what would have become of them
	WouldRedirect int             `json:"would_redirect"` //
	Owned         int             `json:"owned"`          // of them to a number that somebody else owned
	InFlight      int             `json:"in_flight"`      // of them to a number that somebody else was ringing
	Answered      int             `json:"answered"`       // of them
	Talk          int64           `json:"talk_seconds"`
	Reasons       []shadowCount   `json:"by_reason"`
	Reps          []shadowCount   `json:"by_rep"`
	Teams         []shadowCount   `json:"by_team"`
	Days          []shadowCount   `json:"by_day"`
	Numbers       []shadowNumbers `json:"numbers"`
	Broken        int             `json:"unreadable,omitempty"`
}

type shadowCount struct {
	Name          string `json:"name"`
	WouldBlock    int    `json:"would_block"`
	WouldRedirect int    `json:"would_redirect"`
	Answered      int    `json:"answered"`
	Talk          int64  `json:"talk_seconds"`
}

type shadowNumbers struct {
	Number string `json:"number"` // masked
	Calls  int    `json:"calls"`
	Reps   int    `json:"reps"`
}

func (sh *shell) newReportCommand() *cobra.Command {
	cmd := group("report", "what the records add up to", sh.newReportShadowCommand())
	cmd.Example = "  ringfence report shadow --since 7d --by rep"
	return cmd
}

func (sh *shell) newReportShadowCommand() *cobra.Command {
	since := sinceFlag()
	by := "reason"
	cmd := &cobra.Command{
		Use: "shadow", Short: "what the rules would have done that are only watched", Args: cobra.NoArgs,
		Long: `What enforcing the rules would have done that are only watched (rules.shadow): the calls that would have been blocked or
redirected, by reason, rep, team or day, and whether they were answered. Numbers are masked. Reads every record since then.`,
		Example: `  ringfence report shadow
  ringfence report shadow --since 1d --by rep
  ringfence report shadow --output json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, known := shadowTables[by]; !known {
				return usagef("--by %q is not one of reason, rep, team, day", by)
			}
			return sh.withClient(cmd.Context(), false, func(ctx context.Context, c *client) error {
				return sh.reportShadow(ctx, c, time.Now().Add(-since.value.Std()), by)
			})
		},
	}
	cmd.Flags().Var(&since, "since", "how far to look back")
	cmd.Flags().StringVar(&by, "by", by, "what the table adds up by: reason, rep, team or day")
	return cmd
}

// sinceFlag looks a week back unless told otherwise.
func sinceFlag() durationFlag {
	return durationFlag{value: gate.Duration(7 * 24 * time.Hour), given: true}
}

func (sh *shell) reportShadow(ctx context.Context, c *client, since time.Time, by string) error {
	policy := c.cfg.Policy()
	place, err := policy.Place()
	if err != nil {
		return err
	}
	report := shadow.New(c.store.People(), place)
	if err := sh.readRecords(ctx, c, since, report.Add); err != nil {
		return err
	}
	out := shadowReportOf(since, report)
	return sh.print(out, func(w io.Writer) { shadowTable(w, out, by) })
}

// readRecords reads all records since then, with a progress bar.
func (sh *shell) readRecords(ctx context.Context, c *client, since time.Time, each func(registry.Page) error) error {
	bar := sh.progress("buckets of records", registry.Buckets, false)
	defer bar.finish()
	done := 0
	return c.store.Records(ctx, since, func(p registry.Page) error {
		if p.Last {
			done++
			bar.of(done, registry.Buckets)
		}
		return each(p)
	})
}

func shadowReportOf(since time.Time, r *shadow.Report) shadowReport {
	out := shadowReport{
		Since: since.UTC().Truncate(time.Second), Calls: r.Decisions,
		WouldBlock: r.Total.Block, WouldRedirect: r.Total.Redirect, Owned: r.Owned, InFlight: r.InFlight,
		Answered: r.Total.Answered, Talk: int64(r.Total.Talk / time.Second), Broken: r.Broken,
		Reasons: shadowCounts(r.Reasons()), Reps: shadowCounts(r.Reps()), Teams: shadowCounts(r.Teams()), Days: shadowCounts(r.Days()),
		Numbers: []shadowNumbers{},
	}
	for _, n := range r.Numbers {
		out.Numbers = append(out.Numbers, shadowNumbers{n.Number.Masked(), n.Calls, n.Reps})
	}
	return out
}

func shadowCounts(named []shadow.Named) []shadowCount {
	counts := make([]shadowCount, len(named))
	for i, n := range named {
		counts[i] = shadowCount{n.Name, n.Block, n.Redirect, n.Answered, int64(n.Talk / time.Second)}
	}
	return counts
}

// shadowTables are what --by chooses from.
var shadowTables = map[string]func(*shadowReport) []shadowCount{
	"reason": func(r *shadowReport) []shadowCount { return r.Reasons },
	"rep":    func(r *shadowReport) []shadowCount { return r.Reps },
	"team":   func(r *shadowReport) []shadowCount { return r.Teams },
	"day":    func(r *shadowReport) []shadowCount { return r.Days },
}

func shadowTable(w io.Writer, r shadowReport, by string) {
	fmt.Fprintf(w, "Of %s since %s, enforcing would have blocked %d and redirected %d.\n",
		count(r.Calls, "call"), timeCell(r.Since), r.WouldBlock, r.WouldRedirect)
	fmt.Fprintf(w, "Collisions avoided: %d (%d on a colleague's customer, %d beside a colleague's call). Answered all the same: %d, %s of talk.\n",
		r.Owned+r.InFlight, r.Owned, r.InFlight, r.Answered, time.Duration(r.Talk)*time.Second)
	if r.Broken > 0 {
		fmt.Fprintf(w, "%s could not be read and are left out: a newer release wrote them.\n", count(r.Broken, "record"))
	}
	heads := map[string]string{"reason": "REASON", "rep": "REP", "team": "TEAM", "day": "DAY"}
	fmt.Fprintln(w)
	row(w, heads[by], "WOULD BLOCK", "WOULD REDIRECT", "ANSWERED", "TALK")
	for _, c := range shadowTables[by](&r) {
		row(w, c.Name, strconv.Itoa(c.WouldBlock), strconv.Itoa(c.WouldRedirect), strconv.Itoa(c.Answered),
			(time.Duration(c.Talk) * time.Second).String())
	}
	if len(r.Numbers) == 0 {
		return
	}
	fmt.Fprintln(w)
	row(w, "NUMBER", "CALLS", "REPS")
	for _, n := range r.Numbers {
		row(w, n.Number, strconv.Itoa(n.Calls), strconv.Itoa(n.Reps))
	}
}
