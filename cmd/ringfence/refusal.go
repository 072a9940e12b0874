package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// refusalReport is a refusal as it is printed.
type refusalReport struct {
	Number gate.Number `json:"number"`
	By     string      `json:"by"`
	Note   string      `json:"note,omitempty"`
	Until  *time.Time  `json:"until,omitempty"`
	Lifted bool        `json:"lifted,omitempty"`
}

func refusalReportOf(r registry.Refusal) refusalReport {
	return refusalReport{Number: r.Number, By: r.By, Note: r.Note, Until: timeOf(r.Until)}
}

func (sh *shell) newRefuseCommand() *cobra.Command {
	var by, note string
	var coolDown durationFlag
	cmd := &cobra.Command{
		Use: "refuse NUMBER", Short: "write down that the customer said no: nobody rings the number until the cool-down ends",
		Example: `  ringfence refuse +12125550100
  ringfence refuse +12125550100 --for 90d --rep 201 --note "not interested"`,
		Args: oneArg("NUMBER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.withNumber(cmd.Context(), args[0], func(ctx context.Context, c *client, n gate.Number) error {
				r, err := c.store.Refuse(ctx, n, by, coolDown.or(c.cfg.Rules.Refused.CoolDown), note)
				if err != nil {
					return err
				}
				return sh.printRefusals(refusalReportOf(r), []refusalReport{refusalReportOf(r)})
			})
		},
	}
	cmd.Flags().Var(&coolDown, "for", "how long; default: rules.refused.cool_down")
	cmd.Flags().StringVar(&by, "rep", "", "id of the rep who heard it; default: whoever gives this command")
	cmd.Flags().StringVar(&note, "note", "", "what the customer said")
	return cmd
}

func (sh *shell) newRefusalCommand() *cobra.Command {
	return group("refusal", "customers who said no", sh.newRefusalListCommand(), sh.newRefusalLiftCommand())
}

func (sh *shell) newRefusalListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "all refusals in force", Args: cobra.NoArgs,
		Example: "  ringfence refusal list --output json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.withClient(cmd.Context(), false, func(ctx context.Context, c *client) error {
				all := []refusalReport{}
				for r, err := range c.store.Refusals(ctx) {
					if err != nil {
						return fmt.Errorf("after %s the rest could not be read: %w", count(len(all), "refusal"), err)
					}
					all = append(all, refusalReportOf(r))
				}
				return sh.printRefusals(all, all)
			})
		},
	}
}

func (sh *shell) newRefusalLiftCommand() *cobra.Command {
	return &cobra.Command{
		Use: "lift NUMBER", Short: "end a refusal before its time", Args: oneArg("NUMBER"),
		Example: "  ringfence refusal lift +12125550100",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.withNumber(cmd.Context(), args[0], func(ctx context.Context, c *client, n gate.Number) error {
				r, err := c.store.LiftRefusal(ctx, n)
				if errors.Is(err, registry.ErrNotRefused) {
					return fmt.Errorf("no refusal of %s is in force; ringfence refusal list shows those that are", n.Masked())
				}
				if err != nil {
					return err
				}
				report := refusalReportOf(r)
				report.Lifted = true
				return sh.printRefusals(report, []refusalReport{report})
			})
		},
	}
}

// printRefusals prints value as JSON or rows as a table.
func (sh *shell) printRefusals(value any, rows []refusalReport) error {
	return sh.print(value, func(w io.Writer) {
		if len(rows) == 0 {
			fmt.Fprintln(w, "no refusal is in force")
			return
		}
		row(w, "NUMBER", "UNTIL", "BY", "NOTE", "CHANGE")
		for _, r := range rows {
			change := ""
			if r.Lifted {
				change = "lifted"
			}
			row(w, string(r.Number), cellOf(r.Until), r.By, r.Note, change)
		}
	})
}
