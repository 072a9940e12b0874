package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/customer"
)

// Customers are the customers of a registry, read by the record types of one configuration.
type Customers struct {
	store  *Store
	reader *customer.Reader
}

// Customers gives access to customers.
func (s *Store) Customers(reader *customer.Reader) *Customers { return &Customers{s, reader} }

// Customer is a record that ties numbers and other unique values together.
type Customer struct {
	ID      string
	Type    string
	Fields  map[string][]string // as they were given, numbers in E.164
	Numbers []gate.Number       // of unique fields: who owns the customer owns them
	Owners  []CustomerOwner     // by scope
	Source  string              // where it came from, such as "customers.csv:17"
	Added   time.Time

	version string
	order   string // of the last change of its numbers, among all changes
	marks   []mark
}

// ErrNoCustomer means that there is no customer of that id.
var ErrNoCustomer = errors.New("no such customer")

// TakenError refuses a customer one of whose unique values is another customer's.
type TakenError struct {
	Field  string
	Value  string // as it was given
	Holder Customer
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("the %s is that of customer %s (%s)", e.Field, e.Holder.ID, e.Holder.OwnedBy())
}

// OwnedBy says who owns a customer, for people.
func (c Customer) OwnedBy() string {
	var owners []string
	for _, o := range c.Owners {
		owner := "owner " + string(o.Owner)
		if o.Scope != "" {
			owner += " in " + string(o.Scope)
		}
		owners = append(owners, owner)
	}
	return cmp.Or(strings.Join(owners, ", "), "no owner")
}

// Get reads one customer.
func (c *Customers) Get(ctx context.Context, id string) (Customer, error) {
	found, err := c.store.customers(ctx, []string{id})
	if err != nil {
		return Customer{}, err
	}
	if found[0].ID == "" {
		return Customer{}, fmt.Errorf("%w %.20q", ErrNoCustomer, id)
	}
	return found[0], nil
}

// customers reads customers in one round trip; one that is not there has no ID.
func (s *Store) customers(ctx context.Context, ids []string) ([]Customer, error) {
	pipe := s.client.Pipeline()
	records := make([]*redis.MapStringStringCmd, len(ids))
	owners := make([]*redis.MapStringStringCmd, len(ids))
	for i, id := range ids {
		records[i] = pipe.HGetAll(ctx, customerKey(id))
		owners[i] = pipe.HGetAll(ctx, customerOwnersKey(id))
	}
	clock := pipe.Time(ctx)
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("registry: customers: %w", err)
	}
	list := make([]Customer, len(ids))
	for i, id := range ids {
		if hash := records[i].Val(); len(hash) > 0 {
			list[i] = readCustomer(id, hash)
			list[i].Owners = readOwners(owners[i].Val(), clock.Val())
		}
	}
	return list, nil
}

func readCustomer(id string, hash map[string]string) Customer {
	c := Customer{
		ID: id, Type: hash["t"], Source: unescape(hash["r"]), Added: millis(hash["a"]), Fields: make(map[string][]string, len(hash)),
		version: hash["v"], order: numberOr0(hash["n"]), marks: splitMarks(hash["u"]),
	}
	for _, name := range slices.Sorted(maps.Keys(hash)) {
		if len(name) < 2 || name[0] != '.' && name[0] != '+' {
			continue
		}
		for text := range strings.SplitSeq(hash[name], sep) {
			text = unescape(text)
			c.Fields[name[1:]] = append(c.Fields[name[1:]], text)
			if name[0] == '+' {
				c.Numbers = append(c.Numbers, gate.Number(text))
			}
		}
	}
	return c
}

// newIDs takes n ids of which none has been given; it returns the first.
func (s *Store) newIDs(ctx context.Context, n int) (int64, error) {
	last, err := s.client.IncrBy(ctx, customerIDKey, int64(n)).Result()
	if err != nil {
		return 0, fmt.Errorf("registry: customers: %w", err)
	}
	return last - int64(n) + 1, nil
}

// All visits every customer in the order of their ids, until yield says no. What changes meanwhile may be missed.
func (c *Customers) All(ctx context.Context, yield func(Customer, error) bool) {
	last, err := c.store.client.Get(ctx, customerIDKey).Int64()
	if err != nil && !errors.Is(err, redis.Nil) {
		yield(Customer{}, fmt.Errorf("registry: customers: %w", err))
		return
	}
	for first := int64(1); first <= last; first += batchSize {
		var ids []string
		for id := first; id < first+batchSize && id <= last; id++ {
			ids = append(ids, strconv.FormatInt(id, 10))
		}
		found, err := c.store.customers(ctx, ids)
		if err != nil {
			yield(Customer{}, err)
			return
		}
		for _, each := range found {
			if each.ID != "" && !yield(each, nil) {
				return
			}
		}
	}
}
