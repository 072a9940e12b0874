package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/replay"
)

// mostListed bounds what --list keeps in memory.
const mostListed = 100_000

// replayReport is what `policy replay` prints.
type replayReport struct {
	Since     time.Time      `json:"since"`
	Policy    string         `json:"policy"` // version of the rules that it was decided by
	Calls     int            `json:"calls"`  // to outside numbers
	Different int            `json:"different"`
	Reasons   []replayReason `json:"by_reason"`
	Changes   []replayChange `json:"changes"`
	List      []replayCall   `json:"list,omitempty"` // --list only

	Earlier    int `json:"assumed_earlier"`      // numbers whose owner, refusal or list is older than the records
	Unanswered int `json:"assumed_unanswered"`   // calls that were stopped and now go out
	Local      int `json:"not_decided_again"`    // to what is no outside number
	Broken     int `json:"unreadable,omitempty"` // records of a newer release
	Unlisted   int `json:"not_listed,omitempty"` // differences beyond what --list keeps
}

// replayReason is how often calls had an outcome, then and under the new rules.
type replayReason struct {
	Outcome string `json:"outcome"`
	Old     int    `json:"old"`
	New     int    `json:"new"`
}

type replayChange struct {
	Old   string `json:"old"`
	New   string `json:"new"`
	Calls int    `json:"calls"`
}

type replayCall struct {
	Time     time.Time   `json:"time"`
	Number   gate.Number `json:"number"`
	Rep      gate.Rep    `json:"rep"`
	Old      string      `json:"old"`
	New      string      `json:"new"`
	OldOwner gate.Rep    `json:"old_owner,omitempty"`
	NewOwner gate.Rep    `json:"new_owner,omitempty"`
	CallID   string      `json:"call_id"`
}

func (sh *shell) newPolicyReplayCommand() *cobra.Command {
	since := sinceFlag()
	list := false
	cmd := &cobra.Command{
		Use: "replay", Short: "what other rules would have decided of the calls of the last days", Args: cobra.NoArgs,
		Long: `Decides the recorded calls again by the rules of this configuration, and shows what would have been different. Nothing is
changed. All records are read: those from before --since say how each number stood then.

Calls that went out end as they did. What nobody can know is assumed, and said: a call that was stopped and would go out
counts as unanswered; an owner, refusal or list from before the records lasts as long as the records show. The bulk
do-not-call lists are those of now. What was no outside number is not decided again.`,
		Example: `  ringfence policy replay --since 7d --config new.yaml
  ringfence policy replay --set rules.protection=60d --list`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.withClient(cmd.Context(), true, func(ctx context.Context, c *client) error {
				return sh.policyReplay(ctx, c, time.Now().Add(-since.value.Std()), list)
			})
		},
	}
	cmd.Flags().Var(&since, "since", "how far to look back")
	cmd.Flags().BoolVar(&list, "list", false, "name each call that is decided otherwise")
	return cmd
}

func (sh *shell) policyReplay(ctx context.Context, c *client, since time.Time, list bool) error {
	report := replayReport{Since: since.UTC().Truncate(time.Second), Policy: c.cfg.Rules.Version(), Reasons: []replayReason{}, Changes: []replayChange{}}
	options := replay.Options{Config: c.cfg.Policy(), People: c.store.People(), Listed: c.store.Listed, Since: since, Until: time.Now()}
	if list {
		options.Each = report.note
	}
	r, err := replay.New(options)
	if err != nil {
		return err
	}
	if err := sh.readRecords(ctx, c, time.Time{}, r.Add); err != nil {
		return err
	}
	report.fill(&r.Result)
	return sh.print(report, func(w io.Writer) { replayTable(w, &report, list) })
}

// note takes one call for --list.
func (r *replayReport) note(d replay.Difference) {
	if len(r.List) >= mostListed {
		r.Unlisted++
		return
	}
	r.List = append(r.List, replayCall{
		Time: d.Time.UTC(), Number: d.Number, Rep: d.Rep, Old: outcomeText(d.Old), New: outcomeText(d.New),
		OldOwner: d.OldOwner, NewOwner: d.NewOwner, CallID: d.CallID,
	})
}

func (r *replayReport) fill(from *replay.Result) {
	r.Calls, r.Different = from.Calls, from.Different
	r.Earlier, r.Unanswered, r.Local, r.Broken = from.Earlier, from.NewOut, from.Local, from.Broken
	reasons := make(map[string]*replayReason)
	of := func(o replay.Outcome) *replayReason {
		text := outcomeText(o)
		if reasons[text] == nil {
			reasons[text] = &replayReason{Outcome: text}
		}
		return reasons[text]
	}
	for change, calls := range from.Changes {
		of(change.Old).Old += calls
		of(change.New).New += calls
		if change.Old != change.New {
			r.Changes = append(r.Changes, replayChange{outcomeText(change.Old), outcomeText(change.New), calls})
		}
	}
	for _, reason := range reasons {
		r.Reasons = append(r.Reasons, *reason)
	}
	slices.SortFunc(r.Reasons, func(a, b replayReason) int {
		return cmp.Or(cmp.Compare(b.Old, a.Old), cmp.Compare(a.Outcome, b.Outcome))
	})
	slices.SortFunc(r.Changes, func(a, b replayChange) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Old, b.Old), cmp.Compare(a.New, b.New))
	})
	slices.SortFunc(r.List, func(a, b replayCall) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.CallID, b.CallID)) })
}

// outcomeText writes "block owned", and "allow owned, would block" of a rule that is only watched.
func outcomeText(o replay.Outcome) string {
	text := o.Verdict + " " + o.Reason
	if o.Would != "" {
		text += ", would " + o.Would
	}
	return text
}

func replayTable(w io.Writer, r *replayReport, list bool) {
	fmt.Fprintf(w, "Of %s since %s, policy %s would have decided %d otherwise.\n", count(r.Calls, "call"), timeCell(r.Since), r.Policy, r.Different)
	fmt.Fprintf(w, "Assumed: that %s, stopped then and let out now, would not have been answered; how %s stood before the records begin;\n",
		count(r.Unanswered, "call"), count(r.Earlier, "number"))
	fmt.Fprintf(w, "bulk do-not-call lists as they are now. Not decided again: %s to what is no outside number.\n", count(r.Local, "call"))
	if r.Broken > 0 {
		fmt.Fprintf(w, "%s could not be read and are left out: a newer release wrote them.\n", count(r.Broken, "record"))
	}
	fmt.Fprintln(w)
	row(w, "OUTCOME", "OLD", "NEW", "CHANGE")
	for _, reason := range r.Reasons {
		row(w, reason.Outcome, strconv.Itoa(reason.Old), strconv.Itoa(reason.New), fmt.Sprintf("%+d", reason.New-reason.Old))
	}
	if len(r.Changes) > 0 {
		fmt.Fprintln(w)
		row(w, "WAS", "WOULD BE", "CALLS")
		for _, change := range r.Changes {
			row(w, change.Old, change.New, strconv.Itoa(change.Calls))
		}
	}
	if list {
		replayListTable(w, r)
	}
}

func replayListTable(w io.Writer, r *replayReport) {
	fmt.Fprintln(w)
	row(w, "TIME", "NUMBER", "REP", "WAS", "WOULD BE", "OWNER THEN", "OWNER")
	for _, c := range r.List {
		row(w, timeCell(c.Time), string(c.Number), string(c.Rep), c.Old, c.New, string(c.OldOwner), string(c.NewOwner))
	}
	if r.Unlisted > 0 {
		fmt.Fprintf(w, "and %d more\n", r.Unlisted)
	}
}
