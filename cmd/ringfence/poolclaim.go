package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

func (sh *shell) newPoolClaimCommand() *cobra.Command {
	var rep, extension string
	var scope scopeFlag
	cmd := &cobra.Command{
		Use: "claim NUMBER --rep ID", Short: "make a rep the owner of a number that is in the pool",
		Long: `Make a rep the owner of a number that is in the pool. The rules hold: the previous owner may not take it back before
rules.pool.bar has passed, nobody claims more than rules.pool.daily_claims a day or holds more than rules.holdings.most.
A number that is not in the pool is claimed by ringfence owner claim.`,
		Example: "  ringfence pool claim +12125550100 --rep 204",
		Args:    oneArg("NUMBER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			who, err := repOf(rep)
			if err != nil {
				return err
			}
			return sh.withNumber(cmd.Context(), args[0], func(ctx context.Context, c *client, n gate.Number) error {
				who, person := c.person(who)
				if extension == "" {
					extension = c.extension(who)
				}
				h, err := c.store.Claim(ctx, n, registry.ClaimOrder{
					Rep: who, Scope: scope.or(person.Scope), Team: person.Team, Extension: extension, From: "pool",
					Terms: c.gate.TermsFor(who),
				})
				if errors.Is(err, registry.ErrNotInPool) {
					return fmt.Errorf("%s is not in the pool; ringfence owner claim gives a number that nobody owns an owner", n.Masked())
				}
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
	scope.register(cmd, "the rep's")
	cmd.Flags().StringVar(&extension, "extension", "", "where the owner is rung; default: the rep's, or the id when it fits sip.extensions.pattern")
	_ = cmd.MarkFlagRequired("rep")
	return cmd
}
