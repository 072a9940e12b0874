package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// stageReport is where a number stands in the follow-up process, as it is printed.
type stageReport struct {
	Number      gate.Number `json:"number"`
	Scope       gate.Scope  `json:"scope,omitempty"`
	Stage       string      `json:"stage"` // "" when it is in none
	Owner       gate.Rep    `json:"owner"`
	Responsible gate.Rep    `json:"responsible,omitempty"`
	Since       *time.Time  `json:"since,omitempty"`
	Due         *time.Time  `json:"due,omitempty"` // when its time is over
	Then        string      `json:"then,omitempty"`
	Late        bool        `json:"late"`
	Changed     string      `json:"changed,omitempty"` // entered or left
}

func stageReportOf(s registry.Stage, rules gate.Rules) stageReport {
	r := stageReport{Number: s.Number, Scope: s.Scope, Stage: s.Name, Owner: s.Owner, Since: timeOf(s.Since)}
	if s.Name == "" {
		return r
	}
	if r.Responsible = s.Responsible; r.Responsible == "" {
		r.Responsible = s.Owner
	}
	if due, limited := s.Due(rules); limited {
		rule, _, _ := rules.Stage(s.Name)
		r.Due, r.Then, r.Late = timeOf(due), rule.Then.String(), s.Late(rules, time.Now())
	}
	return r
}

func (sh *shell) newStageCommand() *cobra.Command {
	cmd := group("stage", "the follow-up process: where each customer stands",
		sh.newStageShowCommand(), sh.newStageEnterCommand(), sh.newStageLeaveCommand(), sh.newStageListCommand())
	cmd.Example = `  ringfence stage enter +12125550100 offer
  ringfence stage list --late`
	return cmd
}

func (sh *shell) newStageShowCommand() *cobra.Command {
	var scope scopeFlag
	cmd := &cobra.Command{
		Use: "show NUMBER", Short: "the stage of a number, who is responsible, and until when", Args: oneArg("NUMBER"),
		Example: "  ringfence stage show +12125550100",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.withNumber(cmd.Context(), args[0], func(ctx context.Context, c *client, n gate.Number) error {
				in, err := scope.owned(ctx, c, n)
				if err != nil {
					return err
				}
				s, err := c.store.StageOf(ctx, n, in)
				if err != nil {
					return err
				}
				return sh.printStage(stageReportOf(s, c.cfg.Rules))
			})
		},
	}
	scope.register(cmd, "the one in which it is owned")
	return cmd
}

func (sh *shell) newStageEnterCommand() *cobra.Command {
	var scope scopeFlag
	var responsible string
	cmd := &cobra.Command{
		Use: "enter NUMBER STAGE", Short: "put an owned number into a stage of rules.stages", Args: twoArgs("NUMBER", "STAGE"),
		Example: `  ringfence stage enter +12125550100 offer
  ringfence stage enter +12125550100 chase --responsible 205`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.withNumber(cmd.Context(), args[0], func(ctx context.Context, c *client, n gate.Number) error {
				stage, err := stageNamed(c.cfg.Rules, args[1])
				if err != nil {
					return err
				}
				if responsible != "" {
					who, err := repOf(responsible)
					if err != nil {
						return err
					}
					stage.Responsible = string(c.gate.Recognise(who))
				}
				in, err := scope.owned(ctx, c, n)
				if err != nil {
					return err
				}
				s, err := c.store.EnterStage(ctx, n, in, stage)
				if err != nil {
					return explainNotOwned(n, in, err)
				}
				report := stageReportOf(s, c.cfg.Rules)
				report.Changed = "entered"
				return sh.printStage(report)
			})
		},
	}
	scope.register(cmd, "the one in which it is owned")
	cmd.Flags().StringVar(&responsible, "responsible", "", "id of the rep who is; default: the stage's, else the owner")
	return cmd
}

// stageNamed finds a stage of the rules.
func stageNamed(rules gate.Rules, name string) (gate.StageRule, error) {
	stage, _, ok := rules.Stage(name)
	if ok {
		return stage, nil
	}
	if len(rules.Stages) == 0 {
		return stage, errors.New("the configuration has no rules.stages, so there is no stage to enter")
	}
	names := make([]string, len(rules.Stages))
	for i, s := range rules.Stages {
		names[i] = s.Name
	}
	return stage, usagef("rules.stages has no stage %q; there are %s", name, strings.Join(names, ", "))
}

func (sh *shell) newStageLeaveCommand() *cobra.Command {
	var scope scopeFlag
	cmd := &cobra.Command{
		Use: "leave NUMBER", Short: "take a number out of the follow-up process", Args: oneArg("NUMBER"),
		Example: "  ringfence stage leave +12125550100",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.withNumber(cmd.Context(), args[0], func(ctx context.Context, c *client, n gate.Number) error {
				in, err := scope.owned(ctx, c, n)
				if err != nil {
					return err
				}
				s, err := c.store.StageOf(ctx, n, in)
				if err == nil {
					err = c.store.LeaveStage(ctx, n, in)
				}
				if err != nil {
					return err
				}
				return sh.printStage(stageReport{Number: n, Scope: s.Scope, Stage: s.Name, Owner: s.Owner, Changed: "left"})
			})
		},
	}
	scope.register(cmd, "the one in which it is owned")
	return cmd
}

func (sh *shell) newStageListCommand() *cobra.Command {
	var late bool
	var stage, responsible string
	cmd := &cobra.Command{
		Use: "list", Short: "all numbers that are in a stage", Args: cobra.NoArgs,
		Example: `  ringfence stage list --late
  ringfence stage list --stage offer --responsible 205 --output json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.withClient(cmd.Context(), false, func(ctx context.Context, c *client) error {
				reports := []stageReport{}
				for s, err := range c.store.Stages(ctx, c.cfg.Rules, late) {
					if err != nil {
						return fmt.Errorf("after %s the rest could not be read: %w", count(len(reports), "number"), err)
					}
					r := stageReportOf(s, c.cfg.Rules)
					if (stage == "" || r.Stage == stage) && (responsible == "" || string(r.Responsible) == responsible) {
						reports = append(reports, r)
					}
				}
				return sh.printStages(reports, reports)
			})
		},
	}
	cmd.Flags().BoolVar(&late, "late", false, "only those whose time is over")
	cmd.Flags().StringVar(&stage, "stage", "", "only those in this stage")
	cmd.Flags().StringVar(&responsible, "responsible", "", "only those of this rep")
	return cmd
}

func (sh *shell) printStage(r stageReport) error { return sh.printStages(r, []stageReport{r}) }

// printStages prints value as JSON or rows as a table.
func (sh *shell) printStages(value any, rows []stageReport) error {
	return sh.print(value, func(w io.Writer) {
		if len(rows) == 0 {
			fmt.Fprintln(w, "no number is in such a stage")
			return
		}
		row(w, "NUMBER", "STAGE", "RESPONSIBLE", "OWNER", "SINCE", "DUE", "THEN", "CHANGE")
		for _, r := range rows {
			due := cellOf(r.Due)
			if r.Late {
				due += " (late)"
			}
			row(w, string(r.Number), r.Stage, string(r.Responsible), string(r.Owner), cellOf(r.Since), due, r.Then, r.Changed)
		}
	})
}
