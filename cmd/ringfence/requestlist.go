package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/requests"
)

// requestFilter chooses what `request list` prints, as it is typed.
type requestFilter struct{ state, rep, number, asked string }

func (f *requestFilter) filter(c *client) (requests.Filter, error) {
	chosen := requests.Filter{State: requests.State(f.state), Rep: c.gate.Recognise(gate.Rep(f.rep))}
	if f.asked != "" && chosen.State == "" {
		chosen.State = requests.Open
	}
	if chosen.State != "" && !slices.Contains(requests.States(), chosen.State) {
		return chosen, usagef("%q is no state; there are %s", f.state, joined(requests.States()))
	}
	var err error
	if f.number != "" {
		chosen.Number, err = c.number(f.number)
	}
	return chosen, err
}

func (sh *shell) newRequestListCommand() *cobra.Command {
	var f requestFilter
	cmd := &cobra.Command{
		Use: "list", Short: "requests, the newest first", Args: cobra.NoArgs,
		Example: `  ringfence request list --state open
  ringfence request list --for 300 --output json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.withRequests(cmd.Context(), func(ctx context.Context, c *client, b *requests.Book) error {
				chosen, err := f.filter(c)
				if err != nil {
					return err
				}
				found, err := b.List(ctx, chosen)
				if err != nil {
					return err
				}
				if f.asked != "" {
					if found, err = waiting(ctx, b, found, c.gate.Recognise(gate.Rep(f.asked))); err != nil {
						return err
					}
				}
				reports := make([]requestReport, len(found))
				for i, r := range found {
					reports[i] = requestReportOf(r)
				}
				return sh.printRequests(reports, found)
			})
		},
	}
	cmd.Flags().StringVar(&f.state, "state", "", "only those in this state: "+joined(requests.States()))
	cmd.Flags().StringVar(&f.asked, "for", "", "only those that wait for this rep's answer")
	cmd.Flags().StringVar(&f.rep, "rep", "", "only those of this rep")
	cmd.Flags().StringVar(&f.number, "number", "", "only those about this number")
	return cmd
}

// waiting leaves those that wait for a rep's answer.
func waiting(ctx context.Context, b *requests.Book, all []requests.Request, by gate.Rep) ([]requests.Request, error) {
	var found []requests.Request
	for _, r := range all {
		asked, err := b.WaitsFor(ctx, r, by)
		if err != nil {
			return nil, err
		}
		if asked {
			found = append(found, r)
		}
	}
	return found, nil
}

// printRequests prints value as JSON, or the requests as a table.
func (sh *shell) printRequests(value any, all []requests.Request) error {
	return sh.print(value, func(w io.Writer) {
		if len(all) == 0 {
			fmt.Fprintln(w, "no such request")
			return
		}
		row(w, "ID", "KIND", "NUMBER", "REP", "STATE", "WAITS FOR", "UNTIL", "REASON")
		for _, r := range all {
			asked, until := "", ""
			if step := r.Step(); step != "" {
				asked, until = requests.Asked(step), timeCell(r.Due)
			}
			rep := string(r.Rep)
			if r.To != r.Rep {
				rep += " for " + string(r.To)
			}
			reason := r.Reason
			if r.Failure != "" {
				reason = r.Failure
			}
			row(w, r.ID, string(r.Kind), string(r.Number), rep, string(r.State), asked, until, reason)
		}
	})
}

// printRequest prints one with its answers.
func (sh *shell) printRequest(r requests.Request) error {
	if sh.output == formatJSON {
		return sh.printRequests(requestReportOf(r), []requests.Request{r})
	}
	if err := sh.printRequests(nil, []requests.Request{r}); err != nil || len(r.Answers) == 0 {
		return err
	}
	fmt.Fprintln(sh.stdout)
	return sh.print(nil, func(w io.Writer) {
		row(w, "TIME", "WHAT", "STEP", "BY", "REASON")
		for _, a := range r.Answers {
			row(w, timeCell(a.At), a.What, requests.Asked(a.Step), a.By, a.Reason)
		}
	})
}
