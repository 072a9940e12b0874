package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

func (sh *shell) newOwnerShareCommand() *cobra.Command {
	var with string
	var percent int
	var scope scopeFlag
	cmd := &cobra.Command{
		Use: "share NUMBER --with ID --percent N", Short: "let a colleague ring an owner's customer too, for an agreed share of the result",
		Long: `Let a colleague ring an owner's customer too, for an agreed share of the result. The customer stays the owner's; who agreed,
on how much and when is written down. Sharing again with the same colleague changes the share.`,
		Example: "  ringfence owner share +12125550100 --with 202 --percent 50",
		Args:    oneArg("NUMBER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			who, err := repOf(with)
			if err != nil {
				return err
			}
			if percent < 0 || percent > 100 {
				return usagef("--percent %d is no share; give 0 to 100", percent)
			}
			return sh.withOwned(cmd.Context(), args[0], &scope, func(ctx context.Context, c *client, n gate.Number, in gate.Scope) (ownerReport, error) {
				who, _ := c.person(who)
				h, err := c.store.Share(ctx, n, in, who, percent)
				report := ownerReportOf(h)
				report.Changed = "shared"
				return report, explainShare(n, h, who, err)
			})
		},
	}
	cmd.Flags().StringVar(&with, "with", "", "id of the colleague")
	cmd.Flags().IntVar(&percent, "percent", 0, "the colleague's part of the result, 0 to 100")
	scope.register(cmd, "the only one in which it is owned")
	_ = cmd.MarkFlagRequired("with")
	_ = cmd.MarkFlagRequired("percent")
	return cmd
}

func (sh *shell) newOwnerUnshareCommand() *cobra.Command {
	var with string
	var scope scopeFlag
	cmd := &cobra.Command{
		Use: "unshare NUMBER --with ID", Short: "end what was agreed with a colleague",
		Example: "  ringfence owner unshare +12125550100 --with 202",
		Args:    oneArg("NUMBER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			who, err := repOf(with)
			if err != nil {
				return err
			}
			return sh.withOwned(cmd.Context(), args[0], &scope, func(ctx context.Context, c *client, n gate.Number, in gate.Scope) (ownerReport, error) {
				who, _ := c.person(who)
				h, err := c.store.Unshare(ctx, n, in, who)
				report := ownerReportOf(h)
				report.Changed = "unshared"
				return report, explainShare(n, h, who, err)
			})
		},
	}
	cmd.Flags().StringVar(&with, "with", "", "id of the colleague")
	scope.register(cmd, "the only one in which it is owned")
	_ = cmd.MarkFlagRequired("with")
	return cmd
}

// explainShare says what an operator can do about a share that was not agreed.
func explainShare(n gate.Number, h registry.Holding, who gate.Rep, err error) error {
	shared := 0
	for _, s := range h.Collaborators {
		if s.Rep != who {
			shared += s.Percent
		}
	}
	switch {
	case errors.Is(err, registry.ErrSharesOwner):
		return fmt.Errorf("%s owns %s; a share is agreed with somebody else", who, n.Masked())
	case errors.Is(err, registry.ErrSharesMuch):
		return fmt.Errorf("%d percent of %s are others' already, so %d at most are left for %s; ringfence owner show tells whose",
			shared, n.Masked(), 100-shared, who)
	case errors.Is(err, registry.ErrNoSuchShare):
		return fmt.Errorf("%s has no share in %s; ringfence owner show tells who has", who, n.Masked())
	}
	return err
}
