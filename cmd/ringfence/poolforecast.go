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

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// ending is a number whose protection will end, as it is printed.
type ending struct {
	Number gate.Number `json:"number"`
	Scope  gate.Scope  `json:"scope"`
	Rep    gate.Rep    `json:"rep"`
	Until  *time.Time  `json:"until"`
	Why    string      `json:"why"`
	Level  string      `json:"level,omitempty"`
}

func endingOf(h registry.Holding, until time.Time, t gate.Terms) ending {
	return ending{Number: h.Number, Scope: h.Scope, Rep: h.Owner, Until: timeOf(until), Why: registry.EndsBy(h, t), Level: h.Level}
}

// sortEndings puts them in the order in which a supervisor goes through them: by rep, the most urgent first.
func sortEndings(all []ending) {
	slices.SortFunc(all, func(a, b ending) int {
		return cmp.Or(cmp.Compare(a.Rep, b.Rep), a.Until.Compare(*b.Until), cmp.Compare(a.Number, b.Number))
	})
}

func printEndings(w io.Writer, all []ending) {
	row(w, "REP", "NUMBER", "SCOPE", "UNTIL", "WHY", "LEVEL")
	for _, e := range all {
		row(w, string(e.Rep), string(e.Number), string(e.Scope), cellOf(e.Until), e.Why, e.Level)
	}
}

func (sh *shell) newPoolWarnCommand() *cobra.Command {
	var within durationFlag
	var rep string
	cmd := &cobra.Command{
		Use: "warn", Short: "what will be recycled soon, by rep", Args: cobra.NoArgs,
		Long: `What will go into the pool soon unless something is done: call the customer, close the deal, or have a supervisor
extend or lock it. By rep, the most urgent first; as JSON for a CRM or a reminder. The gates also write each of these
numbers down once, rules.pool.warn before its end (ringfence history NUMBER).`,
		Example: `  ringfence pool warn
  ringfence pool warn --within 7d --rep 201 --output json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.withClient(cmd.Context(), false, func(ctx context.Context, c *client) error {
				now, err := c.store.Now(ctx)
				if err != nil {
					return err
				}
				all := []ending{}
				for h, err := range c.store.Ending(ctx, now.Add(within.or(c.cfg.Rules.Pool.Warn))) {
					if err != nil {
						return fmt.Errorf("after %s the rest could not be read: %w", count(len(all), "number"), err)
					}
					if h.Until.After(now) && (rep == "" || h.Owner == gate.Rep(rep)) {
						all = append(all, endingOf(h, h.Until, c.gate.Terms()))
					}
				}
				sortEndings(all)
				return sh.print(all, func(w io.Writer) {
					if len(all) == 0 {
						fmt.Fprintln(w, "nothing will be recycled so soon")
						return
					}
					printEndings(w, all)
				})
			})
		},
	}
	cmd.Flags().Var(&within, "within", "how soon; default: rules.pool.warn")
	cmd.Flags().StringVar(&rep, "rep", "", "only of this rep")
	return cmd
}

// forecast is how many numbers some rules would recycle, of one rep, by one rule or in all.
type forecast struct {
	Owned  int `json:"owned"`
	Now    int `json:"now"`    // at once
	Within int `json:"within"` // later, but within the time that was asked about
	Before int `json:"before"` // at once or within that time by the ends that hold today
}

func (f *forecast) add(g forecast) {
	f.Owned, f.Now, f.Within, f.Before = f.Owned+g.Owned, f.Now+g.Now, f.Within+g.Within, f.Before+g.Before
}

// previewReport is what pool preview prints.
type previewReport struct {
	Policy        string               `json:"policy"`
	WithinSeconds int64                `json:"within_seconds"`
	All           forecast             `json:"all"`
	ByRep         map[string]*forecast `json:"by_rep"`
	ByWhy         map[string]*forecast `json:"by_why"`
	Numbers       []ending             `json:"numbers,omitempty"` // with --list
}

func (sh *shell) newPoolPreviewCommand() *cobra.Command {
	within := durationFlag{value: gate.Duration(7 * 24 * time.Hour), given: true}
	var list bool
	cmd := &cobra.Command{
		Use: "preview", Short: "what the rules of a configuration would recycle, before they are in force", Args: cobra.NoArgs,
		Long: `Goes through every owned number and says which of them the rules of the configuration would send into the pool at once,
and which within some time; beside it, how many go by the ends that hold today. It changes nothing. Give the new file with
--config, before it is reloaded; after that rules.pool.settle is the time in which it can be taken back.

Numbers whose end was set by hand, or that are locked, stay as they are whatever the rules say.`,
		Example: `  ringfence --config new.yaml pool preview
  ringfence pool preview --set rules.no_deal=90d --within 30d --list --output json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.withClient(cmd.Context(), false, func(ctx context.Context, c *client) error {
				report, err := sh.preview(ctx, c, within.value.Std(), list)
				if err != nil {
					return err
				}
				return sh.print(report, func(w io.Writer) { printPreview(w, report, within.value) })
			})
		},
	}
	cmd.Flags().Var(&within, "within", "how far ahead to look")
	cmd.Flags().BoolVar(&list, "list", false, "name every number")
	return cmd
}

func (sh *shell) preview(ctx context.Context, c *client, within time.Duration, list bool) (previewReport, error) {
	terms := c.gate.Terms()
	r := previewReport{
		Policy: terms.Policy, WithinSeconds: seconds(within), ByRep: map[string]*forecast{}, ByWhy: map[string]*forecast{},
	}
	now, err := c.store.Now(ctx)
	if err != nil {
		return r, err
	}
	bar := sh.progress("looking through what is owned", -1, false)
	defer bar.finish()
	for h, err := range c.store.Ending(ctx, time.Time{}) {
		if err != nil {
			return r, fmt.Errorf("after %s the rest could not be read: %w", count(r.All.Owned, "number"), err)
		}
		end := registry.Reckoned(h, terms)
		f := forecast{Owned: 1}
		switch {
		case !end.After(now):
			f.Now = 1
		case !end.After(now.Add(within)):
			f.Within = 1
		}
		if !h.Until.After(now.Add(within)) {
			f.Before = 1
		}
		r.All.add(f)
		of(r.ByRep, string(h.Owner)).add(f)
		if f.Now+f.Within > 0 {
			of(r.ByWhy, registry.EndsBy(h, terms)).add(f)
			if list {
				r.Numbers = append(r.Numbers, endingOf(h, end, terms))
			}
		}
		bar.at(int64(r.All.Owned))
	}
	sortEndings(r.Numbers)
	return r, nil
}

// of is the forecast under a name, made when there is none.
func of(all map[string]*forecast, name string) *forecast {
	f, ok := all[name]
	if !ok {
		f = &forecast{}
		all[name] = f
	}
	return f
}

func printPreview(w io.Writer, r previewReport, within gate.Duration) {
	ahead := "WITHIN " + within.String()
	line := func(name string, f forecast) {
		row(w, name, strconv.Itoa(f.Owned), strconv.Itoa(f.Now), strconv.Itoa(f.Within), strconv.Itoa(f.Before))
	}
	row(w, "REP", "OWNED", "NOW", ahead, "AS IT IS TODAY")
	for _, rep := range slices.Sorted(maps.Keys(r.ByRep)) {
		line(rep, *r.ByRep[rep])
	}
	line("all", r.All)
	if len(r.ByWhy) > 0 {
		fmt.Fprintln(w)
		row(w, "WHY", "NOW", ahead)
		for _, why := range slices.Sorted(maps.Keys(r.ByWhy)) {
			row(w, why, strconv.Itoa(r.ByWhy[why].Now), strconv.Itoa(r.ByWhy[why].Within))
		}
	}
	if len(r.Numbers) > 0 {
		fmt.Fprintln(w)
		printEndings(w, r.Numbers)
	}
}
