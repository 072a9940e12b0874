package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// protects is a command that changes how long an owned number stays its owner's.
func (sh *shell) protects(
	use, short, long, example, changed string,
	change func(context.Context, *client, gate.Number, gate.Scope) (registry.Holding, error),
) *cobra.Command {
	var scope scopeFlag
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long, Example: example, Args: oneArg("NUMBER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.withOwned(cmd.Context(), args[0], &scope, func(ctx context.Context, c *client, n gate.Number, in gate.Scope) (ownerReport, error) {
				h, err := change(ctx, c, n, in)
				report := ownerReportOf(h)
				report.Changed = changed
				return report, err
			})
		},
	}
	scope.register(cmd, "the only one in which it is owned")
	return cmd
}

func (sh *shell) newOwnerLockCommand() *cobra.Command {
	return sh.protects("lock NUMBER", "keep a number its owner's, whatever the rules say, until it is unlocked", "",
		"  ringfence owner lock +12125550100", "locked",
		func(ctx context.Context, c *client, n gate.Number, in gate.Scope) (registry.Holding, error) {
			return c.store.Lock(ctx, n, in)
		})
}

func (sh *shell) newOwnerUnlockCommand() *cobra.Command {
	return sh.protects("unlock NUMBER", "let the rules hold for a locked number again",
		"Let the rules hold for a locked number again. When its protection has ended meanwhile, anybody may claim it at once.",
		"  ringfence owner unlock +12125550100", "unlocked",
		func(ctx context.Context, c *client, n gate.Number, in gate.Scope) (registry.Holding, error) {
			return c.store.Unlock(ctx, n, in, c.gate.Terms())
		})
}

func (sh *shell) newOwnerDealCommand() *cobra.Command {
	undo := false
	cmd := sh.protects("deal NUMBER", "write down that a deal was closed with the customer",
		`Write down that a deal was closed with the customer: rules.no_deal no longer holds for the number, it is protected for
rules.deal.protection or for ever, and it does not count among rules.holdings unless count_deals says so.`,
		`  ringfence owner deal +12125550100
  ringfence owner deal +12125550100 --undo`, "deal",
		func(ctx context.Context, c *client, n gate.Number, in gate.Scope) (registry.Holding, error) {
			return c.store.Deal(ctx, n, in, !undo, c.gate.Terms())
		})
	cmd.Flags().BoolVar(&undo, "undo", false, "the deal came to nothing")
	return cmd
}

func (sh *shell) newOwnerLevelCommand() *cobra.Command {
	var level string
	cmd := sh.protects("level NUMBER --level NAME", "give a customer a level, which rules.levels may protect for longer", "",
		`  ringfence owner level +12125550100 --level A
  ringfence owner level +12125550100 --level ""`, "level",
		func(ctx context.Context, c *client, n gate.Number, in gate.Scope) (registry.Holding, error) {
			if err := checkLevel(level); err != nil {
				return registry.Holding{}, err
			}
			h, err := c.store.Level(ctx, n, in, level, c.gate.Terms())
			return h, err
		})
	cmd.Flags().StringVar(&level, "level", "", `name of the level, or "" for none`)
	_ = cmd.MarkFlagRequired("level")
	return cmd
}

func (sh *shell) newOwnerExtendCommand() *cobra.Command {
	var by durationFlag
	cmd := sh.protects("extend NUMBER --by TIME", "move the end of a number's protection", "",
		"  ringfence owner extend +12125550100 --by 7d", "extended",
		func(ctx context.Context, c *client, n gate.Number, in gate.Scope) (registry.Holding, error) {
			return c.store.Extend(ctx, n, in, by.or(gate.Duration(time.Hour)))
		})
	cmd.Flags().Var(&by, "by", "by how much later it ends")
	_ = cmd.MarkFlagRequired("by")
	return cmd
}
