package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// offboardReport is what rep offboard prints.
type offboardReport struct {
	ID        string                 `json:"id,omitempty"` // in the record of each number; "" for a dry run
	Rep       gate.Rep               `json:"rep"`
	State     registry.OffboardState `json:"state,omitempty"`
	Numbers   int                    `json:"numbers"`           // that the rep had
	Moved     int                    `json:"moved"`             // to colleagues
	Pooled    int                    `json:"pooled"`            // into the pool
	Shares    int                    `json:"shares"`            // numbers of colleagues with which the rep helped
	To        map[gate.Rep]int       `json:"to,omitempty"`      // what each colleague got, "" for the pool; not for a dry run
	Holding   map[gate.Rep]int       `json:"holding,omitempty"` // dry run: what each colleague holds already
	Back      int                    `json:"back"`              // undo: given back
	Changed   int                    `json:"changed"`           // undo: left where they are
	UndoUntil *time.Time             `json:"undo_until,omitempty"`
	DryRun    bool                   `json:"dry_run"`
	Left      *bool                  `json:"left"` // whether the rep's new calls are refused; null when the rep is not among the people
}

// offboardFlags are the flags of rep offboard.
type offboardFlags struct {
	to, strategy, scope          string
	scoped, dryRun, undo, resume bool
}

func (sh *shell) newRepOffboardCommand() *cobra.Command {
	var f offboardFlags
	cmd := &cobra.Command{
		Use: "offboard ID --to pool|REP,REP,...", Short: "hand over the numbers of a rep who leaves",
		Long: `Hands over every number that a rep owns, into the pool or to colleagues: one after another (round-robin), or to whoever
holds least (by-load). Nobody gets more than they may hold, nor what their team does not sell: what fits nowhere goes into
the pool. The protection of each number runs on, locks and deals and what was agreed with others stay, and each has one
record that names the offboarding. What the rep helped colleagues with ends.

From the beginning the rep is marked as having left: new calls are refused, calls that are up go on to their end. With
--scope only the numbers of that scope go, and the rep stays.

When it was cut off, --resume goes on; no number is moved twice. Within rules.offboard.undo, --undo gives back what nobody
has touched since, as it was: numbers whose customer was reached, whose deal was closed, that were locked, extended or
passed on stay where they are.`,
		Example: `  ringfence rep offboard 201 --to 202,203 --dry-run
  ringfence rep offboard 201 --to 202,203 --strategy by-load
  ringfence rep offboard 201 --to pool
  ringfence rep offboard 201 --resume
  ringfence rep offboard 201 --undo`,
		Args: oneArg("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.scoped = cmd.Flags().Changed("scope")
			rep, err := repOf(args[0])
			if err != nil {
				return err
			}
			if (f.to == "") != (f.undo || f.resume) {
				return usagef("give --to with pool or the ids of colleagues, or --resume or --undo alone")
			}
			return sh.withClient(cmd.Context(), false, func(ctx context.Context, c *client) error {
				return sh.offboard(ctx, c, rep, f)
			})
		},
	}
	cmd.Flags().StringVar(&f.to, "to", "", "pool, or the ids of the colleagues who take over, parted by commas")
	cmd.Flags().StringVar(&f.strategy, "strategy", string(registry.RoundRobin), "round-robin, or by-load: whoever holds least")
	cmd.Flags().StringVar(&f.scope, "scope", "", "only the numbers of this scope; the rep stays")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "say what there is to hand over, change nothing")
	cmd.Flags().BoolVar(&f.resume, "resume", false, "go on with one that was cut off")
	cmd.Flags().BoolVar(&f.undo, "undo", false, "give back what was handed over")
	cmd.MarkFlagsMutuallyExclusive("resume", "undo", "dry-run")
	return cmd
}

func (sh *shell) offboard(ctx context.Context, c *client, rep gate.Rep, f offboardFlags) error {
	rep = c.gate.Recognise(rep)
	switch {
	case f.undo:
		return sh.undoOffboarding(ctx, c, rep)
	case f.resume:
		return sh.carryOut(ctx, c, rep)
	}
	plan, err := c.offboardPlan(rep, f)
	if err != nil {
		return err
	}
	if f.dryRun {
		return sh.dryOffboard(ctx, c, plan)
	}
	if _, err := c.store.PlanOffboarding(ctx, plan); err != nil {
		return explainOffboard(rep, err)
	}
	return sh.carryOut(ctx, c, rep)
}

// offboardPlan reads the flags.
func (c *client) offboardPlan(rep gate.Rep, f offboardFlags) (registry.OffboardPlan, error) {
	plan := registry.OffboardPlan{
		Rep: rep, Strategy: registry.Strategy(f.strategy), Undo: c.cfg.Rules.Offboard.Undo.Std(),
	}
	if plan.Strategy != registry.RoundRobin && plan.Strategy != registry.ByLoad {
		return plan, usagef("--strategy %q is not one of %s, %s", f.strategy, registry.RoundRobin, registry.ByLoad)
	}
	if f.scoped {
		scope := gate.Scope(f.scope)
		plan.Scope = &scope
	}
	if f.to == "pool" {
		return plan, nil
	}
	for id := range strings.SplitSeq(f.to, ",") {
		who, err := repOf(strings.TrimSpace(id))
		if err != nil {
			return plan, err
		}
		taker, err := c.taker(who)
		if err != nil {
			return plan, err
		}
		if taker.Rep == rep {
			return plan, usagef("%s leaves and cannot take over from themselves", rep)
		}
		if slices.ContainsFunc(plan.To, func(t registry.Taker) bool { return t.Rep == taker.Rep }) {
			return plan, usagef("%s is named twice in --to", who)
		}
		plan.To = append(plan.To, taker)
	}
	return plan, nil
}

func (sh *shell) dryOffboard(ctx context.Context, c *client, plan registry.OffboardPlan) error {
	bar := sh.progress("looking through what is owned", -1, false)
	found, err := c.store.Find(ctx, plan, bar.of)
	bar.finish()
	if err != nil {
		return err
	}
	r := offboardReport{Rep: plan.Rep, Numbers: found.Numbers, Shares: found.Helps, DryRun: true, Holding: map[gate.Rep]int{}}
	for _, t := range plan.To {
		r.Holding[t.Rep] = found.Load(t.Rep)
	}
	return sh.printOffboard(r)
}

// carryOut hands over, from the beginning or from where it was cut off.
func (sh *shell) carryOut(ctx context.Context, c *client, rep gate.Rep) error {
	o, err := c.store.Offboarding(ctx, rep)
	if err != nil {
		return explainOffboard(rep, err)
	}
	var left *bool
	if o.Scope == nil {
		if left, err = c.setLeft(ctx, rep, true); err != nil {
			return err
		}
	}
	bar := sh.progress("handing over", -1, false)
	o, err = c.store.Offboard(ctx, rep, c.handover(bar.of))
	bar.finish()
	if err != nil {
		return cutOff(rep, "resume", explainOffboard(rep, err))
	}
	return sh.reportOffboard(ctx, c, o, left)
}

func (sh *shell) undoOffboarding(ctx context.Context, c *client, rep gate.Rep) error {
	bar := sh.progress("giving back", -1, false)
	o, err := c.store.UndoOffboarding(ctx, rep, c.handover(bar.of))
	bar.finish()
	if err != nil {
		return cutOff(rep, "undo", explainOffboard(rep, err))
	}
	var left *bool
	if o.Scope == nil {
		if left, err = c.setLeft(ctx, rep, false); err != nil {
			return err
		}
	}
	return sh.reportOffboard(ctx, c, o, left)
}

// handover goes as fast as calls allow: somebody is waiting for it, and each script is short.
func (c *client) handover(progress func(done, total int)) registry.Handover {
	const percent = 50
	return registry.Handover{Terms: c.gate.Terms(), Percent: percent, Progress: progress}
}

// explainOffboard says what can be done about an offboarding that is not possible.
func explainOffboard(rep gate.Rep, err error) error {
	switch {
	case errors.Is(err, registry.ErrNoOffboarding):
		return fmt.Errorf("%s: %w; ringfence rep offboard %s --to ... begins", rep, err, rep)
	case errors.Is(err, registry.ErrOffboarding):
		return fmt.Errorf("%s: %w; ringfence rep offboard %s --resume goes on with it, --undo gives back", rep, err, rep)
	}
	return err
}

// cutOff adds how to go on when the registry went away in the middle of it.
func cutOff(rep gate.Rep, flag string, err error) error {
	if errors.Is(err, registry.ErrOffboardState) || errors.Is(err, registry.ErrUndoTooLate) || errors.Is(err, registry.ErrNoOffboarding) {
		return err
	}
	return fmt.Errorf("%w; it was cut off, and ringfence rep offboard %s --%s goes on", err, rep, flag)
}

func (sh *shell) reportOffboard(ctx context.Context, c *client, o registry.Offboarding, left *bool) error {
	got, err := c.store.Handed(ctx, o)
	if err != nil {
		return err
	}
	return sh.printOffboard(offboardReport{
		ID: o.ID, Rep: o.Rep, State: o.State, Numbers: o.Moved + o.Pooled, Moved: o.Moved, Pooled: o.Pooled, Shares: o.Shares,
		To: got, Back: o.Back, Changed: o.Changed, UndoUntil: timeOf(o.UndoUntil()), Left: left,
	})
}

func (sh *shell) printOffboard(r offboardReport) error {
	return sh.print(r, func(w io.Writer) {
		switch {
		case r.DryRun:
			row(w, "REP", "NUMBERS", "HELPS WITH")
			row(w, string(r.Rep), strconv.Itoa(r.Numbers), strconv.Itoa(r.Shares))
			printShares(w, "HOLDS ALREADY", r.Holding)
			fmt.Fprintln(w, "\nnothing was changed")
		case r.State == registry.OffboardUndone:
			row(w, "REP", "GIVEN BACK", "LEFT WHERE THEY ARE")
			row(w, string(r.Rep), strconv.Itoa(r.Back), strconv.Itoa(r.Changed))
			printShares(w, "KEEPS", r.To)
		default:
			row(w, "REP", "TO COLLEAGUES", "INTO THE POOL", "SHARES ENDED", "UNDO UNTIL", "ID")
			row(w, string(r.Rep), strconv.Itoa(r.Moved), strconv.Itoa(r.Pooled), strconv.Itoa(r.Shares), cellOf(r.UndoUntil), r.ID)
			printShares(w, "GOT", r.To)
		}
		if !r.DryRun && r.Left == nil {
			fmt.Fprintf(w, "\n%s is not among the people, so whoever dials under that id is still let through\n", r.Rep)
		}
	})
}

// printShares is who has how many; the pool has no name.
func printShares(w io.Writer, what string, all map[gate.Rep]int) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintln(w)
	row(w, "WHO", what)
	for _, rep := range slices.Sorted(maps.Keys(all)) {
		name := string(rep)
		if name == "" {
			name = "the pool"
		}
		row(w, name, strconv.Itoa(all[rep]))
	}
}
