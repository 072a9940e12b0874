package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

func (sh *shell) newOwnerClaimCommand() *cobra.Command {
	var rep, extension, level string
	var scope scopeFlag
	var protection durationFlag
	cmd := &cobra.Command{
		Use: "claim NUMBER --rep ID", Short: "make a rep the owner of a number that nobody else owns",
		Long: `Make a rep the owner of a number. A number that another rep owns is not taken away (use owner transfer), nor is one
whose customer said no given out (use refusal lift), nor does a rep get more than rules.holdings and rules.pool allow.
Claiming again begins the protection anew; with --for it ends then, whatever the rules say.`,
		Example: `  ringfence owner claim +12125550100 --rep 201
  ringfence owner claim +12125550100 --rep 201 --scope loans --level A
  ringfence owner claim +12125550100 --rep 201 --for 90d`,
		Args: oneArg("NUMBER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			who, err := repOf(rep)
			if err != nil {
				return err
			}
			if err := checkLevel(level); err != nil {
				return err
			}
			return sh.withNumber(cmd.Context(), args[0], func(ctx context.Context, c *client, n gate.Number) error {
				who, person := c.person(who)
				if extension == "" {
					extension = c.extension(who)
				}
				h, err := c.store.Claim(ctx, n, registry.ClaimOrder{
					Rep: who, Scope: scope.or(person.Scope), Team: person.Team, Extension: extension,
					For: protection.or(0), Level: level, Terms: c.gate.TermsFor(who),
				})
				if err != nil {
					return explainClaim(err)
				}
				report := ownerReportOf(h)
				report.Changed = "claimed"
				return sh.printOwner(report)
			})
		},
	}
	cmd.Flags().StringVar(&rep, "rep", "", "id of the new owner")
	cmd.Flags().StringVar(&extension, "extension", "", "where the owner is rung; default: the rep's, or the id when it fits sip.extensions.pattern")
	cmd.Flags().StringVar(&level, "level", "", "level of the customer, see rules.levels; default: as it is")
	cmd.Flags().Var(&protection, "for", "how long; default: by the rules")
	scope.register(cmd, "the rep's")
	_ = cmd.MarkFlagRequired("rep")
	return cmd
}

// explainClaim says what an operator can do about a claim that was not granted.
func explainClaim(err error) error {
	var owned *registry.OwnedError
	var refused *registry.RefusedError
	var barred *registry.BarredError
	var quota *registry.QuotaError
	switch {
	case errors.As(err, &owned):
		return fmt.Errorf("%s is owned by %s until %s; to give it to somebody else use ringfence owner transfer",
			owned.Number.Masked(), owned.Owner, timeCell(owned.Until))
	case errors.As(err, &refused):
		return fmt.Errorf("the customer at %s said no, until %s; if that has changed use ringfence refusal lift first",
			refused.Number.Masked(), timeCell(refused.Until))
	case errors.As(err, &barred):
		return fmt.Errorf("%s was this rep's and went into the pool; rules.pool.bar keeps it from them until %s: another rep may claim it, and then use ringfence owner transfer",
			barred.Number.Masked(), timeCell(barred.Until))
	case errors.As(err, &quota) && quota.What == registry.QuotaDailyClaims:
		return fmt.Errorf("%s has claimed %d numbers from the pool today, which is the most that rules.pool.daily_claims or the rep's own limit allows",
			quota.Rep, quota.Most)
	case errors.As(err, &quota):
		return fmt.Errorf("%s holds %d numbers, which is the most that rules.holdings.most or the rep's own limit allows; ringfence owner held --rep %s lists them",
			quota.Rep, quota.Most, quota.Rep)
	}
	return err
}

func (sh *shell) newOwnerReleaseCommand() *cobra.Command {
	var scope scopeFlag
	cmd := &cobra.Command{
		Use: "release NUMBER", Short: "end a number's ownership: it goes into the pool, and anybody else may claim it",
		Example: "  ringfence owner release +12125550100",
		Args:    oneArg("NUMBER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.withOwned(cmd.Context(), args[0], &scope, func(ctx context.Context, c *client, n gate.Number, in gate.Scope) (ownerReport, error) {
				before, err := c.store.Release(ctx, n, in, "released", c.gate.Terms())
				return ownerReport{Number: n, Scope: in, Before: before.Owner, Changed: "released"}, err
			})
		},
	}
	scope.register(cmd, "the only one in which it is owned")
	return cmd
}

func (sh *shell) newOwnerTransferCommand() *cobra.Command {
	var to, extension string
	var force bool
	var scope scopeFlag
	cmd := &cobra.Command{
		Use: "transfer NUMBER --to ID", Short: "give an owned number to another rep; the protection runs on",
		Example: `  ringfence owner transfer +12125550100 --to 203
  ringfence owner transfer +12125550100 --to 203 --force`,
		Args: oneArg("NUMBER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			who, err := repOf(to)
			if err != nil {
				return err
			}
			return sh.withOwned(cmd.Context(), args[0], &scope, func(ctx context.Context, c *client, n gate.Number, in gate.Scope) (ownerReport, error) {
				who, person := c.person(who)
				if extension == "" {
					extension = c.extension(who)
				}
				before, err := c.store.OwnerIn(ctx, n, in)
				if err != nil {
					return ownerReport{}, err
				}
				h, err := c.store.Transfer(ctx, n, in, registry.TransferOrder{
					To: who, Team: person.Team, Extension: extension, Force: force, Terms: c.gate.TermsFor(who),
				})
				report := ownerReportOf(h)
				report.Before, report.Changed = before.Owner, "transferred"
				return report, explainClaim(err)
			})
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "id of the new owner")
	cmd.Flags().StringVar(&extension, "extension", "", "where the new owner is rung; default: the rep's, or the id when it fits sip.extensions.pattern")
	cmd.Flags().BoolVar(&force, "force", false, "although the rep then holds more than rules.holdings.most")
	scope.register(cmd, "the only one in which it is owned")
	_ = cmd.MarkFlagRequired("to")
	return cmd
}
