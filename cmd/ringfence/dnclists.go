package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/registry/dnc"
)

// listReport is one list with both kinds of its numbers.
type listReport struct {
	List     string     `json:"list"`
	Numbers  int        `json:"numbers"` // of the version that was loaded
	Singles  int        `json:"singles"` // added one at a time
	Version  string     `json:"version,omitempty"`
	Loaded   *time.Time `json:"loaded,omitempty"`
	By       string     `json:"by,omitempty"`
	Source   string     `json:"source,omitempty"`
	Bytes    int        `json:"bytes"`              // in Redis
	Previous string     `json:"previous,omitempty"` // the version dnc rollback returns to
}

func (sh *shell) newDNCListsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "lists", Short: "all lists, with their versions and sizes", Args: cobra.NoArgs,
		Example: "  ringfence dnc lists --output json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.withClient(cmd.Context(), false, func(ctx context.Context, c *client) error {
				lists, err := c.lists(ctx)
				if err != nil {
					return err
				}
				return sh.print(lists, func(w io.Writer) {
					if len(lists) == 0 {
						fmt.Fprintln(w, "there are no lists")
						return
					}
					row(w, "LIST", "NUMBERS", "SINGLES", "VERSION", "LOADED", "BY", "SOURCE", "PREVIOUS")
					for _, l := range lists {
						row(w, l.List, strconv.Itoa(l.Numbers), strconv.Itoa(l.Singles), l.Version, cellOf(l.Loaded), l.By, l.Source, l.Previous)
					}
				})
			})
		},
	}
}

// lists gathers the lists that were loaded and those that only hold single additions, by name.
func (c *client) lists(ctx context.Context) ([]*listReport, error) {
	byName := make(map[string]*listReport)
	loaded, err := dnc.NewStore(c.store.Client()).Lists(ctx)
	if err != nil {
		return nil, err
	}
	for _, l := range loaded {
		report := &listReport{
			List: l.List, Numbers: l.Numbers, Version: l.Version.String(), Loaded: timeOf(l.Loaded.Time()),
			By: l.By, Source: l.Source, Bytes: l.Bytes,
		}
		if l.Previous != nil {
			report.Previous = l.Previous.Version.String()
		}
		byName[l.List] = report
	}
	for a, err := range c.store.Additions(ctx) {
		if err != nil {
			return nil, err
		}
		if byName[a.List] == nil {
			byName[a.List] = &listReport{List: a.List}
		}
		byName[a.List].Singles++
	}
	all := slices.Collect(maps.Values(byName))
	slices.SortFunc(all, func(a, b *listReport) int { return cmp.Compare(a.List, b.List) })
	return all, nil
}

func (sh *shell) newDNCRollbackCommand() *cobra.Command {
	var list string
	cmd := &cobra.Command{
		Use: "rollback --list NAME", Short: "return to the version before the last load", Args: cobra.NoArgs,
		Example: "  ringfence dnc rollback --list national",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.withClient(cmd.Context(), false, func(ctx context.Context, c *client) error {
				info, err := dnc.NewStore(c.store.Client()).Rollback(ctx, list)
				if err != nil {
					return fmt.Errorf("the list %s stays as it is: %w; ringfence dnc lists shows the versions", list, err)
				}
				report := listReport{
					List: list, Numbers: info.Numbers, Version: info.Version.String(), Loaded: timeOf(info.Loaded.Time()),
					By: info.By, Source: info.Source, Bytes: info.Bytes,
				}
				return sh.print(report, func(w io.Writer) {
					fmt.Fprintf(w, "%s is at version %s again: %s\n", list, report.Version, count(report.Numbers, "number"))
				})
			})
		},
	}
	cmd.Flags().StringVar(&list, "list", "", "name of the list")
	_ = cmd.MarkFlagRequired("list")
	return cmd
}
