package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// historyKept is how many records of a number the registry can name.
const historyKept = 20

// recordReport is a record as it is printed.
type recordReport struct {
	Time    time.Time         `json:"time"`
	Kind    string            `json:"kind"` // decision, end, owner, refusal, listing
	Verdict string            `json:"verdict,omitempty"`
	Would   string            `json:"would,omitempty"`  // of a decision whose rule is only watched: the verdict if it were enforced
	Reason  string            `json:"reason,omitempty"` // of a decision; what was done, of a command
	Rep     gate.Rep          `json:"rep,omitempty"`    // who called; the operator, of a command
	Owner   gate.Rep          `json:"owner,omitempty"`
	Peer    string            `json:"peer,omitempty"`
	Ending  string            `json:"ending,omitempty"`
	Talk    *int64            `json:"talk_seconds,omitempty"` // of an end
	Status  int               `json:"status,omitempty"`       // the final SIP status towards the caller
	List    string            `json:"list,omitempty"`
	Lists   string            `json:"list_version,omitempty"`
	Note    string            `json:"note,omitempty"`
	Scope   string            `json:"scope,omitempty"`
	Detail  map[string]string `json:"detail,omitempty"`
	Gate    string            `json:"gate,omitempty"`
	Policy  string            `json:"policy,omitempty"`
	CallID  string            `json:"call_id,omitempty"`
	ID      string            `json:"id"`
}

func (sh *shell) newHistoryCommand() *cobra.Command {
	limit := historyKept
	cmd := &cobra.Command{
		Use: "history NUMBER", Short: "the last records of a number, newest first", Args: oneArg("NUMBER"),
		Example: `  ringfence history +12125550100
  ringfence history +12125550100 --limit 5 --output json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 || limit > historyKept {
				return usagef("--limit %d is out of range: the registry keeps the last %d records of a number", limit, historyKept)
			}
			return sh.withNumber(cmd.Context(), args[0], func(ctx context.Context, c *client, n gate.Number) error {
				records, err := c.store.History(ctx, n, limit)
				if err != nil {
					return err
				}
				return sh.printHistory(records)
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", limit, "how many at most")
	return cmd
}

func (sh *shell) printHistory(records []registry.Record) error {
	reports := make([]recordReport, len(records))
	for i, r := range records {
		reports[i] = recordReportOf(r)
	}
	return sh.print(reports, func(w io.Writer) {
		if len(reports) == 0 {
			fmt.Fprintln(w, "no record of this number")
			return
		}
		row(w, "TIME", "WHAT", "REP", "OWNER", "OUTCOME", "NOTE")
		for _, r := range reports {
			row(w, timeCell(r.Time), r.Kind, string(r.Rep), string(r.Owner), outcomeOf(r), r.Note)
		}
	})
}

func recordReportOf(r registry.Record) recordReport {
	report := recordReport{
		Time: r.Time.UTC().Truncate(time.Millisecond), Kind: string(r.Kind), Verdict: r.Verdict, Reason: r.Reason,
		Rep: r.Rep, Owner: r.Owner, Peer: r.Peer, Ending: r.Ending, Status: r.Status, List: r.List, Lists: r.Version,
		Would: r.Detail["would"],
		Note:  r.Note, Scope: string(r.Scope), Detail: r.Detail, Gate: r.Gate, Policy: r.Policy, CallID: r.CallID, ID: r.ID,
	}
	if r.Kind == registry.RecordEnd {
		talk := int64(r.Talk / time.Second)
		report.Talk = &talk
	}
	return report
}

// outcomeOf says in a few words what a record tells.
func outcomeOf(r recordReport) string {
	switch registry.RecordKind(r.Kind) {
	case registry.RecordDecision:
		if r.Would != "" {
			return r.Verdict + " (" + r.Reason + ", only watched: would " + r.Would + ")"
		}
		return r.Verdict + " (" + r.Reason + ")"
	case registry.RecordEnd:
		text := r.Ending
		if r.Status > 0 {
			text += " (" + strconv.Itoa(r.Status) + ")"
		}
		if r.Talk != nil && *r.Talk > 0 {
			text += fmt.Sprintf(", talked %s", time.Duration(*r.Talk)*time.Second)
		}
		return text
	case registry.RecordListing:
		return r.Reason + " " + r.List
	default:
		return r.Reason
	}
}
