package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// disputeLimit is how many records of a number are read: all that the registry can name.
const disputeLimit = 1000

// disputeFlags are what is asked.
type disputeFlags struct {
	scope, at, page string
	language        string
}

func (sh *shell) newDisputeCommand() *cobra.Command {
	var f disputeFlags
	cmd := &cobra.Command{
		Use: "dispute NUMBER", Short: "who did what for a customer, and how the result divides by the rule of that day",
		Long: `Settles a quarrel over a customer: who spoke with the customer first, every answered call with its talk time, who owned the
number when and why, what shares were agreed on beforehand, refusals and passes; then how the result divides by the
rules that held on the day of the result (rules.division and the agreements of that day), and which rule says so.

The day of the result is --at, else the day on which a deal was marked as closed (owner deal), else now. What came later
does not count. Records older than records.keep are gone and cannot be shown.`,
		Example: `  ringfence dispute +12125550100
  ringfence dispute +12125550100 --at 2026-11-01 --output json
  ringfence dispute +12125550100 --page quarrel.html --language zh`,
		Args: oneArg("NUMBER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.withNumber(cmd.Context(), args[0], func(ctx context.Context, c *client, n gate.Number) error {
				return sh.dispute(ctx, c, n, f)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.scope, "scope", "", "the product line in which the number is owned; default: the company's one")
	flags.StringVar(&f.at, "at", "", "when the result came: 2026-11-01, 2026-11-01T15:04:05Z")
	flags.StringVar(&f.page, "page", "", "write a page to print (HTML) to this file, - for standard output")
	flags.StringVar(&f.language, "language", "", "en or zh; default: language of the configuration")
	return cmd
}

func (sh *shell) dispute(ctx context.Context, c *client, n gate.Number, f disputeFlags) error {
	words, err := disputeWordsOf(f.language, c.cfg.Language)
	if err != nil {
		return err
	}
	at, err := timeArgument(f.at)
	if err != nil {
		return err
	}
	records, err := c.store.History(ctx, n, disputeLimit)
	if err != nil && len(records) == 0 {
		return err
	}
	if err != nil {
		fmt.Fprintf(sh.stderr, "some records cannot be read and are left out: %v\n", err)
	}
	slices.Reverse(records)
	rules, err := rulesOf(ctx, c, at, records, gate.Scope(f.scope))
	if err != nil {
		return err
	}
	report := disputeReportOf(n, gate.Scope(f.scope), records, rules)
	if f.page != "" {
		return sh.writePage(f.page, report, words)
	}
	return sh.print(report, func(w io.Writer) { report.table(w, words) })
}

// timeArgument reads a day, its end meant, or an instant; "" is the zero time.
func timeArgument(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, time.Local); err == nil {
		return day.AddDate(0, 0, 1).Add(-time.Nanosecond), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, usagef("--at %q is no time; write it like 2026-11-01 or 2026-11-01T15:04:05+08:00", text)
	}
	return at, nil
}

// ruleOfTheDay is what a result is divided by.
type ruleOfTheDay struct {
	at      time.Time
	rules   gate.Rules
	version string
	known   bool // the rules of that day are known; else those of the configuration stand in
}

// rulesOf finds the day of the result and the rules that held then.
func rulesOf(ctx context.Context, c *client, at time.Time, records []registry.Record, scope gate.Scope) (ruleOfTheDay, error) {
	story := registry.CaseOf(records, scope)
	if at.IsZero() {
		at = story.Deal
	}
	if at.IsZero() {
		at = time.Now()
	}
	now := c.cfg.Rules
	day := ruleOfTheDay{at: at, rules: now, version: story.PolicyAt(at)}
	if day.version == "" || day.version == now.Version() {
		day.version, day.known = now.Version(), true
		return day, nil
	}
	then, err := c.rulesOfVersion(ctx, day.version)
	if errors.Is(err, registry.ErrNoPolicy) {
		return day, nil
	}
	if err == nil {
		day.rules, day.known = then, true
	}
	return day, err
}

// writePage writes the page to a file that only its owner can read.
func (sh *shell) writePage(file string, report disputeReport, words disputeWords) error {
	if file == "-" {
		return report.page(sh.stdout, words)
	}
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) // it names people
	if err != nil {
		return fmt.Errorf("the page cannot be written: %w", err)
	}
	if err := errors.Join(report.page(out, words), out.Close()); err != nil {
		return fmt.Errorf("the page %s was not written whole: %w", file, err)
	}
	fmt.Fprintf(sh.stdout, "%s\n", file)
	return nil
}

// rulesOfVersion are the rules of a version as its gates held them; registry.ErrNoPolicy when none told the registry of
// it. What an older release did not know of is as it is by default.
func (c *client) rulesOfVersion(ctx context.Context, version string) (gate.Rules, error) {
	rules := gate.Defaults(c.cfg.Region).Rules
	p, err := c.store.Policy(ctx, version)
	if err != nil {
		return rules, err
	}
	kept := struct{ Rules *gate.Rules }{&rules}
	if err := yaml.Unmarshal([]byte(p.Rules), &kept); err != nil {
		return rules, fmt.Errorf("the rules of %s, which held on that day, cannot be read: %w", version, err)
	}
	return rules, nil
}
