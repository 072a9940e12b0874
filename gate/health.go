package gate

import (
	"sync"
	"time"
)

// ProblemKind says what an operator has to know.
type ProblemKind uint8

// The kinds of problem.
const (
	RegistryLost  ProblemKind = iota + 1 // the registry stopped answering: the outage rule holds
	RegistryBack                         // it answers again
	EventsDropped                        // it was away for so long that records were lost
)

var problemNames = [...]string{"", "registry lost", "registry back", "events dropped"}

func (k ProblemKind) String() string { return nameOf(problemNames[:], uint8(k), "problem") }

// Problem is a change for the worse or the better. Each outage is told once when it begins and once when it ends.
type Problem struct {
	Kind    ProblemKind
	Err     error     // RegistryLost: what happened
	Since   time.Time // when the outage began
	Dropped uint64    // EventsDropped: how many in all since the start
}

// settle is how long the registry must answer without a fault before an outage is over: single time-outs under load
// would otherwise be told as one outage each.
const settle = time.Second

// health follows whether the registry answers.
type health struct {
	report func(Problem)

	mu       sync.Mutex
	lost     bool
	since    time.Time // when it was lost
	lastFail time.Time
	dropped  uint64 // as last reported
}

// note takes the outcome of one command.
func (h *health) note(err error, now time.Time) {
	h.mu.Lock()
	var tell *Problem
	switch {
	case err != nil && !h.lost:
		h.lost, h.since, h.lastFail = true, now, now
		tell = &Problem{Kind: RegistryLost, Err: err, Since: now}
	case err != nil:
		h.lastFail = now
	case h.lost && now.Sub(h.lastFail) >= settle:
		h.lost = false
		tell = &Problem{Kind: RegistryBack, Since: h.since}
	}
	h.mu.Unlock()
	if tell != nil {
		h.report(*tell)
	}
}

// noteDropped tells of lost events, once per round of the loop at most.
func (h *health) noteDropped(total uint64) {
	h.mu.Lock()
	more := total > h.dropped
	h.dropped = total
	since := h.since
	h.mu.Unlock()
	if more {
		h.report(Problem{Kind: EventsDropped, Since: since, Dropped: total})
	}
}

func (h *health) away() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lost
}
