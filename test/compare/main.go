// Command compare plays every scenario through Ringfence and through Kamailio as a plain relay, and prints where they
// agree. It exits 1 when one of them fails or when they differ in a way that is not declared with a reason.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"text/tabwriter"

	"github.com/ringfence/ringfence/test/scenarios"
	"github.com/ringfence/ringfence/test/site"
)

// atOnce is how many scenarios are played at a time: most of what they do is wait.
const atOnce = 3

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	agreed, err := compare(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
	}
	if err != nil || !agreed {
		stop()
		os.Exit(1)
	}
}

func compare(ctx context.Context) (agreed bool, err error) {
	dir, err := os.MkdirTemp("", "ringfence-compare-")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary, err := site.Build(ctx, dir)
	if err != nil {
		return false, err
	}
	all := scenarios.All()
	rows := make([]row, len(all))
	places := make(chan struct{}, atOnce)
	var playing sync.WaitGroup
	for i := range all {
		places <- struct{}{}
		playing.Go(func() {
			rows[i] = play(ctx, &all[i], binary, dir)
			<-places
		})
	}
	playing.Wait()
	return report(rows), ctx.Err()
}

// row is what both made of a scenario.
type row struct {
	scenario            *scenarios.Scenario
	ringfence, kamailio result
}

type result struct {
	outcome scenarios.Outcome
	err     error
}

func (r result) String() string {
	if r.err != nil {
		return "fails"
	}
	return r.outcome.String()
}

func play(ctx context.Context, s *scenarios.Scenario, binary, dir string) row {
	through := func(p site.Proxy) (r result) {
		own, err := os.MkdirTemp(dir, p.Name()+"-")
		if err != nil {
			return result{err: err}
		}
		r.outcome, r.err = s.Run(ctx, p, own)
		return r
	}
	return row{s, through(site.Ringfence{Binary: binary, Prepare: s.Says}), through(scenarios.Kamailio())}
}

// judge says whether the row is as it should be, and in a few words why.
func (r row) judge() (word string, fine bool) {
	ours, theirs := (site.Ringfence{}).Name(), (site.Kamailio{}).Name()
	oursFine := r.ringfence.err == nil && r.ringfence.outcome.Equal(r.scenario.Want(ours))
	theirsFine := r.kamailio.err == nil && r.kamailio.outcome.Equal(r.scenario.Want(theirs))
	if r.scenario.Fails(theirs) {
		theirsFine = r.kamailio.err != nil
	}
	switch {
	case !oursFine:
		return "RINGFENCE WRONG", false
	case !theirsFine:
		return "KAMAILIO UNEXPECTED", false
	case r.scenario.Differs != nil:
		return "declared", true
	}
	return "yes", true
}

func report(rows []row) (agreed bool) {
	agreed = true
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "scenario\tringfence\tkamailio\tagree")
	for _, r := range rows {
		word, fine := r.judge()
		agreed = agreed && fine
		theirs := "the same"
		if r.kamailio.String() != r.ringfence.String() {
			theirs = r.kamailio.String()
		}
		fmt.Fprintf(table, "%s\t%v\t%s\t%s\n", r.scenario.Name, r.ringfence, theirs, word)
	}
	if err := table.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "compare: the table:", err)
		return false
	}
	for _, r := range rows {
		if r.scenario.Differs != nil {
			fmt.Printf("\ndeclared: %s: %s.\n", r.scenario.Name, r.scenario.Differs.Why)
		}
		if _, fine := r.judge(); fine {
			continue
		}
		for _, result := range []result{r.ringfence, r.kamailio} {
			if result.err != nil {
				fmt.Printf("\n%s: %v\n", r.scenario.Name, result.err)
			}
		}
	}
	return agreed
}
