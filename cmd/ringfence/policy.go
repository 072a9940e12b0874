package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/ringfence/ringfence/cmd/ringfence/config"
	"github.com/ringfence/ringfence/registry"
)

// policyReport is one version of the rules.
type policyReport struct {
	Version string     `json:"version"`
	Since   *time.Time `json:"since,omitempty"` // when a gate began to decide by it
	Rules   any        `json:"rules,omitempty"` // show only
}

// policyChange is one key that two versions differ in.
type policyChange struct {
	Key string `json:"key"`
	Old string `json:"old"`
	New string `json:"new"`
}

func (sh *shell) newPolicyCommand() *cobra.Command {
	cmd := group("policy", "the rules by which calls were decided, by version",
		sh.newPolicyListCommand(),
		sh.newPolicyShowCommand(),
		sh.newPolicyDiffCommand(),
		sh.newPolicyReplayCommand(),
	)
	cmd.Example = `  ringfence policy list
  ringfence policy show 7311bb79172d
  ringfence policy diff 7311bb79172d`
	return cmd
}

func (sh *shell) newPolicyListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "which rules were in force from when on", Args: cobra.NoArgs,
		Long: `Which rules were in force from when on, oldest first: each time that a gate began to decide by other rules than the last
that began. Each decision's record names its version. The last 1,000 changes are kept.`,
		Example: "  ringfence policy list --output json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.withPolicies(cmd.Context(), func(ctx context.Context, c *client) error {
				list, err := c.store.Policies(ctx)
				if err != nil {
					return err
				}
				return sh.printPolicies(list, c.cfg.Rules.Version())
			})
		},
	}
}

// withPolicies is withClient with a limit on its time.
func (sh *shell) withPolicies(ctx context.Context, use func(context.Context, *client) error) error {
	return sh.withClient(ctx, false, func(ctx context.Context, c *client) error {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		return use(ctx, c)
	})
}

func (sh *shell) printPolicies(list []registry.Policy, here string) error {
	reports := make([]policyReport, len(list))
	for i, p := range list {
		reports[i] = policyReport{Version: p.Version, Since: timeOf(p.Since)}
	}
	return sh.print(reports, func(w io.Writer) {
		if len(list) == 0 {
			fmt.Fprintln(w, "no gate has begun to decide yet")
			return
		}
		row(w, "SINCE", "VERSION", "NOTE")
		for _, p := range list {
			note := ""
			if p.Version == here {
				note = "this configuration's"
			}
			row(w, timeCell(p.Since), p.Version, note)
		}
	})
}

func (sh *shell) newPolicyShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show VERSION", Short: "the rules of a version, as a configuration has them", Args: oneArg("VERSION"),
		Example: "  ringfence policy show 7311bb79172d > rules-of-that-day.yaml",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.withPolicies(cmd.Context(), func(ctx context.Context, c *client) error {
				p, err := c.policy(ctx, args[0])
				if err != nil {
					return err
				}
				var rules struct{ Rules any }
				if err := yaml.Unmarshal([]byte(p.Rules), &rules); err != nil {
					return fmt.Errorf("the rules of %s cannot be read: %w", p.Version, err)
				}
				return sh.print(policyReport{p.Version, timeOf(p.Since), rules.Rules}, func(w io.Writer) { fmt.Fprint(w, p.Rules) })
			})
		},
	}
}

// policy finds a version.
func (c *client) policy(ctx context.Context, version string) (registry.Policy, error) {
	p, err := c.store.Policy(ctx, version)
	if errors.Is(err, registry.ErrNoPolicy) {
		return p, fmt.Errorf("no gate has told the registry of rules with the version %.64q; ringfence policy list names those that did", version)
	}
	return p, err
}

func (sh *shell) newPolicyDiffCommand() *cobra.Command {
	return &cobra.Command{
		Use: "diff OLD [NEW]", Short: "what differs between two versions of the rules",
		Long: `What differs between two versions of the rules, key by key. Without NEW: between a version and this configuration's rules.
What that would mean for the calls of the last days says ringfence policy replay.`,
		Example: `  ringfence policy diff 7311bb79172d 0c29fd5e0b1a
  ringfence policy diff 7311bb79172d --config new.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usagef("expected OLD and perhaps NEW, got %s", count(len(args), "argument"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.withPolicies(cmd.Context(), func(ctx context.Context, c *client) error {
				changes, err := c.policyDiff(ctx, args)
				if err != nil {
					return err
				}
				return sh.print(changes, func(w io.Writer) { policyDiffTable(w, changes) })
			})
		},
	}
}

func (c *client) policyDiff(ctx context.Context, versions []string) ([]policyChange, error) {
	old, err := c.policy(ctx, versions[0])
	if err != nil {
		return nil, err
	}
	rules, err := config.FormatRules(c.cfg.Rules)
	if len(versions) == 2 {
		var p registry.Policy
		p, err = c.policy(ctx, versions[1])
		rules = p.Rules
	}
	if err != nil {
		return nil, err
	}
	return differences(old.Rules, rules)
}

// differences are the keys whose values differ; one that a release does not know yet has none there.
func differences(old, rules string) ([]policyChange, error) {
	before, err := config.Settings(old)
	if err != nil {
		return nil, err
	}
	after, err := config.Settings(rules)
	if err != nil {
		return nil, err
	}
	changes := []policyChange{}
	for len(before) > 0 || len(after) > 0 {
		switch {
		case len(after) == 0 || len(before) > 0 && before[0].Key < after[0].Key:
			changes = append(changes, policyChange{before[0].Key, before[0].Value, ""})
			before = before[1:]
		case len(before) == 0 || after[0].Key < before[0].Key:
			changes = append(changes, policyChange{after[0].Key, "", after[0].Value})
			after = after[1:]
		default:
			if before[0].Value != after[0].Value {
				changes = append(changes, policyChange{before[0].Key, before[0].Value, after[0].Value})
			}
			before, after = before[1:], after[1:]
		}
	}
	return changes, nil
}

func policyDiffTable(w io.Writer, changes []policyChange) {
	if len(changes) == 0 {
		fmt.Fprintln(w, "no difference")
		return
	}
	row(w, "KEY", "OLD", "NEW")
	for _, c := range changes {
		row(w, c.Key, c.Old, c.New)
	}
}
