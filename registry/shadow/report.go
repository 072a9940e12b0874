// Package shadow adds up what enforcing the rules would have done that are only watched (rules.shadow), from the records.
package shadow

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

const (
	// mostNames bounds the reps that are told apart: their ids come from the wire. The rest are added up under others.
	mostNames = 10_000
	others    = "(others)"
	// topNumbers is how many numbers are named.
	topNumbers = 10
)

// Count is how many watched calls there were, and what became of them.
type Count struct {
	Block, Redirect int           // what would have become of them
	Answered        int           // of them
	Talk            time.Duration // with those
}

// Calls is how many there were.
func (c Count) Calls() int { return c.Block + c.Redirect }

// Named is the count of one reason, rep, team or day.
type Named struct {
	Name string
	Count
}

// Number is one that watched calls went to.
type Number struct {
	Number gate.Number
	Calls  int
	Reps   int // different ones
}

// Report is what enforcing would have done. Its zero value is not ready; New makes one.
type Report struct {
	Decisions int   // on outside numbers, all of them
	Total     Count // watched calls
	Owned     int   // of them to a number that somebody else owned
	InFlight  int   // of them to a number that somebody else was ringing
	Broken    int   // records that could not be read
	Numbers   []Number

	people  gate.People // nil: nobody knows who is in which team
	place   *time.Location
	reasons map[string]*Count
	reps    map[string]*Count
	teams   map[string]*Count
	days    map[string]*Count
	buckets map[int]*bucket
}

// bucket is what has to be known of a bucket's watched calls until all of it was read.
type bucket struct {
	calls   map[call]*watched
	numbers map[gate.Number]map[gate.Rep]int
}

// call names a call, as its decision and its end do.
type call struct {
	number gate.Number
	rep    gate.Rep
	callID string
}

// watched is one watched call.
type watched struct {
	counts [4]*Count
	ended  bool
}

// New makes an empty report. people say who is in which team, if given; place says when a day begins.
func New(people gate.People, place *time.Location) *Report {
	return &Report{
		people: people, place: place,
		reasons: make(map[string]*Count), reps: make(map[string]*Count), teams: make(map[string]*Count), days: make(map[string]*Count),
		buckets: make(map[int]*bucket),
	}
}

// Collisions are the calls that would not have met another rep's customer or call.
func (r *Report) Collisions() int { return r.Owned + r.InFlight }

// Add takes some records.
func (r *Report) Add(p registry.Page) error {
	b := r.buckets[p.Bucket]
	if b == nil {
		b = &bucket{calls: make(map[call]*watched), numbers: make(map[gate.Number]map[gate.Rep]int)}
		r.buckets[p.Bucket] = b
	}
	r.Broken += p.Broken
	for i := range p.Records {
		switch record := &p.Records[i]; {
		case record.Number == "":
		case record.Kind == registry.RecordDecision:
			r.decided(b, record)
		case record.Kind == registry.RecordEnd:
			r.ended(b, record)
		}
	}
	if p.Last {
		r.rank(b.numbers)
		delete(r.buckets, p.Bucket)
	}
	return nil
}

func (r *Report) decided(b *bucket, d *registry.Record) {
	r.Decisions++
	would, ok := d.WouldVerdict()
	if !ok {
		return
	}
	w := &watched{counts: [4]*Count{
		countOf(r.reasons, d.Reason), countOf(r.reps, string(d.Rep)), countOf(r.teams, r.team(d.Rep)),
		countOf(r.days, d.Time.In(r.place).Format(time.DateOnly)),
	}}
	r.each(w, func(c *Count) {
		if would == gate.Redirect {
			c.Redirect++
		} else {
			c.Block++
		}
	})
	switch d.Reason {
	case gate.Owned.String():
		r.Owned++
	case gate.InFlight.String():
		r.InFlight++
	}
	b.calls[call{d.Number, d.Rep, d.CallID}] = w
	reps := b.numbers[d.Number]
	if reps == nil {
		reps = make(map[gate.Rep]int)
		b.numbers[d.Number] = reps
	}
	reps[d.Rep]++
}

func (r *Report) ended(b *bucket, e *registry.Record) {
	w := b.calls[call{e.Number, e.Rep, e.CallID}]
	if w == nil || w.ended || e.Ending != gate.EndAnswered.String() {
		return
	}
	w.ended = true
	r.each(w, func(c *Count) {
		c.Answered++
		c.Talk += e.Talk
	})
}

// each does the same to every count of a call and to the total.
func (r *Report) each(w *watched, do func(*Count)) {
	do(&r.Total)
	for _, c := range w.counts {
		do(c)
	}
}

func (r *Report) team(rep gate.Rep) string {
	if r.people == nil {
		return ""
	}
	person, _ := r.people.Person(rep)
	return string(person.Team)
}

func countOf(of map[string]*Count, name string) *Count {
	if c := of[name]; c != nil {
		return c
	}
	if len(of) >= mostNames {
		name = others
		if c := of[name]; c != nil {
			return c
		}
	}
	c := &Count{}
	of[name] = c
	return c
}

// rank keeps the numbers with the most calls.
func (r *Report) rank(numbers map[gate.Number]map[gate.Rep]int) {
	for n, reps := range numbers {
		calls := 0
		for _, c := range reps {
			calls += c
		}
		r.Numbers = append(r.Numbers, Number{n, calls, len(reps)})
	}
	slices.SortFunc(r.Numbers, func(a, b Number) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(b.Reps, a.Reps), cmp.Compare(a.Number, b.Number))
	})
	r.Numbers = r.Numbers[:min(len(r.Numbers), topNumbers)]
}

// Reasons are the counts by reason, most calls first.
func (r *Report) Reasons() []Named { return byCalls(r.reasons) }

// Reps are the counts by rep, most calls first.
func (r *Report) Reps() []Named { return byCalls(r.reps) }

// Teams are the counts by team, most calls first; reps who are in no team have one without a name.
func (r *Report) Teams() []Named { return byCalls(r.teams) }

// Days are the counts by day, in order.
func (r *Report) Days() []Named {
	days := named(r.days)
	slices.SortFunc(days, func(a, b Named) int { return cmp.Compare(a.Name, b.Name) })
	return days
}

func byCalls(of map[string]*Count) []Named {
	list := named(of)
	slices.SortFunc(list, func(a, b Named) int { return cmp.Or(cmp.Compare(b.Calls(), a.Calls()), cmp.Compare(a.Name, b.Name)) })
	return list
}

func named(of map[string]*Count) []Named {
	list := make([]Named, 0, len(of))
	for _, name := range slices.Collect(maps.Keys(of)) {
		list = append(list, Named{name, *of[name]})
	}
	return list
}
