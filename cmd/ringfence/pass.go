package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// passReport is a pass as it is printed.
type passReport struct {
	ID      string      `json:"id"`
	Rep     gate.Rep    `json:"rep"`
	Number  gate.Number `json:"number"`
	Until   *time.Time  `json:"until,omitempty"`
	Reason  string      `json:"reason"`
	By      string      `json:"by"`
	Sealed  bool        `json:"sealed"`            // its PIN was not dialled yet
	PIN     string      `json:"pin,omitempty"`     // grant --pin only: it is shown this once
	Changed string      `json:"changed,omitempty"` // granted or revoked
}

func passReportOf(p registry.Pass) passReport {
	return passReport{ID: p.ID, Rep: p.Rep, Number: p.Number, Until: timeOf(p.Until), Reason: p.Reason, By: p.By, Sealed: p.Sealed}
}

func (sh *shell) newPassCommand() *cobra.Command {
	cmd := group("pass", "one call of one rep to one number that may go out all the same",
		sh.newPassGrantCommand(), sh.newPassListCommand(), sh.newPassRevokeCommand())
	cmd.Example = `  ringfence pass grant --rep 202 --number +12125550100 --reason "customer asked for Li Na" --for 10m
  ringfence pass list
  ringfence pass revoke --rep 202 --number +12125550100`
	return cmd
}

// defaultPass is how long a pass is good for that does not say.
const defaultPass = gate.Duration(10 * time.Minute)

func (sh *shell) newPassGrantCommand() *cobra.Command {
	var rep, number, reason string
	var pin bool
	lasts := durationFlag{value: defaultPass, given: true}
	cmd := &cobra.Command{
		Use: "grant --rep ID --number NUMBER --reason TEXT", Short: "let a rep ring a number once, within minutes",
		Long: `Lets a rep ring a number once, though a rule of rules.pass.over says no: somebody else's customer, or one who refused. A
do-not-call list is never passed. The pass is used up by the next call that needs it, or ends with --for. A rep has one pass to a
number: a new one replaces the old.

With --pin it is good only once the rep has dialled its PIN (sip.codes.pass, such as *86*PIN*NUMBER), within a minute then: for a
rep at a phone that others use too. After five wrong PINs it is gone.`,
		Example: `  ringfence pass grant --rep 202 --number +12125550100 --reason "customer asked for Li Na"
  ringfence pass grant --rep 202 --number +12125550100 --reason "call back at 14:00" --for 2h --pin`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			who, err := repOf(rep)
			if err != nil {
				return err
			}
			if reason == "" {
				return usagef("--reason is empty: whoever looks at the records later wants to know why")
			}
			return sh.withNumber(cmd.Context(), number, func(ctx context.Context, c *client, n gate.Number) error {
				if most := c.cfg.Rules.Pass.Most; lasts.value > most {
					return fmt.Errorf("--for %s is longer than a pass may be good for (rules.pass.most: %s)", lasts.value, most)
				}
				return sh.grantPass(ctx, c, registry.Pass{Rep: who, Number: n, For: lasts.value.Std(), Reason: reason}, pin)
			})
		},
	}
	cmd.Flags().StringVar(&rep, "rep", "", "id of the rep who may call")
	cmd.Flags().StringVar(&number, "number", "", "the number that may be rung")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the records")
	cmd.Flags().Var(&lasts, "for", "how long it is good; at most rules.pass.most")
	cmd.Flags().BoolVar(&pin, "pin", false, "make up a PIN that the rep has to dial first, and print it, this once")
	for _, name := range []string{"rep", "number", "reason"} {
		_ = cmd.MarkFlagRequired(name)
	}
	return cmd
}

func (sh *shell) grantPass(ctx context.Context, c *client, p registry.Pass, withPIN bool) error {
	var pin string
	var granted registry.Pass
	var err error
	if withPIN {
		pin = registry.NewPIN()
		granted, err = c.store.GrantSealed(ctx, p, pin)
	} else {
		granted, err = c.store.GrantPass(ctx, p)
	}
	if err != nil {
		return err
	}
	report := passReportOf(granted)
	report.PIN, report.Changed = pin, "granted"
	return sh.printPasses(report, []passReport{report})
}

func (sh *shell) newPassListCommand() *cobra.Command {
	var number string
	cmd := &cobra.Command{
		Use: "list", Short: "passes that are neither used nor over", Args: cobra.NoArgs,
		Example: "  ringfence pass list --output json\n  ringfence pass list --number +12125550100",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if number == "" {
				return sh.withClient(cmd.Context(), false, func(ctx context.Context, c *client) error { return sh.listPasses(c.store.Passes(ctx, "")) })
			}
			return sh.withNumber(cmd.Context(), number, func(ctx context.Context, c *client, n gate.Number) error {
				return sh.listPasses(c.store.Passes(ctx, n))
			})
		},
	}
	cmd.Flags().StringVar(&number, "number", "", "only those to this number")
	return cmd
}

func (sh *shell) listPasses(passes iter.Seq2[registry.Pass, error]) error {
	all := []passReport{}
	for p, err := range passes {
		if err != nil {
			return fmt.Errorf("after %d of them the rest could not be read: %w", len(all), err)
		}
		all = append(all, passReportOf(p))
	}
	slices.SortFunc(all, func(a, b passReport) int { return cmp.Or(a.Until.Compare(*b.Until), cmp.Compare(a.ID, b.ID)) })
	return sh.printPasses(all, all)
}

func (sh *shell) newPassRevokeCommand() *cobra.Command {
	var rep, number string
	cmd := &cobra.Command{
		Use: "revoke --rep ID --number NUMBER", Short: "take back a pass that was not used", Args: cobra.NoArgs,
		Example: "  ringfence pass revoke --rep 202 --number +12125550100",
		RunE: func(cmd *cobra.Command, _ []string) error {
			who, err := repOf(rep)
			if err != nil {
				return err
			}
			return sh.withNumber(cmd.Context(), number, func(ctx context.Context, c *client, n gate.Number) error {
				return sh.revokePass(ctx, c, n, who)
			})
		},
	}
	cmd.Flags().StringVar(&rep, "rep", "", "id of the rep who has it")
	cmd.Flags().StringVar(&number, "number", "", "the number that it is for")
	for _, name := range []string{"rep", "number"} {
		_ = cmd.MarkFlagRequired(name)
	}
	return cmd
}

// revokePass takes back what there is, with a PIN or without.
func (sh *shell) revokePass(ctx context.Context, c *client, n gate.Number, rep gate.Rep) error {
	p, err := c.store.RevokePass(ctx, n, rep)
	sealed, errSealed := c.store.RevokeSealed(ctx, n, rep)
	if errors.Is(err, registry.ErrNoPass) {
		p, err = sealed, errSealed
	}
	switch {
	case errors.Is(err, registry.ErrNoPass):
		return fmt.Errorf("%s has no pass to %s; ringfence pass list shows those that are good", rep, n.Masked())
	case err != nil:
		return err
	}
	report := passReportOf(p)
	report.Changed = "revoked"
	return sh.printPasses(report, []passReport{report})
}

// printPasses prints value as JSON or rows as a table.
func (sh *shell) printPasses(value any, rows []passReport) error {
	return sh.print(value, func(w io.Writer) {
		if len(rows) == 0 {
			fmt.Fprintln(w, "no pass is good now")
			return
		}
		row(w, "NUMBER", "REP", "UNTIL", "PIN", "REASON", "BY", "CHANGE")
		for _, r := range rows {
			pin := r.PIN
			if pin == "" && r.Sealed {
				pin = "needed"
			}
			row(w, string(r.Number), string(r.Rep), cellOf(r.Until), pin, r.Reason, r.By, r.Changed)
		}
	})
}
