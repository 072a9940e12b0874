package registry

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// PoolReasons are the words for why a number is in the pool.
var PoolReasons = []string{"no_contact", "no_deal", "expired", "released", "left"}

// recycle moves what was due at a time out of some buckets into the pool.
func (r *Recycler) recycle(ctx context.Context, now time.Time, due []string, t gate.Terms, rule gate.PoolRule) error {
	for _, tag := range due {
		for stay := 0; ; {
			page, err := r.store.memberPage(ctx, numberKeys{tag: tag}.owned(), "-inf", score(now), stay)
			if err != nil {
				return err
			}
			for members := range slices.Chunk(page, poolBatch) {
				err := r.step(ctx, rule, func() error {
					stayed, err := r.move(ctx, tag, members, t)
					stay += stayed
					return err
				})
				if err != nil {
					return err
				}
			}
			if len(page) < poolPage {
				break
			}
		}
	}
	return nil
}

// move has the registry move what of the members is still due, and takes them off what their owners hold.
func (r *Recycler) move(ctx context.Context, tag string, members []string, t gate.Terms) (stay int, err error) {
	texts, err := r.store.poolScript(ctx, recycleScript, tag, members, t, t.Bar)
	if err != nil {
		return 0, err
	}
	if stay, err = strconv.Atoi(texts[0]); err != nil || len(texts)%3 != 1 {
		return 0, fmt.Errorf("registry: recycle: the reply cannot be read")
	}
	causes := make(map[string]int)
	held := make(map[gate.Rep][]string)
	for i := 1; i < len(texts); i += 3 {
		owner := gate.Rep(unescape(texts[i+1]))
		held[owner] = append(held[owner], texts[i])
		causes[texts[i+2]]++
	}
	for why, n := range causes {
		r.report.Recycled(why, n)
	}
	after, cancel := afterwards(ctx)
	defer cancel()
	r.store.dropAll(after, held)
	return stay, nil
}
