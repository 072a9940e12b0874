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
)

// checkReport is what `check` prints.
type checkReport struct {
	Dialled    string       `json:"dialled"`
	Number     gate.Number  `json:"number,omitempty"` // absent when it is no E.164 number
	Rep        gate.Rep     `json:"rep"`
	Verdict    gate.Verdict `json:"verdict"`
	Reason     gate.Reason  `json:"reason"`
	Would      string       `json:"would,omitempty"` // shadow mode: what the verdict would be, were the rule enforced
	Owner      gate.Rep     `json:"owner,omitempty"`
	Extension  string       `json:"extension,omitempty"`           // redirect: where the owner is rung, or the team
	Territory  gate.Team    `json:"territory,omitempty"`           // the team whose territory it is, when the rep is of another
	RetryAfter int64        `json:"retry_after_seconds,omitempty"` // absent when waiting does not help
	List       string       `json:"list,omitempty"`
	Lists      string       `json:"list_version,omitempty"`
	Why        string       `json:"why,omitempty"` // invalid_number: what is wrong with it
	Policy     string       `json:"policy"`
}

func (sh *shell) newCheckCommand() *cobra.Command {
	var rep, peer string
	cmd := &cobra.Command{
		Use:   "check NUMBER --rep ID",
		Short: "what would the gate say if this rep dialled this number now; changes nothing",
		Long: `What would the gate say if this rep dialled this number now? Nothing is reserved, counted or recorded.

Exit code 0: the call would go out to the number. 3: it would be blocked or redirected. 1: it could not be told, for the
registry did not answer.`,
		Example: `  ringfence check +12125550100 --rep 201
  ringfence check 912125550100 --rep 201 --peer desk      with the peer's dial plan
  ringfence check +12125550100 --rep 201 --output json && echo may be dialled`,
		Args: oneArg("NUMBER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			who, err := repOf(rep)
			if err != nil {
				return err
			}
			return sh.withClient(cmd.Context(), true, func(ctx context.Context, c *client) error {
				return sh.check(ctx, c, args[0], who, peer)
			})
		},
	}
	cmd.Flags().StringVar(&rep, "rep", "", "id of the rep who would dial")
	cmd.Flags().StringVar(&peer, "peer", "", "name of the peer whose dial plan applies; default: none")
	_ = cmd.MarkFlagRequired("rep")
	return cmd
}

func (sh *shell) check(ctx context.Context, c *client, text string, rep gate.Rep, peer string) error {
	plan, err := c.dialplan(peer)
	if err != nil {
		return err
	}
	call := gate.Call{Key: gate.Key{Rep: c.gate.Recognise(rep)}, Peer: peer, Dialled: c.gate.Read("sip", withoutSpaces(text), plan)}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	d, err := c.gate.Check(ctx, call)
	if err != nil {
		return fmt.Errorf("the registry could not be asked, so nothing can be said about %s: %w; "+
			"see that Redis runs and registry.url is right", text, err)
	}
	if err := sh.print(checkReportOf(text, d), func(w io.Writer) { checkTable(w, text, d) }); err != nil {
		return err
	}
	if d.Verdict != gate.Allow {
		return errSaysNo
	}
	return nil
}

// dialplan is that of the named peer.
func (c *client) dialplan(peer string) (gate.Dialplan, error) {
	if peer == "" {
		return nil, nil
	}
	var names []string
	for _, p := range c.cfg.SIP.Peers {
		if p.Name == peer {
			return gate.NewDialplan(p.Dialplan)
		}
		names = append(names, p.Name)
	}
	return nil, usagef("no peer of the configuration is called %q; there are: %s", peer, strings.Join(names, ", "))
}

func checkReportOf(text string, d gate.Decision) checkReport {
	would := ""
	if d.Shadow {
		would = d.Would.String()
	}
	return checkReport{
		Dialled: text, Number: d.Call.Dialled.Number, Rep: d.Call.Rep,
		Verdict: d.Verdict, Reason: d.Reason, Would: would, Owner: d.Owner, Extension: d.Extension, Territory: d.Territory,
		RetryAfter: seconds(d.RetryAfter), List: d.List, Lists: d.Lists, Why: d.Call.Dialled.Why, Policy: d.Policy,
	}
}

func checkTable(w io.Writer, text string, d gate.Decision) {
	row(w, "NUMBER", "REP", "VERDICT", "REASON", "BECAUSE")
	number := string(d.Call.Dialled.Number)
	if number == "" {
		number = text
	}
	row(w, number, string(d.Call.Rep), d.Verdict.String(), d.Reason.String(), because(d))
}

// because says in words what stands behind a decision.
func because(d gate.Decision) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	switch d.Reason {
	case gate.InvalidNumber:
		add("%s", d.Call.Dialled.Why)
	case gate.DNC:
		add("on the list %s", d.List)
	case gate.Owned:
		add("owned by %s", d.Owner)
	case gate.InFlight:
		add("%s is ringing it", d.Owner)
	case gate.Refused:
		add("the customer said no")
	}
	if d.Territory != "" {
		add("in the territory of %s", d.Territory)
	}
	if d.Shadow {
		add("only watched; enforced, the verdict would be %s", d.Would)
	}
	if d.Verdict == gate.Redirect {
		add("rings extension %s instead", d.Extension)
	}
	if d.RetryAfter > 0 {
		add("free in %s", gate.Duration(d.RetryAfter.Round(time.Second)))
	}
	return strings.Join(parts, ", ")
}

// withoutSpaces drops the spaces by which people group digits; in a dialled number they cannot occur.
func withoutSpaces(text string) string { return strings.ReplaceAll(text, " ", "") }

// oneArg wants one argument and says its name when it is not there.
func oneArg(name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 1 {
			return nil
		}
		return usageError{errors.New("expected " + name + ", got " + count(len(args), "argument"))}
	}
}

// twoArgs is the rule for a command that needs exactly two arguments.
func twoArgs(first, second string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 2 {
			return nil
		}
		return usageError{errors.New("expected " + first + " and " + second + ", got " + count(len(args), "argument"))}
	}
}
