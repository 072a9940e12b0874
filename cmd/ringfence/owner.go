package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// ownerReport is what the commands about owners print: how a number stands in one scope.
type ownerReport struct {
	Number        gate.Number        `json:"number"`
	Scope         gate.Scope         `json:"scope,omitempty"`
	Owner         gate.Rep           `json:"owner"` // "" when nobody owns it
	Extension     string             `json:"extension,omitempty"`
	Team          gate.Team          `json:"team,omitempty"` // the owner's, when they claimed it
	Since         *time.Time         `json:"since,omitempty"`
	Until         *time.Time         `json:"until,omitempty"`          // end of the protection; in the year 9999 for none
	Unlocked      *time.Time         `json:"unlocked_until,omitempty"` // locked: the end there would be without the lock
	Contact       *time.Time         `json:"contact,omitempty"`        // last answered call
	Locked        bool               `json:"locked,omitempty"`
	Deal          *time.Time         `json:"deal,omitempty"` // when it was closed
	Level         string             `json:"level,omitempty"`
	Collaborators []shareReport      `json:"collaborators,omitempty"`
	Provisional   *provisionalReport `json:"provisional,omitempty"`
	Pool          *poolReport        `json:"pool,omitempty"` // when it is in the pool
	Customer      string             `json:"customer,omitempty"`
	Stage         string             `json:"stage,omitempty"`
	InFlight      *flightReport      `json:"in_flight"`         // null when no call is up
	Refusal       *refusalReport     `json:"refusal"`           // null when none is in force
	Before        gate.Rep           `json:"before,omitempty"`  // release, transfer: who owned it
	Changed       string             `json:"changed,omitempty"` // what was done
	Others        []ownerReport      `json:"others,omitempty"`  // show: the same in the other scopes
}

type flightReport struct {
	Rep     gate.Rep   `json:"rep"`
	Started *time.Time `json:"started,omitempty"`
	Until   *time.Time `json:"lease_until,omitempty"`
}

type shareReport struct {
	Rep     gate.Rep   `json:"rep"`
	Percent int        `json:"percent"`
	Agreed  *time.Time `json:"agreed"`
	By      string     `json:"by"`
}

type provisionalReport struct {
	Rep   gate.Rep   `json:"rep"`
	Until *time.Time `json:"until"`
}

type poolReport struct {
	Since       *time.Time `json:"since"`
	Why         string     `json:"why"`
	Barred      gate.Rep   `json:"barred,omitempty"`
	BarredUntil *time.Time `json:"barred_until,omitempty"`
}

func (sh *shell) newOwnerCommand() *cobra.Command {
	cmd := group("owner", "who owns a number, with whom it is shared and for how long",
		sh.newOwnerShowCommand(),
		sh.newOwnerClaimCommand(),
		sh.newOwnerReleaseCommand(),
		sh.newOwnerTransferCommand(),
		sh.newOwnerShareCommand(),
		sh.newOwnerUnshareCommand(),
		sh.newOwnerLockCommand(),
		sh.newOwnerUnlockCommand(),
		sh.newOwnerDealCommand(),
		sh.newOwnerLevelCommand(),
		sh.newOwnerExtendCommand(),
		sh.newOwnerHeldCommand(),
	)
	cmd.Example = `  ringfence owner show +12125550100
  ringfence owner claim +12125550100 --rep 201
  ringfence owner share +12125550100 --with 202 --percent 50
  ringfence owner transfer +12125550100 --to 203
  ringfence owner release +12125550100`
	return cmd
}

func (sh *shell) newOwnerShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show NUMBER", Short: "who owns a number, in every scope, who is ringing it, and whether its customer said no",
		Example: "  ringfence owner show +12125550100 --output json",
		Args:    oneArg("NUMBER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.withNumber(cmd.Context(), args[0], func(ctx context.Context, c *client, n gate.Number) error {
				holdings, err := c.store.Holdings(ctx, n)
				if err != nil {
					return err
				}
				report := ownerReportOf(holdings[0])
				for _, h := range holdings[1:] {
					report.Others = append(report.Others, ownerReportOf(h))
				}
				return sh.printOwner(report)
			})
		},
	}
}

func ownerReportOf(h registry.Holding) ownerReport {
	r := ownerReport{
		Number: h.Number, Scope: h.Scope, Owner: h.Owner, Extension: h.Extension, Team: h.Team,
		Since: timeOf(h.Since), Until: timeOf(h.Until), Contact: timeOf(h.Contact), Locked: h.Locked, Deal: timeOf(h.Deal),
		Level: h.Level, Customer: h.Customer, Stage: h.Stage,
	}
	if h.Locked {
		r.Unlocked = timeOf(h.Unlocked)
	}
	for _, s := range h.Collaborators {
		r.Collaborators = append(r.Collaborators, shareReport{s.Rep, s.Percent, timeOf(s.Agreed), s.By})
	}
	if h.Provisional != nil {
		r.Provisional = &provisionalReport{h.Provisional.Rep, timeOf(h.Provisional.Until)}
	}
	if p := h.Pool; p != nil {
		r.Pool = &poolReport{Since: timeOf(p.Since), Why: p.Why}
		if p.BarredUntil.After(time.Now()) {
			r.Pool.Barred, r.Pool.BarredUntil = p.Barred, timeOf(p.BarredUntil)
		}
	}
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
		row(w, "NUMBER", "SCOPE", "OWNER", "UNTIL", "SHARED WITH", "MORE", "NOW RINGING", "REFUSED UNTIL", "CHANGE")
		for _, r := range append([]ownerReport{r}, r.Others...) {
			var ringing, refused string
			if r.InFlight != nil {
				ringing = string(r.InFlight.Rep)
			}
			if r.Refusal != nil {
				refused = cellOf(r.Refusal.Until)
			}
			change := r.Changed
			if r.Before != "" {
				change += " from " + string(r.Before)
			}
			row(w, string(r.Number), string(r.Scope), string(r.Owner), endCell(r.Until), r.shares(), r.more(), ringing, refused, change)
		}
	})
}

// shares are the collaborators in a cell.
func (r *ownerReport) shares() string {
	var cells []string
	for _, s := range r.Collaborators {
		cells = append(cells, fmt.Sprintf("%s %d%%", s.Rep, s.Percent))
	}
	return strings.Join(cells, ", ")
}

// more is what else is worth a word.
func (r *ownerReport) more() string {
	var words []string
	if r.Locked {
		words = append(words, "locked")
	}
	if r.Deal != nil {
		words = append(words, "deal closed")
	}
	if r.Level != "" {
		words = append(words, "level "+r.Level)
	}
	if r.Provisional != nil {
		words = append(words, fmt.Sprintf("rung by %s, who has until %s", r.Provisional.Rep, cellOf(r.Provisional.Until)))
	}
	if r.Pool != nil {
		words = append(words, "in the pool: "+strings.ReplaceAll(cmp.Or(r.Pool.Why, "-"), "_", " "))
	}
	return strings.Join(words, ", ")
}

// endCell is the end of a protection.
func endCell(t *time.Time) string {
	if t != nil && !t.Before(registry.Forever.Truncate(time.Second)) {
		return "for ever"
	}
	return cellOf(t)
}

func cellOf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return timeCell(*t)
}
