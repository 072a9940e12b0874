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
	"github.com/ringfence/ringfence/registry/dnc"
)

// companyList takes the numbers that are added without naming a list.
const companyList = "company"

func (sh *shell) newDNCCommand() *cobra.Command {
	cmd := group("dnc", "numbers nobody may ring",
		sh.newDNCAddCommand(),
		sh.newDNCRemoveCommand(),
		sh.newDNCCheckCommand(),
		sh.newDNCListsCommand(),
		sh.newDNCLoadCommand(),
		sh.newDNCRollbackCommand(),
	)
	cmd.Long = `Numbers nobody may ring. Single numbers are added and removed one at a time and hold at once. Whole lists are loaded from
files; every gate has a new version within two seconds.`
	return cmd
}

// listedReport is one number on one list.
type listedReport struct {
	Number  gate.Number `json:"number"`
	List    string      `json:"list"`
	Version string      `json:"list_version,omitempty"` // of a list that was loaded; absent for a single addition
	By      string      `json:"by,omitempty"`
	Note    string      `json:"note,omitempty"`
	At      *time.Time  `json:"at,omitempty"`
	Changed string      `json:"changed,omitempty"` // added or removed
}

func (sh *shell) newDNCAddCommand() *cobra.Command {
	var list, note string
	cmd := &cobra.Command{
		Use: "add NUMBER", Short: "put one number on a list; it holds at once", Args: oneArg("NUMBER"),
		Example: `  ringfence dnc add +12125550100
  ringfence dnc add +12125550100 --list legal --note "letter of 3 May"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.withNumber(cmd.Context(), args[0], func(ctx context.Context, c *client, n gate.Number) error {
				if err := c.store.AddListed(ctx, list, n, note); err != nil {
					return err
				}
				report := listedReport{Number: n, List: list, Note: note, Changed: "added"}
				return sh.printListed(report, []listedReport{report})
			})
		},
	}
	cmd.Flags().StringVar(&list, "list", companyList, "name of the list")
	cmd.Flags().StringVar(&note, "note", "", "why")
	return cmd
}

func (sh *shell) newDNCRemoveCommand() *cobra.Command {
	var list string
	cmd := &cobra.Command{
		Use: "remove NUMBER", Short: "take one number off a list, whether it was added singly or loaded from a file",
		Args: oneArg("NUMBER"),
		Example: `  ringfence dnc remove +12125550100
  ringfence dnc remove +12125550100 --list national`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.withNumber(cmd.Context(), args[0], func(ctx context.Context, c *client, n gate.Number) error {
				report := listedReport{Number: n, List: list, Changed: "removed"}
				version, err := c.removeListed(ctx, list, n)
				if err != nil {
					return err
				}
				report.Version = version
				return sh.printListed(report, []listedReport{report})
			})
		},
	}
	cmd.Flags().StringVar(&list, "list", companyList, "name of the list")
	return cmd
}

// removeListed takes n off a list in both of its homes. It returns the list's new version when it was on a loaded one.
func (c *client) removeListed(ctx context.Context, list string, n gate.Number) (version string, err error) {
	single := c.store.RemoveListed(ctx, list, n)
	if single != nil && !errors.Is(single, registry.ErrNotListed) {
		return "", single
	}
	made, changed, err := dnc.NewStore(c.store.Client()).Remove(ctx, list, n, c.meta("removed by command"))
	switch {
	case errors.Is(err, dnc.ErrNoList) || err == nil && !changed:
		if single != nil {
			return "", fmt.Errorf("%s is not on the list %s; ringfence dnc check shows where it is", n.Masked(), list)
		}
		return "", nil
	case err != nil:
		return "", err
	}
	return made.String(), nil
}

func (sh *shell) newDNCCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check NUMBER", Short: "is a number on a list? Exit code 0: on none, 3: on one", Args: oneArg("NUMBER"),
		Example: "  ringfence dnc check +12125550100 && echo on no list",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.withClient(cmd.Context(), true, func(ctx context.Context, c *client) error {
				n, err := c.number(args[0])
				if err != nil {
					return err
				}
				found, err := c.listings(ctx, n)
				if err != nil {
					return err
				}
				if err := sh.printListed(found, found); err != nil {
					return err
				}
				if len(found) > 0 {
					return errSaysNo
				}
				return nil
			})
		},
	}
}

// listings are the loaded list and the single additions that hold n.
func (c *client) listings(ctx context.Context, n gate.Number) ([]listedReport, error) {
	found := []listedReport{}
	if l, ok := c.store.Listed(n); ok {
		found = append(found, listedReport{Number: n, List: l.List, Version: l.Version})
	}
	additions, err := c.store.Listings(ctx, n)
	if err != nil {
		return nil, err
	}
	for _, a := range additions {
		found = append(found, listedReport{Number: n, List: a.List, By: a.By, Note: a.Note, At: timeOf(a.At)})
	}
	return found, nil
}

func (sh *shell) printListed(value any, rows []listedReport) error {
	return sh.print(value, func(w io.Writer) {
		if len(rows) == 0 {
			fmt.Fprintln(w, "on no list")
			return
		}
		row(w, "NUMBER", "LIST", "VERSION", "SINCE", "BY", "NOTE", "CHANGE")
		for _, r := range rows {
			row(w, string(r.Number), r.List, r.Version, cellOf(r.At), r.By, r.Note, r.Changed)
		}
	})
}
