package main

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/gate"
)

// heldReport is what owner held prints.
type heldReport struct {
	Rep         gate.Rep     `json:"rep"`
	Held        int          `json:"held"`         // numbers, in all scopes
	Dealt       int          `json:"dealt"`        // of them with a closed deal
	Most        int          `json:"most"`         // that may be held; 0: no limit
	ClaimsToday int          `json:"claims_today"` // from the pool
	DailyClaims int          `json:"daily_claims"` // most of those; 0: no limit
	Numbers     []heldNumber `json:"numbers"`
}

type heldNumber struct {
	Number gate.Number `json:"number"`
	Scope  gate.Scope  `json:"scope,omitempty"`
}

func (sh *shell) newOwnerHeldCommand() *cobra.Command {
	var rep string
	cmd := &cobra.Command{
		Use: "held --rep ID", Short: "the numbers that a rep holds, and how many more there may be",
		Example: "  ringfence owner held --rep 201", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			who, err := repOf(rep)
			if err != nil {
				return err
			}
			return sh.withClient(cmd.Context(), false, func(ctx context.Context, c *client) error {
				who, _ := c.person(who)
				report, err := c.held(ctx, who)
				if err != nil {
					return err
				}
				return sh.printHeld(report)
			})
		},
	}
	cmd.Flags().StringVar(&rep, "rep", "", "id of the rep")
	_ = cmd.MarkFlagRequired("rep")
	return cmd
}

// held counts and lists what a rep holds, as it is owned now.
func (c *client) held(ctx context.Context, rep gate.Rep) (heldReport, error) {
	terms := c.gate.TermsFor(rep)
	if _, err := c.store.Mend(ctx, rep); err != nil {
		return heldReport{}, err
	}
	counts, err := c.store.Counts(ctx, rep, terms)
	if err != nil {
		return heldReport{}, err
	}
	report := heldReport{
		Rep: rep, Held: counts.Held, Dealt: counts.Dealt, Most: terms.Holdings,
		ClaimsToday: counts.ClaimsToday, DailyClaims: terms.DailyClaims, Numbers: []heldNumber{},
	}
	for h, err := range c.store.HeldBy(ctx, rep) {
		if err != nil {
			return heldReport{}, err
		}
		report.Numbers = append(report.Numbers, heldNumber{h.Number, h.Scope})
	}
	return report, nil
}

func (sh *shell) printHeld(r heldReport) error {
	return sh.print(r, func(w io.Writer) {
		row(w, "NUMBER", "SCOPE")
		for _, h := range r.Numbers {
			row(w, string(h.Number), string(h.Scope))
		}
		fmt.Fprintf(w, "%s holds %d of %s, %d with a closed deal; %d of %s claims from the pool today\n",
			r.Rep, r.Held, limitCell(r.Most), r.Dealt, r.ClaimsToday, limitCell(r.DailyClaims))
	})
}

// limitCell is a limit that may be none.
func limitCell(most int) string {
	if most == 0 {
		return "any number"
	}
	return strconv.Itoa(most)
}
