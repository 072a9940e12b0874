package main

import (
	"context"
	"fmt"
	"os"
)

// contender is a proxy under a load, as one row of a table.
type contender struct {
	name  string
	proxy *proxy
	load  load
}

// rounds measures the contenders in turn at one rate, several times, each round beginning with another one. What is
// compared is compared within a round, so that a slow minute of the machine falls on all alike. The first round warms
// up and is not counted.
func (s *stand) rounds(ctx context.Context, title string, all []contender, rate int) ([][]cell, error) {
	counted := make([][]cell, len(all))
	for round := range s.effort.pairs + 1 {
		for turn := range all {
			i := (round + turn) % len(all)
			secs := s.effort.secs
			if round == 0 {
				secs = min(secs, 2)
			}
			c, err := s.measure(ctx, all[i].proxy, all[i].load, rate, secs)
			if err != nil {
				return nil, fmt.Errorf("%s, %d/s, %s: %w", title, rate, all[i].name, err)
			}
			progress("%s %d/s, round %d of %d: %-22s %v", title, rate, round, s.effort.pairs, all[i].name, c)
			if round > 0 {
				counted[i] = append(counted[i], c)
			}
		}
	}
	return counted, nil
}

func (c cell) String() string {
	return fmt.Sprintf("%6.1f µs, Redis %5.1f µs, %3.0f MB, %d failed, %d repeated, %d astray, %.0f/s, %2.0f %% idle, %.1f %% stolen",
		c.cpu, c.redis, c.pss/1e6, c.failed, c.repeated, c.astray, c.reached, 100*c.idle, 100*c.steal)
}

// progress goes where it does not mix with the tables.
func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// values takes one value of each cell.
func values(cells []cell, of func(cell) float64) []float64 {
	v := make([]float64, len(cells))
	for i, c := range cells {
		v[i] = of(c)
	}
	return v
}

// sum adds one count of the cells up.
func sum(cells []cell, of func(cell) int) (n int) {
	for _, c := range cells {
		n += of(c)
	}
	return n
}

func cpuOf(c cell) float64     { return c.cpu }
func withRedis(c cell) float64 { return c.cpu + c.redis }
func failedOf(c cell) int      { return c.failed }
func repeatedOf(c cell) int    { return c.repeated }
func astrayOf(c cell) int      { return c.astray }
func megabytes(c cell) float64 { return c.pss / 1e6 }
func redisOf(c cell) float64   { return c.redis }
