// Package replay decides recorded calls again, under other rules, and says what would have been different. It touches no
// registry: the decisions and ends of each number go in the order of their records through gate/model, by a clock that
// stands where the record was written.
package replay

import (
	"fmt"
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// Options say what is to be replayed how.
type Options struct {
	Config gate.Config                            // with the rules to decide by
	People gate.People                            // who works here; nil: nobody was entered
	Listed func(gate.Number) (gate.Listing, bool) // the bulk lists, as they are now; nil: there are none
	Since  time.Time                              // what was recorded before only says how the numbers stood then
	Until  time.Time                              // when the records were read
	Each   func(Difference)                       // told of each call that is decided otherwise, in no order; may be nil
}

// Outcome is what was said of a call.
type Outcome struct {
	Verdict, Reason string
	Would           string // the rule of Reason was only watched: the verdict if it were enforced; "" otherwise
}

// Difference is one call that is decided otherwise.
type Difference struct {
	Time               time.Time
	Number             gate.Number
	Rep                gate.Rep
	CallID             string
	Old, New           Outcome
	OldOwner, NewOwner gate.Rep
}

// Change is how often one outcome became another, or stayed.
type Change struct{ Old, New Outcome }

// Result is what came of it so far.
type Result struct {
	Calls     int // decisions on outside numbers since Options.Since
	Different int
	Changes   map[Change]int // those that stayed the same too
	Local     int            // decisions on what is no outside number: not decided again
	Broken    int            // records that could not be read

	// What the records do not tell was assumed.
	Earlier int // numbers whose owner, refusal or list is older than the records: taken to last as long as the records show it
	NewOut  int // calls that were stopped and now go out: taken as unanswered
}

// Replay decides again. Use New.
type Replay struct {
	Result
	options Options
	gate    *gate.Gate
	stage   stage
	buckets map[int]map[gate.Number][]*registry.Record
}

// New makes a Replay, or says what is wrong with the rules.
func New(o Options) (*Replay, error) {
	r := &Replay{Result: Result{Changes: make(map[Change]int)}, options: o, buckets: make(map[int]map[gate.Number][]*registry.Record)}
	r.stage.listed = o.Listed
	var err error
	r.gate, err = gate.New(gate.Options{
		Config: o.Config, People: o.People, Registry: &r.stage, Gate: "replay",
		Now: func() time.Time { return r.stage.now }, Queue: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("nothing was replayed: %w", err)
	}
	return r, nil
}

// Add takes some records. A bucket is decided again when all of it is there, and then let go of.
func (r *Replay) Add(p registry.Page) error {
	numbers := r.buckets[p.Bucket]
	if numbers == nil {
		numbers = make(map[gate.Number][]*registry.Record)
		r.buckets[p.Bucket] = numbers
	}
	r.Broken += p.Broken
	for i := range p.Records {
		record := &p.Records[i]
		if record.Number == "" {
			if !record.Time.Before(r.options.Since) {
				r.Local++
			}
			continue
		}
		numbers[record.Number] = append(numbers[record.Number], record)
	}
	if !p.Last {
		return nil
	}
	delete(r.buckets, p.Bucket)
	for n, records := range numbers {
		r.number(n, records)
	}
	return nil
}

// compare counts one call.
func (r *Replay) compare(d Difference) {
	if d.Time.Before(r.options.Since) {
		return
	}
	r.Calls++
	r.Changes[Change{d.Old, d.New}]++
	if d.Old == d.New {
		return
	}
	r.Different++
	if r.options.Each != nil {
		r.options.Each(d)
	}
}
