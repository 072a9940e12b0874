package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// PoolReasons are the words for why a number is in the pool.
var PoolReasons = []string{"no_contact", "no_deal", "expired", "released", "left"}

// freedAtOnce is how many moved numbers are taken off what their owners hold together: each rep's slot is asked once for
// all of the rep's, not once for each. Until then they count as held, and mend finds them should the gate die.
const freedAtOnce = 10_000

// recycle moves what was due at a time out of some buckets into the pool.
func (r *Recycler) recycle(ctx context.Context, now time.Time, due []string, t gate.Terms, rule gate.PoolRule) error {
	gone := freed{of: make(map[gate.Rep][]string)}
	for _, tag := range due {
		if err := r.recycleBucket(ctx, tag, now, t, rule, &gone); err != nil {
			return errors.Join(err, r.free(ctx, rule, &gone))
		}
		if gone.count >= freedAtOnce {
			if err := r.free(ctx, rule, &gone); err != nil {
				return err
			}
		}
	}
	return r.free(ctx, rule, &gone)
}

func (r *Recycler) recycleBucket(
	ctx context.Context, tag string, now time.Time, t gate.Terms, rule gate.PoolRule, gone *freed,
) error {
	for stay := 0; ; {
		page, err := r.store.memberPage(ctx, numberKeys{tag: tag}.owned(), "-inf", score(now), stay)
		if err != nil {
			return err
		}
		for members := range slices.Chunk(page, poolBatch) {
			err := r.step(ctx, rule, func() error {
				stayed, err := r.move(ctx, tag, members, t, gone)
				stay += stayed
				return err
			})
			if err != nil {
				return err
			}
		}
		if len(page) < poolPage {
			return nil
		}
	}
}

// freed are numbers, by their members, that reps no longer own and still hold.
type freed struct {
	of    map[gate.Rep][]string
	count int
}

// free takes them off what the reps hold, at once when the program ends.
func (r *Recycler) free(ctx context.Context, rule gate.PoolRule, gone *freed) error {
	var failed error
	for rep, members := range gone.of {
		drop := func() error {
			after, cancel := afterwards(ctx)
			defer cancel()
			r.store.dropAll(after, map[gate.Rep][]string{rep: members})
			return nil
		}
		if ctx.Err() != nil {
			_ = drop()
		} else if err := r.step(ctx, rule, drop); err != nil {
			failed = err
		}
	}
	*gone = freed{of: make(map[gate.Rep][]string)}
	return failed
}

// move has the registry move what of the members is still due.
func (r *Recycler) move(ctx context.Context, tag string, members []string, t gate.Terms, gone *freed) (stay int, err error) {
	texts, err := r.store.poolScript(ctx, recycleScript, tag, members, t, t.Bar)
	if err != nil {
		return 0, err
	}
	if stay, err = strconv.Atoi(texts[0]); err != nil || len(texts)%3 != 1 {
		return 0, fmt.Errorf("registry: recycle: the reply cannot be read")
	}
	causes := make(map[string]int)
	for i := 1; i < len(texts); i += 3 {
		owner := gate.Rep(unescape(texts[i+1]))
		gone.of[owner] = append(gone.of[owner], texts[i])
		gone.count++
		causes[texts[i+2]]++
	}
	for why, n := range causes {
		r.report.Recycled(why, n)
	}
	return stay, nil
}
