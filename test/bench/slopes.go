package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/ringfence/ringfence/registry"
)

// slopeRate is the rate at which slopes are measured, full calls a second.
const slopeRate = 1000

// slope is a quantity that must not matter to the cost of a call.
type slope struct {
	name  string
	steps []int
	quick []int
	lay   func(s *stand, ctx context.Context, step, db int, h *holders) (contender, error) // makes it so large
}

// The numbers that fill lists lie in area codes that no measured call goes to.
const (
	fillFirst = 1_500_0000000
	fillSpan  = 4_900_000_000
)

var slopes = []slope{
	{"calls up", []int{1000, 5000, 25_000}, []int{100, 500, 2500}, (*stand).layCalls},
	{"numbers owned", []int{1000, 100_000, 1_000_000}, []int{1000, 10_000, 100_000}, (*stand).layOwned},
	{"numbers on lists", []int{0, 1_000_000, 100_000_000}, []int{0, 100_000, 1_000_000}, (*stand).layListed},
	{"reps", []int{10, 1000, 10_000}, []int{10, 1000, 10_000}, (*stand).layReps},
}

// slopeTable measures how the cost of a call grows with what the company has.
func (s *stand) slopeTable(ctx context.Context) ([]table, error) {
	t := table{
		title: fmt.Sprintf("CPU per full call as the company grows, %d calls/s", slopeRate),
		head:  []string{"", "", "CPU µs a call", "× the first", "Redis µs", "PSS MB", "failed", "astray"},
		notes: []string{"A gate and a database for each step, measured in turns."},
	}
	for _, sl := range slopes {
		if err := s.climb(ctx, sl, &t); err != nil {
			return nil, fmt.Errorf("%s: %w", sl.name, err)
		}
	}
	return []table{t}, nil
}

func (s *stand) climb(ctx context.Context, sl slope, t *table) error {
	steps := sl.steps
	if s.effort.quick {
		steps = sl.quick
	}
	if err := s.answerAll(); err != nil {
		return err
	}
	defer s.answerEach()
	holders := &holders{}
	defer holders.hangUp()
	all := make([]contender, len(steps))
	for i, step := range steps {
		db := slopesDB + i
		if err := s.empty(ctx, db); err != nil {
			return err
		}
		c, err := sl.lay(s, ctx, step, db, holders)
		if err != nil {
			return err
		}
		all[i] = c
		progress("slope, %s: %s are there", sl.name, all[i].name)
	}
	cells, err := s.rounds(ctx, "slope, "+sl.name, all, slopeRate)
	if err != nil {
		return err
	}
	for i, c := range all {
		name := ""
		if i == 0 {
			name = sl.name
		}
		own := cells[i]
		t.add(name, c.name, figureOf(values(own, cpuOf)).spread(1), ratioOf(values(own, cpuOf), values(cells[0], cpuOf)).spread(2),
			number(figureOf(values(own, redisOf)).median, 1), number(figureOf(values(own, megabytes)).median, 0),
			fmt.Sprint(sum(own, failedOf)), fmt.Sprint(sum(own, astrayOf)))
	}
	return stopAll(proxiesOf(all)...)
}

func (s *stand) layCalls(ctx context.Context, step, db int, h *holders) (contender, error) {
	c, err := s.gateOn(ctx, step, db)
	if err != nil {
		return c, err
	}
	return c, s.hold(ctx, c.proxy, h, 0, step)
}

func (s *stand) layOwned(ctx context.Context, step, db int, _ *holders) (contender, error) {
	err := s.withStore(ctx, db, func(store *registry.Store) error { return claim(ctx, store, fillFirst, step) })
	if err != nil {
		return contender{}, err
	}
	return s.gateOn(ctx, step, db)
}

func (s *stand) layListed(ctx context.Context, step, db int, _ *holders) (contender, error) {
	if step > 0 {
		err := s.withStore(ctx, db, func(store *registry.Store) error {
			return loadList(ctx, store, fillFirst, step, fillSpan/uint64(step))
		})
		if err != nil {
			return contender{}, err
		}
	}
	c, err := s.gateOn(ctx, step, db)
	if err != nil || step == 0 {
		return c, err
	}
	inMemory, err := c.proxy.metric(ctx, "ringfence_dnc_numbers")
	if err == nil && int(inMemory) != step {
		err = fmt.Errorf("the gate holds %.0f numbers on lists instead of %d", inMemory, step)
	}
	return c, err
}

func (s *stand) layReps(ctx context.Context, step, db int, _ *holders) (contender, error) {
	c, err := s.gateOn(ctx, step, db)
	if err != nil {
		return c, err
	}
	c.load.numbers = fmt.Sprintf("reps%d.csv", step)
	return c, s.writeNumbers(c.load.numbers, allowed, perBlock, step)
}

func (s *stand) gateOn(ctx context.Context, step, db int) (contender, error) {
	p, err := s.ringfence(ctx, fmt.Sprintf("%s with %s", ours, thousands(step)), s.unixURL(db))
	return contender{thousands(step), p, fullCalls}, err
}

// empty forgets what another slope has left in a database.
func (s *stand) empty(ctx context.Context, db int) error {
	return s.withStore(ctx, db, func(store *registry.Store) error { return store.Client().FlushDBAsync(ctx).Err() })
}

// thousands writes n with a comma between every three digits.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
