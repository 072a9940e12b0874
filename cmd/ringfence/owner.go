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

// ownerReport is what the commands about owners print.
type ownerReport struct {
	Number    gate.Number    `json:"number"`
	Owner     gate.Rep       `json:"owner"` // "" when nobody owns it
	Extension string         `json:"extension,omitempty"`
	Since     *time.Time     `json:"since,omitempty"`
	Until     *time.Time     `json:"until,omitempty"`   // end of the protection
	InFlight  *flightReport  `json:"in_flight"`         // null when no call is up
	Refusal   *refusalReport `json:"refusal"`           // null when none is in force
	Before    gate.Rep       `json:"before,omitempty"`  // release, transfer: who owned it
	Changed   string         `json:"changed,omitempty"` // claimed, released or transferred
}

type flightReport struct {
	Rep     gate.Rep   `json:"rep"`
	Started *time.Time `json:"started,omitempty"`
	Until   *time.Time `json:"lease_until,omitempty"`
}

func (sh *shell) newOwnerCommand() *cobra.Command {
	cmd := group("owner", "who owns a number",
		sh.newOwnerShowCommand(),
		sh.newOwnerClaimCommand(),
		sh.newOwnerReleaseCommand(),
		sh.newOwnerTransferCommand(),
	)
	cmd.Example = `  ringfence owner show +12125550100
  ringfence owner claim +12125550100 --rep 201
  ringfence owner transfer +12125550100 --to 203
  ringfence owner release +12125550100`
	return cmd
}

func (sh *shell) newOwnerShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show NUMBER", Short: "who owns a number, who is ringing it, and whether its customer said no",
		Example: "  ringfence owner show +12125550100 --output json",
		Args:    oneArg("NUMBER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.withNumber(cmd.Context(), args[0], func(ctx context.Context, c *client, n gate.Number) error {
				h, err := c.store.Owner(ctx, n)
				if err != nil {
					return err
				}
				return sh.printOwner(ownerReportOf(n, h))
			})
		},
	}
}

func (sh *shell) newOwnerClaimCommand() *cobra.Command {
	var rep, extension string
	var protection durationFlag
	cmd := &cobra.Command{
		Use: "claim NUMBER --rep ID", Short: "make a rep the owner of a number that nobody else owns",
		Long: `Make a rep the owner of a number. A number that another rep owns is not taken away (use owner transfer), nor is one
whose customer said no given out (use refusal lift). Claiming again prolongs the protection.`,
		Example: `  ringfence owner claim +12125550100 --rep 201
  ringfence owner claim +12125550100 --rep 201 --for 90d`,
		Args: oneArg("NUMBER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			who, err := repOf(rep)
			if err != nil {
				return err
			}
			return sh.withNumber(cmd.Context(), args[0], func(ctx context.Context, c *client, n gate.Number) error {
				if extension == "" {
					extension = c.extension(who)
				}
				h, err := c.store.Claim(ctx, n, registry.ClaimOrder{Rep: who, Extension: extension, For: protection.or(0), Terms: c.gate.TermsFor(who)})
				if err != nil {
					return explainClaim(err)
				}
				report := ownerReportOf(n, h)
				report.Changed = "claimed"
				return sh.printOwner(report)
			})
		},
	}
	cmd.Flags().StringVar(&rep, "rep", "", "id of the new owner")
	cmd.Flags().StringVar(&extension, "extension", "", "where the owner is rung; default: the id, when it fits sip.extensions.pattern")
	cmd.Flags().Var(&protection, "for", "how long; default: rules.protection")
	_ = cmd.MarkFlagRequired("rep")
	return cmd
}

// explainClaim says what an operator can do about a claim that was not granted.
func explainClaim(err error) error {
	var owned *registry.OwnedError
	var refused *registry.RefusedError
	switch {
	case errors.As(err, &owned):
		return fmt.Errorf("%s is owned by %s until %s; to give it to somebody else use ringfence owner transfer",
			owned.Number.Masked(), owned.Owner, timeCell(owned.Until))
	case errors.As(err, &refused):
		return fmt.Errorf("the customer at %s said no, until %s; if that has changed use ringfence refusal lift first",
			refused.Number.Masked(), timeCell(refused.Until))
	}
	return err
}

func (sh *shell) newOwnerReleaseCommand() *cobra.Command {
	return &cobra.Command{
		Use: "release NUMBER", Short: "end a number's ownership: anybody may claim it",
		Example: "  ringfence owner release +12125550100",
		Args:    oneArg("NUMBER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.withNumber(cmd.Context(), args[0], func(ctx context.Context, c *client, n gate.Number) error {
				before, err := c.store.Release(ctx, n, "", "released", c.gate.Terms())
				if err != nil {
					return explainNotOwned(n, err)
				}
				return sh.printOwner(ownerReport{Number: n, Before: before.Owner, Changed: "released"})
			})
		},
	}
}

func (sh *shell) newOwnerTransferCommand() *cobra.Command {
	var to, extension string
	cmd := &cobra.Command{
		Use: "transfer NUMBER --to ID", Short: "give an owned number to another rep; the protection runs on",
		Example: "  ringfence owner transfer +12125550100 --to 203",
		Args:    oneArg("NUMBER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			who, err := repOf(to)
			if err != nil {
				return err
			}
			return sh.withNumber(cmd.Context(), args[0], func(ctx context.Context, c *client, n gate.Number) error {
				if extension == "" {
					extension = c.extension(who)
				}
				before, err := c.store.Owner(ctx, n)
				if err != nil {
					return err
				}
				h, err := c.store.Transfer(ctx, n, "", registry.TransferOrder{To: who, Extension: extension, Terms: c.gate.TermsFor(who)})
				if err != nil {
					return explainNotOwned(n, err)
				}
				report := ownerReportOf(n, h)
				report.Before, report.Changed = before.Owner, "transferred"
				return sh.printOwner(report)
			})
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "id of the new owner")
	cmd.Flags().StringVar(&extension, "extension", "", "where the new owner is rung; default: the id, when it fits sip.extensions.pattern")
	_ = cmd.MarkFlagRequired("to")
	return cmd
}

func explainNotOwned(n gate.Number, err error) error {
	if errors.Is(err, registry.ErrNotOwned) {
		return fmt.Errorf("nobody owns %s; to give it an owner use ringfence owner claim", n.Masked())
	}
	return err
}

func ownerReportOf(n gate.Number, h registry.Holding) ownerReport {
	r := ownerReport{Number: n, Owner: h.Owner, Extension: h.Extension, Since: timeOf(h.Since), Until: timeOf(h.Until)}
	if h.Flight != nil {
		r.InFlight = &flightReport{Rep: h.Flight.Rep, Started: timeOf(h.Flight.Started), Until: timeOf(h.Flight.Until)}
	}
	if h.Refusal != nil {
		refusal := refusalReportOf(*h.Refusal)
		r.Refusal = &refusal
	}
	return r
}

func (sh *shell) printOwner(r ownerReport) error {
	return sh.print(r, func(w io.Writer) {
		row(w, "NUMBER", "OWNER", "EXTENSION", "UNTIL", "NOW RINGING", "REFUSED UNTIL", "CHANGE")
		var ringing, refused, change string
		if r.InFlight != nil {
			ringing = string(r.InFlight.Rep)
		}
		if r.Refusal != nil {
			refused = cellOf(r.Refusal.Until)
		}
		if change = r.Changed; r.Before != "" {
			change += " from " + string(r.Before)
		}
		row(w, string(r.Number), string(r.Owner), r.Extension, cellOf(r.Until), ringing, refused, change)
	})
}

func cellOf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return timeCell(*t)
}
