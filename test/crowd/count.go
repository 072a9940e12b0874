package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/ringfence/ringfence/test/site"
)

// mark is what every Call-ID of this offering has.
func (c *callers) mark() []byte { return fmt.Appendf(nil, "-%x@", c.run) }

// count says what became of the calls. Rates are those of the calls that were begun when the rate had settled.
func (c *callers) count() site.Became {
	c.mu.Lock()
	defer c.mu.Unlock()
	became := site.Became{Calls: len(c.calls), Repeated: c.repeated, Finals: map[int]int{}, Settled: map[int]float64{}}
	settled := c.o.For / 4
	window := (c.o.For - settled).Seconds()
	var waits []time.Duration
	for i := range c.calls {
		call := &c.calls[i]
		became.Finals[call.final]++
		if call.final >= 200 && call.final < 300 && !call.ended {
			became.NotEnded++
		}
		if call.sent < settled {
			continue
		}
		became.Made += 1 / window
		became.Settled[call.final] += 1 / window
		if call.final != 0 && call.final != 503 {
			waits = append(waits, call.first)
		}
	}
	slices.Sort(waits)
	if len(waits) > 0 {
		became.P50, became.P99 = waits[len(waits)/2], waits[len(waits)*99/100]
	}
	return became
}
