package registry

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/ringfence/ringfence/gate"
)

// A mine is a number of the rep who leaves.
type mine struct {
	tag, member string
	scope       gate.Scope
	dealt       bool   // a deal was closed, so it may not count against a cap
	customer    string // whose number it is; "" when there is no record of one
}

// A find is what some buckets hold of a rep who leaves.
type find struct {
	mine   []mine
	helped []string // members of colleagues' numbers with which the rep helps
	loads  map[gate.Rep]load
}

// load is what a rep holds.
type load struct{ held, dealt int }

// find looks through some buckets for what is a rep's, and counts what everybody holds. It goes by the numbers and not by
// what the rep's slot says that they hold, since nothing else knows with whose numbers they help.
func (s *Store) find(ctx context.Context, some []string, rep gate.Rep) (find, error) {
	found := find{loads: make(map[gate.Rep]load)}
	for _, tag := range some {
		for skip := 0; ; skip += poolPage {
			page, err := s.memberPage(ctx, numberKeys{tag: tag}.owned(), "-inf", "+inf", skip)
			if err != nil {
				return find{}, err
			}
			if err := s.look(ctx, tag, page, rep, &found); err != nil {
				return find{}, err
			}
			if len(page) < poolPage {
				break
			}
		}
	}
	return found, nil
}

// look reads who owns the numbers of one page, and who helps.
func (s *Store) look(ctx context.Context, tag string, page []string, rep gate.Rep, found *find) error {
	if len(page) == 0 {
		return nil
	}
	pipe := s.client.Pipeline()
	cmds := make([]*redis.SliceCmd, len(page))
	for i, m := range page {
		digits, scope := readMember(m)
		cmds[i] = pipe.HMGet(ctx, numberKeys{tag, digits}.number(), fieldIn("o", scope), fieldIn("w", scope), fieldIn("v", scope), "cu")
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("registry: looking for what a rep owns: %w", err)
	}
	for i, cmd := range cmds {
		owner, _ := cmd.Val()[0].(string)
		shares, _ := cmd.Val()[1].(string)
		_, dealt := cmd.Val()[2].(string)
		customer, _ := cmd.Val()[3].(string)
		if owner == "" {
			continue
		}
		who := gate.Rep(unescape(owner))
		l := found.loads[who]
		if l.held++; dealt {
			l.dealt++
		}
		found.loads[who] = l
		_, scope := readMember(page[i])
		if who == rep {
			found.mine = append(found.mine, mine{tag, page[i], scope, dealt, customer})
		}
		for _, share := range readShares(shares) {
			if share.Rep == rep {
				found.helped = append(found.helped, page[i])
			}
		}
	}
	return nil
}
