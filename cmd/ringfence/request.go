package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/requests"
)

// requestReport is a request as it is printed.
type requestReport struct {
	ID       string         `json:"id"`
	Kind     requests.Kind  `json:"kind"`
	State    requests.State `json:"state"`
	Number   gate.Number    `json:"number"`
	Scope    gate.Scope     `json:"scope,omitempty"`
	Rep      gate.Rep       `json:"rep"` // who asks
	To       gate.Rep       `json:"to"`  // whom it is for
	Percent  int            `json:"percent,omitempty"`
	For      int64          `json:"for_seconds,omitempty"`
	Reason   string         `json:"reason,omitempty"`
	Owner    gate.Rep       `json:"owner,omitempty"`     // when it was opened
	WaitsFor string         `json:"waits_for,omitempty"` // the step that it waits for
	Steps    []string       `json:"steps"`
	Opened   *time.Time     `json:"opened,omitempty"`
	Due      *time.Time     `json:"due,omitempty"` // open: when it goes to the next step, or expires
	Expires  *time.Time     `json:"expires,omitempty"`
	Answers  []answerReport `json:"answers"`
	Failure  string         `json:"failure,omitempty"`
	Repeated bool           `json:"repeated,omitempty"` // open: the same was asked for already
}

type answerReport struct {
	What   string     `json:"what"` // approve, deny, cancel, escalate or expire
	Step   string     `json:"step,omitempty"`
	By     string     `json:"by,omitempty"` // left out when it happened by itself
	At     *time.Time `json:"at"`
	Reason string     `json:"reason,omitempty"`
}

func requestReportOf(r requests.Request) requestReport {
	report := requestReport{
		ID: r.ID, Kind: r.Kind, State: r.State, Number: r.Number, Scope: r.Scope, Rep: r.Rep, To: r.To, Percent: r.Percent,
		For: seconds(r.For), Reason: r.Reason, Owner: r.Owner, WaitsFor: r.Step(), Steps: r.Steps, Opened: timeOf(r.Opened),
		Expires: timeOf(r.Expires), Answers: []answerReport{}, Failure: r.Failure, Repeated: r.Repeated,
	}
	if r.State == requests.Open {
		report.Due = timeOf(r.Due)
	}
	for _, a := range r.Answers {
		report.Answers = append(report.Answers, answerReport{a.What, a.Step, a.By, timeOf(a.At), a.Reason})
	}
	return report
}

func (sh *shell) newRequestCommand() *cobra.Command {
	cmd := group("request", "what reps ask for, and who answers",
		sh.newRequestOpenCommand(),
		sh.newRequestListCommand(),
		sh.newRequestShowCommand(),
		sh.newRequestAnswerCommand("approve", "say yes to the step that a request waits for", (*requests.Book).Approve),
		sh.newRequestAnswerCommand("deny", "say no, which decides", (*requests.Book).Deny),
		sh.newRequestAnswerCommand("cancel", "take a request back", (*requests.Book).Cancel),
	)
	cmd.Example = `  ringfence request open --kind share --number +12125550100 --rep 202 --percent 50 --reason "she asked for me"
  ringfence request list --for 201
  ringfence request approve r17 --as 201`
	return cmd
}

// withRequests opens the registry for a command about requests, with a limit on its time.
func (sh *shell) withRequests(ctx context.Context, use func(context.Context, *client, *requests.Book) error) error {
	return sh.withClient(ctx, false, func(ctx context.Context, c *client) error {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		return use(ctx, c, c.book())
	})
}

// requestFlags are what is asked for, as it is typed.
type requestFlags struct {
	kind, number, rep, to, reason string
	scope                         scopeFlag
	percent                       int
	length                        durationFlag
}

func (f *requestFlags) request(c *client) (requests.Request, error) {
	kind := requests.Kind(f.kind)
	if !slices.Contains(requests.Kinds(), kind) {
		return requests.Request{}, usagef("%q is no kind of request; there are %s", f.kind, joined(requests.Kinds()))
	}
	if f.percent < 0 || f.percent > 100 || f.percent != 0 && kind != requests.Share {
		return requests.Request{}, usagef("--percent is for a share, and 0 to 100")
	}
	rep, err := repOf(f.rep)
	if err != nil {
		return requests.Request{}, err
	}
	rep, person := c.person(rep)
	to := rep
	if f.to != "" {
		if to, err = repOf(f.to); err != nil {
			return requests.Request{}, err
		}
		to = c.gate.Recognise(to)
	}
	n, err := c.number(f.number)
	return requests.Request{
		Kind: kind, Number: n, Scope: f.scope.or(person.Scope), Rep: rep, To: to, Percent: f.percent,
		For: f.length.value.Std(), Reason: f.reason,
	}, err
}

func (sh *shell) newRequestOpenCommand() *cobra.Command {
	var f requestFlags
	cmd := &cobra.Command{
		Use: "open --kind KIND --number NUMBER --rep ID", Short: "ask for something in a rep's name", Args: cobra.NoArgs,
		Long: `Ask for something in a rep's name. rules.requests says who answers, by kind:

  pass       one call to a number that the rules keep from the rep
  share      to become a collaborator, with --percent of the result
  transfer   the number from its owner
  claim      a number that nobody owns
  extend     more time for a number, --for so long
  exemption  that the customer's refusal be lifted

What is asked for already is not asked for twice: the open request is shown.`,
		Example: `  ringfence request open --kind pass --number +12125550100 --rep 202 --reason "she asked me to ring back"
  ringfence request open --kind share --number +12125550100 --rep 202 --percent 50
  ringfence request open --kind extend --number +12125550100 --rep 201 --for 14d`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.withRequests(cmd.Context(), func(ctx context.Context, c *client, b *requests.Book) error {
				r, err := f.request(c)
				if err != nil {
					return err
				}
				if r, err = b.Open(ctx, r); err != nil {
					return err
				}
				return sh.printRequests(requestReportOf(r), []requests.Request{r})
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.kind, "kind", "", "what is asked for: "+joined(requests.Kinds()))
	flags.StringVar(&f.number, "number", "", "the number")
	flags.StringVar(&f.rep, "rep", "", "id of the rep who asks")
	flags.StringVar(&f.to, "to", "", "id of the rep whom it is for; default: who asks")
	f.scope.register(cmd, "that of the rep who asks")
	flags.IntVar(&f.percent, "percent", 0, "share: the part of the result")
	flags.Var(&f.length, "for", "pass, claim, extend: how long; default: by the rules")
	flags.StringVar(&f.reason, "reason", "", "why, for those who answer")
	for _, name := range []string{"kind", "number", "rep"} {
		_ = cmd.MarkFlagRequired(name)
	}
	return cmd
}

func (sh *shell) newRequestShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "one request with all its answers", Args: oneArg("ID"),
		Example: "  ringfence request show r17 --output json",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.withRequests(cmd.Context(), func(ctx context.Context, _ *client, b *requests.Book) error {
				r, err := b.Show(ctx, args[0])
				if err != nil {
					return err
				}
				return sh.printRequest(r)
			})
		},
	}
}

type answering func(b *requests.Book, ctx context.Context, id string, by gate.Rep, reason string) (requests.Request, error)

func (sh *shell) newRequestAnswerCommand(verb, short string, answer answering) *cobra.Command {
	var as, reason string
	cmd := &cobra.Command{
		Use: verb + " ID", Short: short, Args: oneArg("ID"),
		Example: "  ringfence request " + verb + " r17 --as 201\n  ringfence request " + verb + ` r17 --reason "agreed on the phone"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			by, err := gate.Rep(""), error(nil)
			if as != "" {
				if by, err = repOf(as); err != nil {
					return err
				}
			}
			return sh.withRequests(cmd.Context(), func(ctx context.Context, c *client, b *requests.Book) error {
				r, err := answer(b, ctx, args[0], c.gate.Recognise(by), reason)
				if err != nil {
					return explainAnswer(err)
				}
				return sh.printRequests(requestReportOf(r), []requests.Request{r})
			})
		},
	}
	cmd.Flags().StringVar(&as, "as", "", "id of the rep in whose name; default: the operator's own word, which stands for everybody's")
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	return cmd
}

// explainAnswer says what an operator can do about an answer that does not count.
func explainAnswer(err error) error {
	var not *requests.NotYoursError
	var late *requests.LateError
	switch {
	case errors.As(err, &not):
		return fmt.Errorf("%w; leave --as out to answer as the operator", err)
	case errors.As(err, &late):
		return fmt.Errorf("%w; ringfence request show %s says how it came to that", err, late.Request.ID)
	}
	return err
}

// joined writes the words of a closed set.
func joined[T ~string](words []T) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = string(w)
	}
	return strings.Join(texts, ", ")
}
