package registry

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// warn writes one record for each number whose protection ends within rules.pool.warn. It looks once an hour: nobody
// needs to know to the minute what will be in days.
func (r *Recycler) warn(ctx context.Context, now time.Time, t gate.Terms, rule gate.PoolRule) error {
	ahead := rule.Warn.Std()
	if ahead <= 0 || now.Sub(r.warned) < min(warnEvery, ahead/2) {
		return nil
	}
	for _, tag := range tags {
		for skip := 0; ; skip += poolPage {
			page, err := r.store.memberPage(ctx, numberKeys{tag: tag}.owned(), "("+score(now), score(now.Add(ahead)), skip)
			if err != nil {
				return err
			}
			for members := range slices.Chunk(page, poolBatch) {
				if err := r.step(ctx, rule, func() error { return r.warnOf(ctx, tag, members, t, ahead) }); err != nil {
					return err
				}
			}
			if len(page) < poolPage {
				break
			}
		}
	}
	r.warned = now
	return nil
}

func (r *Recycler) warnOf(ctx context.Context, tag string, members []string, t gate.Terms, ahead time.Duration) error {
	texts, err := r.store.poolScript(ctx, warnScript, tag, members, t, ahead)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(texts[0])
	if err != nil {
		return fmt.Errorf("registry: warn: the reply cannot be read")
	}
	if n > 0 {
		r.report.Warned(n)
	}
	return nil
}
