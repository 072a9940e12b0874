package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"
)

// Match is a customer that has the value that was looked for.
type Match struct {
	Customer
	Field string // the unique field that has it
}

// Find looks for customers one of whose unique values is text, read as each field reads it: a number, an e-mail address, a
// company's name, an id.
func (c *Customers) Find(ctx context.Context, text string) ([]Match, error) {
	var claims []uniqueValue
	for _, typ := range c.reader.Types() {
		t, _ := c.reader.Type(typ)
		for _, name := range t.FieldNames() {
			if f := t.Fields[name]; f.Unique {
				if v, err := c.reader.Value(f.Kind, text); err == nil {
					claims = append(claims, uniqueValue{markOf(typ, name, f.Kind, v.Key), name, v.Shown})
				}
			}
		}
	}
	ids, err := c.store.whose(ctx, claims)
	if err != nil {
		return nil, err
	}
	var matches []Match
	for i, id := range ids {
		if id == "" || slices.Contains(ids[:i], id) {
			continue
		}
		found, err := c.store.customers(ctx, []string{id})
		if err != nil {
			return nil, err
		}
		if found[0].ID != "" {
			matches = append(matches, Match{found[0], claims[i].field})
		}
	}
	return matches, nil
}

// whose gives the ids of the customers that hold these values now; "" where nobody does.
func (s *Store) whose(ctx context.Context, claims []uniqueValue) ([]string, error) {
	if len(claims) == 0 {
		return nil, nil
	}
	pipe := s.client.Pipeline()
	cmds := make([]*redis.StringCmd, len(claims))
	for i, c := range claims {
		cmds[i] = pipe.HGet(ctx, customerMarksKey(c.mark), string(c.mark[2:]))
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("registry: customers: %w", err)
	}
	ids := make([]string, len(claims))
	for i, cmd := range cmds {
		ids[i] = cmd.Val()
	}
	return ids, nil
}

// Rehearse says what AddAll would say to each draft by itself, and changes nothing. What has no ID would be added.
func (c *Customers) Rehearse(ctx context.Context, drafts []Draft) ([]Added, error) {
	changes := make([]change, len(drafts))
	var claims []uniqueValue
	for i, d := range drafts {
		changes[i] = c.newChange("", d)
		claims = append(claims, changes[i].claims...)
	}
	ids, err := c.store.whose(ctx, claims)
	if err != nil {
		return nil, err
	}
	added := make([]Added, len(drafts))
	for i, d := range drafts {
		mine := ids[:len(changes[i].claims)]
		ids = ids[len(mine):]
		for j, id := range mine {
			if id == "" || added[i].ID != "" || added[i].Err != nil {
				continue
			}
			found, err := c.store.customers(ctx, []string{id})
			if err != nil {
				return nil, err
			}
			if found[0].ID != "" {
				added[i] = c.judge(d, changes[i].claims[j], found[0])
			}
		}
	}
	return added, nil
}
