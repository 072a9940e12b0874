package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// poolEntry is a number in the pool as it is printed.
type poolEntry struct {
	Number      gate.Number `json:"number"`
	Scope       gate.Scope  `json:"scope"` // "" is the company's one
	Since       *time.Time  `json:"since"`
	Why         string      `json:"why"`
	Before      gate.Rep    `json:"before,omitempty"`       // who owned it last
	BarredUntil *time.Time  `json:"barred_until,omitempty"` // when that rep may claim it again
	Level       string      `json:"level,omitempty"`
}

// poolListing is what pool list prints.
type poolListing struct {
	Total   int         `json:"total"` // that fit what was asked for
	Entries []poolEntry `json:"numbers"`
}

func (sh *shell) newPoolCommand() *cobra.Command {
	cmd := group("pool", "numbers that were owned and no longer are",
		sh.newPoolListCommand(),
		sh.newPoolClaimCommand(),
		sh.newPoolWarnCommand(),
		sh.newPoolPreviewCommand(),
		sh.newPoolStatsCommand(),
	)
	cmd.Example = `  ringfence pool list --why no_contact
  ringfence pool claim +12125550100 --rep 204
  ringfence pool warn --within 3d
  ringfence --config new.yaml pool preview`
	return cmd
}

// poolFilter is which numbers a command is about.
type poolFilter struct {
	scope, why string
	scoped     bool // a scope was given, be it ""
	limit      int
}

func (f poolFilter) fits(h registry.Holding) bool {
	return (!f.scoped || h.Scope == gate.Scope(f.scope)) && (f.why == "" || h.Pool.Why == f.why)
}

func (sh *shell) newPoolListCommand() *cobra.Command {
	var filter poolFilter
	cmd := &cobra.Command{
		Use: "list", Short: "what is in the pool, the newest first", Args: cobra.NoArgs,
		Long: `What is in the pool: numbers whose owner's protection has ended, or who gave them back or left. Anybody may claim
them, by ringfence pool claim or simply by calling, but the previous owner only once rules.pool.bar has passed.`,
		Example: `  ringfence pool list
  ringfence pool list --scope loans --why no_contact --limit 0 --output json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			filter.scoped = cmd.Flags().Changed("scope")
			if err := filter.validate(); err != nil {
				return err
			}
			return sh.withClient(cmd.Context(), false, func(ctx context.Context, c *client) error {
				report, err := listPool(ctx, c.store, filter)
				if err != nil {
					return err
				}
				return sh.print(report, func(w io.Writer) { printPool(w, report) })
			})
		},
	}
	cmd.Flags().StringVar(&filter.scope, "scope", "", "only of this scope; default: of all")
	cmd.Flags().StringVar(&filter.why, "why", "", "only what came there for this: "+strings.Join(registry.PoolReasons, ", "))
	cmd.Flags().IntVar(&filter.limit, "limit", 100, "at most so many; 0: all")
	return cmd
}

func (f poolFilter) validate() error {
	if f.why != "" && !slices.Contains(registry.PoolReasons, f.why) {
		return usagef("--why %q is not one of %s", f.why, strings.Join(registry.PoolReasons, ", "))
	}
	if f.limit < 0 {
		return usagef("--limit %d: give a number above zero, or 0 for all", f.limit)
	}
	return nil
}

// listPool keeps the newest in mind as it walks, and never many more than are asked for.
func listPool(ctx context.Context, s *registry.Store, f poolFilter) (poolListing, error) {
	newest := func(a, b registry.Holding) int {
		return cmp.Or(b.Pool.Since.Compare(a.Pool.Since), cmp.Compare(a.Number, b.Number), cmp.Compare(a.Scope, b.Scope))
	}
	var kept []registry.Holding
	total := 0
	trim := func() {
		slices.SortFunc(kept, newest)
		if f.limit > 0 && len(kept) > f.limit {
			kept = kept[:f.limit]
		}
	}
	for h, err := range s.InPool(ctx) {
		if err != nil {
			return poolListing{}, fmt.Errorf("after %s the rest could not be read: %w", count(total, "number"), err)
		}
		if !f.fits(h) {
			continue
		}
		total++
		if kept = append(kept, h); f.limit > 0 && len(kept) >= 2*f.limit+1000 {
			trim()
		}
	}
	trim()
	report := poolListing{Total: total, Entries: make([]poolEntry, len(kept))}
	for i, h := range kept {
		report.Entries[i] = poolEntry{
			Number: h.Number, Scope: h.Scope, Since: timeOf(h.Pool.Since), Why: h.Pool.Why,
			Before: h.Pool.Barred, BarredUntil: timeOf(h.Pool.BarredUntil), Level: h.Level,
		}
	}
	return report, nil
}

func printPool(w io.Writer, report poolListing) {
	if report.Total == 0 {
		fmt.Fprintln(w, "no such number is in the pool")
		return
	}
	row(w, "NUMBER", "SCOPE", "SINCE", "WHY", "BEFORE", "BARRED UNTIL", "LEVEL")
	for _, e := range report.Entries {
		row(w, string(e.Number), string(e.Scope), cellOf(e.Since), e.Why, string(e.Before), cellOf(e.BarredUntil), e.Level)
	}
	if more := report.Total - len(report.Entries); more > 0 {
		fmt.Fprintf(w, "and %d more; --limit 0 shows all\n", more)
	}
}

// poolStats is what pool stats prints.
type poolStats struct {
	At           *time.Time `json:"at"`          // when a gate last looked; null when none has
	Numbers      int        `json:"numbers"`     // in the pool
	Owned        int        `json:"owned"`       // owned, or waiting to be moved
	LagSeconds   int64      `json:"lag_seconds"` // for how long the oldest of those waits
	RulesChanged *time.Time `json:"rules_changed"`
	RulesApplied int        `json:"rules_applied_percent"`
}

func (sh *shell) newPoolStatsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "stats", Short: "how full the pool is, and whether the gates keep up", Args: cobra.NoArgs,
		Long: `What the gate whose turn it is found when it last looked after the pool, at most seconds ago: how many numbers are in
the pool and how many owned, how late it is with moving them, and how far changed rules have been applied.`,
		Example: "  ringfence pool stats --output json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.withClient(cmd.Context(), false, func(ctx context.Context, c *client) error {
				ctx, cancel := context.WithTimeout(ctx, patience)
				defer cancel()
				st, err := c.store.PoolState(ctx)
				if err != nil {
					return err
				}
				return sh.printStats(st)
			})
		},
	}
}

func (sh *shell) printStats(st registry.PoolState) error {
	s := poolStats{
		At: timeOf(st.At), Numbers: st.Size, Owned: st.Owned, LagSeconds: seconds(st.Lag),
		RulesChanged: timeOf(st.Rules.Changed), RulesApplied: 100,
	}
	if !st.Rules.Changed.IsZero() {
		s.RulesApplied = st.Rules.Percent()
	}
	return sh.print(s, func(w io.Writer) {
		if s.At == nil {
			fmt.Fprintln(w, "no gate has looked after the pool yet; ringfence serve does")
			return
		}
		row(w, "LOOKED", "IN THE POOL", "OWNED", "LATE BY", "RULES CHANGED", "APPLIED")
		row(w, cellOf(s.At), strconv.Itoa(s.Numbers), strconv.Itoa(s.Owned), gate.Duration(st.Lag.Truncate(time.Second)).String(),
			cellOf(s.RulesChanged), strconv.Itoa(s.RulesApplied)+" %")
	})
}
