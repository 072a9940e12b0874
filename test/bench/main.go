// Command bench puts the same calls through Ringfence and through Kamailio with ndb_redis, in turns on the same machine
// in the same minutes, and says what each of them costs. Its tables go to the terminal and, when all of them were
// measured, into docs/performance.md.
//
//	go run ./test/bench                        everything, about 40 minutes
//	go run ./test/bench -only full -pairs 9    one section, more closely
//	go run ./test/bench -flame after.svg       where Ringfence's CPU time goes, by perf
//	go run ./test/bench -quick                 short cells, about 8 minutes: what works, not what it costs
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// section is one thing that is measured.
type section struct {
	name    string
	measure func(*stand, context.Context) ([]table, error)
}

var sections = []section{
	{"full", (*stand).full},
	{"blocked", (*stand).blocked},
	{"max", (*stand).limits},
	{"latency", (*stand).latency},
	{"away", (*stand).away},
	{"decision", (*stand).decision},
	{"memory", (*stand).memory},
	{"slopes", (*stand).slopeTable},
	{"stages", (*stand).stages},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx)
	if ctx.Err() != nil {
		err = errors.New("given up; everything that was started is stopped")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	o, err := parseOptions()
	if err != nil {
		return err
	}
	m, err := thisMachine(ctx)
	if err != nil {
		return err
	}
	s, err := newStand(ctx, o.binary, o.effort)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	progress("%s", m)
	if o.flame != "" {
		return s.drawFlame(ctx, o.flame)
	}
	began := time.Now()
	before, err := readMachineTime()
	if err != nil {
		return err
	}
	tables, err := measureAll(ctx, s, o.sections)
	if err != nil {
		return err
	}
	after, err := readMachineTime()
	if err != nil {
		return err
	}
	noise := fmt.Sprintf("All this took %v, of which the host took away %.2f %% of the CPU time.",
		time.Since(began).Round(time.Second), 100*after.stolenSince(before))
	fmt.Printf("\n%s\n%s\n", m, noise)
	if !o.write {
		return nil
	}
	return writePage(filepath.Join(s.root, "docs", "performance.md"), m, o.effort, noise, tables)
}

// options are the command line.
type options struct {
	sections []section
	binary   string // "" builds ./cmd/ringfence
	write    bool
	flame    string // "": no flame graph
	effort   effort
}

func parseOptions() (o options, err error) {
	only := flag.String("only", "", "sections to measure, with commas between; default: all of "+strings.Join(names(), ","))
	flag.BoolVar(&o.effort.quick, "quick", false, "short cells and few rounds: shows that everything works, not what it costs")
	flag.IntVar(&o.effort.pairs, "pairs", 0, "counted rounds a table (default 5; quick: 2)")
	flag.StringVar(&o.binary, "binary", "", "measure this ringfence; default: ./cmd/ringfence is built")
	flag.StringVar(&o.flame, "flame", "", "draw a flame graph of Ringfence under full calls into this `file` instead of measuring; needs perf")
	flag.BoolVar(&o.write, "write", true, "write the tables into docs/performance.md; a run that is quick or not of all sections does so only when this is given")
	flag.Parse()
	if o.sections, err = choose(*only); err != nil {
		return o, err
	}
	if o.binary != "" {
		if o.binary, err = filepath.Abs(o.binary); err != nil {
			return o, err
		}
	}
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "write" })
	o.write = o.write && (given || !o.effort.quick && *only == "")
	o.effort = o.effort.withDefaults()
	return o, nil
}

func (e effort) withDefaults() effort {
	pairs := 5
	e.secs = 4
	if e.quick {
		pairs, e.secs = 2, 1
	}
	if e.pairs < 1 {
		e.pairs = pairs
	}
	return e
}

func names() []string {
	all := make([]string, len(sections))
	for i, s := range sections {
		all[i] = s.name
	}
	return all
}

// choose finds the sections named.
func choose(only string) ([]section, error) {
	if only == "" {
		return sections, nil
	}
	var chosen []section
	for name := range strings.SplitSeq(only, ",") {
		found := false
		for _, s := range sections {
			if s.name == name {
				chosen, found = append(chosen, s), true
			}
		}
		if !found {
			return nil, fmt.Errorf("-only: there is no section %q; choose from %s", name, strings.Join(names(), ","))
		}
	}
	return chosen, nil
}

func measureAll(ctx context.Context, s *stand, chosen []section) (all []table, err error) {
	for _, section := range chosen {
		tables, err := section.measure(s, ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", section.name, err)
		}
		for _, t := range tables {
			t.print(os.Stdout)
		}
		all = append(all, tables...)
	}
	return all, nil
}
