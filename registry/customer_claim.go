package registry

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// CustomerOwnedError refuses a claim of a colleague's customer.
type CustomerOwnedError struct{ Customer Customer }

func (e *CustomerOwnedError) Error() string {
	return fmt.Sprintf("customer %s is somebody's (%s)", e.Customer.ID, e.Customer.OwnedBy())
}

// Claim makes a rep the owner of a customer and of all its numbers. It fails as Store.Claim does, and with
// *CustomerOwnedError when a colleague owns a customer that has no number; holdings and daily claims count only by numbers.
func (c *Customers) Claim(ctx context.Context, id string, o ClaimOrder) (Customer, error) {
	of, err := c.Get(ctx, id)
	if err != nil {
		return Customer{}, err
	}
	if len(of.Numbers) == 0 {
		err = c.claimWithout(ctx, of, o)
	} else {
		_, err = c.store.Claim(ctx, of.Numbers[0], o)
	}
	if err != nil {
		return of, err
	}
	return c.Get(ctx, id)
}

// claimWithout claims a customer that has no number, whose owner stands in its own record alone.
func (c *Customers) claimWithout(ctx context.Context, of Customer, o ClaimOrder) error {
	if o.Rep == "" || o.For <= 0 && o.Terms.Protection <= 0 {
		return errors.New("a claim needs a rep and a protection longer than zero")
	}
	for _, owner := range of.Owners {
		if owner.Scope == o.Scope && owner.Owner != o.Rep {
			return &CustomerOwnedError{of}
		}
	}
	packed, err := c.store.client.HGet(ctx, customerOwnersKey(of.ID), identity(string(o.Scope))).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("registry: customers: %w", err)
	}
	before, _ := readOwnership(packed)
	now, err := c.store.client.Time(ctx).Result()
	if err != nil {
		return fmt.Errorf("registry: customers: %w", err)
	}
	until := byRules(Holding{Since: now, Level: o.Level}, o.Terms)
	facts := make(map[string]string)
	set := func(letter, value string) {
		if value != "" {
			facts[fieldIn(letter, o.Scope)] = value
		}
	}
	if o.For > 0 {
		until = now.Add(o.For)
		set("um", "1")
	}
	set("o", identity(string(o.Rep)))
	set("x", identity(o.Extension))
	set("m", identity(string(o.Team)))
	set("l", identity(o.Level))
	set("c", "0")
	set("s", strconv.FormatInt(now.UnixMilli(), 10))
	set("u", strconv.FormatInt(until.UnixMilli(), 10))
	outcome, _, err := c.store.proposeOwner(ctx, of.ID, o.Scope, before.fence, "", strconv.FormatInt(now.UnixMicro(), 10), facts)
	switch {
	case err != nil:
		return err
	case outcome == "gone":
		return fmt.Errorf("%w %.20q", ErrNoCustomer, of.ID)
	case outcome != "taken":
		if of, err = c.Get(ctx, of.ID); err != nil {
			return err
		}
		return &CustomerOwnedError{of}
	}
	return c.store.work(ctx, []string{of.ID})
}
