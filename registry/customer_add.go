package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/ringfence/ringfence/registry/customer"
)

// Draft is a customer that may become one.
type Draft struct {
	Type   string
	Values customer.Values
	Source string // where it comes from
}

// Added is what became of a Draft. It was added when it has an ID and is not Same.
type Added struct {
	ID     string
	Same   bool     // there is one with the same fields
	Holder Customer // which, when Same
	Err    error    // *TakenError
}

// Add adds one customer, or says with *TakenError who stands in the way.
func (c *Customers) Add(ctx context.Context, d Draft) (Added, error) {
	added, err := c.AddAll(ctx, []Draft{d})
	if err != nil {
		return Added{}, err
	}
	return added[0], added[0].Err
}

// addAtOnce is how many customers go to the server in one round trip: between them it decides calls.
const addAtOnce = 64

// AddAll adds customers, each with all of its unique values or not at all, in their order. An error means that the
// registry cannot be reached: some may have been added, and adding all of them again adds none twice.
func (c *Customers) AddAll(ctx context.Context, drafts []Draft) ([]Added, error) {
	all := make([]Added, 0, len(drafts))
	for some := range slices.Chunk(drafts, addAtOnce) {
		added, err := c.addSome(ctx, some)
		if err != nil {
			return all, err
		}
		all = append(all, added...)
	}
	return all, nil
}

func (c *Customers) addSome(ctx context.Context, drafts []Draft) ([]Added, error) {
	first, err := c.store.newIDs(ctx, len(drafts))
	if err != nil {
		return nil, err
	}
	changes := make([]change, len(drafts))
	calls := make([]call, len(drafts))
	for i, d := range drafts {
		changes[i] = c.newChange(strconv.FormatInt(first+int64(i), 10), d)
		calls[i] = changes[i].call()
	}
	replies, err := c.store.pipelineLists(ctx, calls)
	if err != nil {
		return nil, err
	}
	added := make([]Added, len(drafts))
	var spread []string
	for i, reply := range replies {
		outcome, rest := outcomeOf(reply)
		switch outcome {
		case "done", "changed": // changed: the pipeline ran twice, and this was the second time
			added[i].ID = changes[i].id
			if len(changes[i].entries) > 0 {
				spread = append(spread, changes[i].id)
			}
		case "taken":
			added[i], err = c.inTheWay(ctx, drafts[i], changes[i], rest)
		default:
			err = fmt.Errorf("registry: customer: the reply %q cannot be read", outcome)
		}
		if err != nil {
			return nil, err
		}
	}
	return added, c.store.work(ctx, spread)
}

// outcomeOf reads the first word of a script's list.
func outcomeOf(reply []any) (outcome string, rest []string) {
	texts, err := textsOf(reply)
	if err != nil || len(texts) == 0 {
		return "", nil
	}
	return texts[0], texts[1:]
}

// inTheWay reads whose a value is. A customer that has nothing else in it is the draft's own: it was added before, and an
// import that was killed can begin anew.
func (c *Customers) inTheWay(ctx context.Context, d Draft, ch change, rest []string) (Added, error) {
	i, holder, err := ch.holder(ctx, c.store, rest)
	if err != nil {
		return Added{}, err
	}
	if holder.ID == "" { // removed since
		added, err := c.AddAll(ctx, []Draft{d})
		if err != nil {
			return Added{}, err
		}
		return added[0], nil
	}
	return c.judge(d, ch.claims[i], holder), nil
}

// judge says what a draft is to who holds one of its values: the same, or in the way.
func (c *Customers) judge(d Draft, taken uniqueValue, holder Customer) Added {
	if c.sameFields(d, holder) {
		return Added{ID: holder.ID, Same: true, Holder: holder}
	}
	return Added{Err: &TakenError{Field: taken.field, Value: taken.value, Holder: holder}}
}

// holder reads which claim was taken, and by whom; the customer has no ID when it has gone since.
func (ch change) holder(ctx context.Context, s *Store, rest []string) (int, Customer, error) {
	i := -1
	if len(rest) == 2 {
		i, _ = strconv.Atoi(rest[0])
	}
	if i < 0 || i >= len(ch.claims) {
		return 0, Customer{}, errors.New("registry: customer: the reply cannot be read")
	}
	found, err := s.customers(ctx, rest[1:])
	if err != nil {
		return 0, Customer{}, err
	}
	return i, found[0], nil
}

// sameFields: every field of the draft has the values that the customer has.
func (c *Customers) sameFields(d Draft, holder Customer) bool {
	t, _ := c.reader.Type(d.Type)
	if d.Type != holder.Type || len(d.Values) != len(holder.Fields) {
		return false
	}
	for name, values := range d.Values {
		if len(values) != len(holder.Fields[name]) {
			return false
		}
		for i, v := range values {
			if had, err := c.reader.Value(t.Fields[name].Kind, holder.Fields[name][i]); err != nil || had.Key != v.Key {
				return false
			}
		}
	}
	return true
}

// changeAttempts is how often a change is prepared anew when others come first.
const changeAttempts = 20

// Change sets fields of a customer to other values, and clears those that have none; the others stay. It fails with
// *TakenError when a value is another customer's.
func (c *Customers) Change(ctx context.Context, id string, read func(typ string) (customer.Values, error)) (Customer, error) {
	return c.replace(ctx, id, func(was Customer) (change, error) {
		values, err := read(was.Type)
		if err != nil {
			return change{}, err
		}
		return c.changeOf(was, values)
	})
}

// Remove removes a customer: its unique values are free, its numbers keep the owners they have.
func (c *Customers) Remove(ctx context.Context, id string) (Customer, error) {
	return c.replace(ctx, id, func(was Customer) (change, error) { return removalOf(was), nil })
}

// replace prepares a change of what is there and carries it out, anew when another change came first. It returns the
// customer as it was.
func (c *Customers) replace(ctx context.Context, id string, prepare func(Customer) (change, error)) (Customer, error) {
	for range changeAttempts {
		was, err := c.Get(ctx, id)
		if err != nil {
			return Customer{}, err
		}
		ch, err := prepare(was)
		if err != nil {
			return Customer{}, err
		}
		cl := ch.call()
		reply, err := cl.script.slice(ctx, c.store.client, cl.keys, cl.args...)
		if err != nil {
			return Customer{}, err
		}
		switch outcome, rest := outcomeOf(reply); outcome {
		case "done":
			return was, c.store.work(ctx, ch.entries)
		case "taken":
			i, holder, err := ch.holder(ctx, c.store, rest)
			if err == nil && holder.ID != "" {
				err = &TakenError{Field: ch.claims[i].field, Value: ch.claims[i].value, Holder: holder}
			}
			if err != nil {
				return Customer{}, err
			}
		case "changed":
		default:
			return Customer{}, fmt.Errorf("registry: customer: the reply %q cannot be read", outcome)
		}
	}
	return Customer{}, fmt.Errorf("customer %s is being changed by others all the time; try again", id)
}
