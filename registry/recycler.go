package registry

import (
	"context"
	"crypto/rand"
	"errors"
	"math/big"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// Recycler moves numbers whose protection has ended into the pool. Every gate runs one; they take turns, so that ten
// gates keep the registry no busier than one does, and each step is checked by the registry itself, so that two who
// believe that it is their turn do nothing twice.
type Recycler struct {
	store  *Store
	rules  func() (gate.Terms, gate.PoolRule)
	report PoolReport
	place  func() *time.Location
	every  time.Duration
	lease  time.Duration
	name   string // of this one among all gates

	renewed time.Time // when the turn was last asked for
	warned  time.Time // when numbers were last warned of
	mended  time.Time // when what is counted of reps was last held against what they own
	failing bool      // the last round failed, and it was said
}

// PoolReport is told what the Recycler does, for metrics.
type PoolReport interface {
	Recycled(why string, numbers int) // why is one of PoolReasons
	Warned(numbers int)
	Pool(size, owned int, lag time.Duration)
}

// RecyclerOptions are what a Recycler is made from.
type RecyclerOptions struct {
	Rules  func() (gate.Terms, gate.PoolRule) // in force now
	Place  func() *time.Location              // whose clock rules.pool.hours go by; default the host's
	Report PoolReport                         // default nobody
	Every  time.Duration                      // a round; default 5s
}

// How often a gate looks, and how long the turn of one that died is left to it.
const (
	recycleEvery = 5 * time.Second
	turnFor      = 15 * time.Second
	longestRest  = time.Second // after one script, however long that took
	warnEvery    = time.Hour
)

// NewRecycler makes one; Run runs it.
func NewRecycler(s *Store, o RecyclerOptions) *Recycler {
	r := &Recycler{
		store: s, rules: o.Rules, report: o.Report, place: o.Place, every: o.Every, lease: turnFor, name: rand.Text(),
	}
	if r.every == 0 {
		r.every = recycleEvery
	}
	if r.place == nil {
		r.place = func() *time.Location { return time.Local }
	}
	if r.report == nil {
		r.report = unreported{}
	}
	return r
}

type unreported struct{}

func (unreported) Recycled(string, int)         {}
func (unreported) Warned(int)                   {}
func (unreported) Pool(int, int, time.Duration) {}

// Run goes round until ctx ends, and then gives its turn to another. A registry that is away is asked again in the next
// round; what is due does not get lost by waiting.
func (r *Recycler) Run(ctx context.Context) error {
	for {
		r.note(r.Round(ctx))
		timer := time.NewTimer(jitter(r.every))
		select {
		case <-ctx.Done():
			timer.Stop()
			return r.stop(ctx)
		case <-timer.C:
		}
	}
}

// jitter is d give or take a fifth, so that gates that were started together do not ask together.
func jitter(d time.Duration) time.Duration {
	n, err := rand.Int(rand.Reader, big.NewInt(int64(d)*2/5+1))
	if err != nil {
		return d
	}
	return d - d/5 + time.Duration(n.Int64())
}

func (r *Recycler) stop(ctx context.Context) error {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _, _ = r.store.turn(last, r.name, 0) // else it runs out by itself
	return ctx.Err()
}

// note says once that rounds fail, and not again until one has succeeded.
func (r *Recycler) note(err error) {
	switch {
	case err == nil:
		r.failing = false
	case errors.Is(err, errTurnLost), errors.Is(err, context.Canceled):
	case !r.failing:
		r.failing = true
		r.store.log(err)
	}
}

// errTurnLost ends the round of a gate that was silent for so long that another has the turn.
var errTurnLost = errors.New("registry: another gate looks after the pool now")

// Round does what there is to do now, when it is this gate's turn.
func (r *Recycler) Round(ctx context.Context) error {
	mine, st, err := r.store.turn(ctx, r.name, r.lease)
	if err != nil {
		return err
	}
	r.renewed = time.Now()
	if !mine {
		found := poolStateOf(st.fields)
		r.report.Pool(found.Size, found.Owned, found.Lag)
		return nil
	}
	found, due, err := r.store.survey(ctx, st.now)
	if err != nil {
		return err
	}
	r.report.Pool(found.Size, found.Owned, found.Lag)
	if err := r.store.tellPool(ctx, found); err != nil {
		return err
	}
	terms, rule := r.rules()
	if rule.Hours.Hold(st.now.In(r.place())) {
		if err := r.recycle(ctx, st.now, due, terms, rule); err != nil {
			return err
		}
		if err := r.reckon(ctx, terms, rule); err != nil {
			return err
		}
	}
	if err := r.warn(ctx, st.now, terms, rule); err != nil {
		return err
	}
	return r.mend(ctx, st.now, rule)
}

// step is one script's worth of work: paced, and only as long as it is this gate's turn.
func (r *Recycler) step(ctx context.Context, rule gate.PoolRule, work func() error) error {
	began := time.Now()
	if began.Sub(r.renewed) > r.lease/3 {
		mine, _, err := r.store.turn(ctx, r.name, r.lease)
		if err != nil {
			return err
		}
		if !mine {
			return errTurnLost
		}
		r.renewed = began
	}
	if err := work(); err != nil {
		return err
	}
	return pace{rule.Pace, longestRest}.rest(ctx, time.Since(began))
}
