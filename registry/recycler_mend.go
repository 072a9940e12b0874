package registry

import (
	"context"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// mendEvery is how often what is counted of every rep is held against what they own. A rep who seems to hold too many is
// looked at when that matters (reserveFor).
const mendEvery = time.Hour

// mend counts anew what every rep holds: claims that broke off, and numbers whose going was not noted since the registry
// went away in between.
func (r *Recycler) mend(ctx context.Context, now time.Time, rule gate.PoolRule) error {
	if now.Sub(r.mended) < mendEvery {
		return nil
	}
	for rep, err := range r.store.Holders(ctx) {
		if err != nil {
			return err
		}
		err = r.step(ctx, rule, func() error {
			_, err := r.store.Mend(ctx, rep)
			return err
		})
		if err != nil {
			return err
		}
	}
	r.mended = now
	return nil
}
