package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
	"github.com/ringfence/ringfence/registry/customer"
)

// customerReport is a customer as it is printed.
type customerReport struct {
	Customer string                `json:"customer"` // its id
	Type     string                `json:"type"`
	Field    string                `json:"field,omitempty"` // find: the field that has what was looked for
	Fields   map[string][]string   `json:"fields"`
	Owned    bool                  `json:"owned"`
	Owners   []customerOwnerReport `json:"owners"`
	Source   string                `json:"source,omitempty"`
	Added    *time.Time            `json:"added,omitempty"`
	Changed  string                `json:"changed,omitempty"` // added, changed or removed
}

// customerOwnerReport is who owns a customer in one scope.
type customerOwnerReport struct {
	Scope gate.Scope `json:"scope,omitempty"`
	Owner gate.Rep   `json:"owner,omitempty"`
	Team  gate.Team  `json:"team,omitempty"`
	Since *time.Time `json:"since,omitempty"`
	Until *time.Time `json:"until,omitempty"`
}

func (sh *shell) newCustomerCommand() *cobra.Command {
	cmd := group("customer", "who the customers are: numbers, companies and e-mail addresses that belong together",
		sh.newCustomerAddCommand(),
		sh.newCustomerImportCommand(),
		sh.newCustomerFindCommand(),
		sh.newCustomerShowCommand(),
		sh.newCustomerSetCommand(),
		sh.newCustomerRemoveCommand(),
		sh.newCustomerExportCommand(),
	)
	cmd.Example = `  ringfence customer add --field name="Acme Inc." --field phone=+12125550100
  ringfence customer import customers.csv --dry-run
  ringfence customer find "ACME"`
	return cmd
}

// customers is what commands about customers have.
type customers struct {
	*client
	reader *customer.Reader
	all    *registry.Customers
}

// withCustomers is withClient for commands about customers.
func (sh *shell) withCustomers(ctx context.Context, use func(context.Context, *customers) error) error {
	return sh.withClient(ctx, false, func(ctx context.Context, c *client) error {
		reader := customer.NewReader(c.cfg.Customers, c.gate.Number)
		return use(ctx, &customers{c, reader, c.store.Customers(reader)})
	})
}

// typ is the record type that was named, or the only one.
func (c *customers) typ(name string) (string, error) {
	types := c.reader.Types()
	if name == "" && len(types) == 1 {
		return types[0], nil
	}
	if _, ok := c.reader.Type(name); !ok {
		return "", usagef("--type %q is none of the record types that the configuration declares: %s", name, strings.Join(types, ", "))
	}
	return name, nil
}

// assigned reads --field field=value; a field may be set several times.
func assigned(sets, clears []string) (map[string][]string, error) {
	fields := make(map[string][]string)
	for _, set := range sets {
		name, value, ok := strings.Cut(set, "=")
		if !ok || name == "" {
			return nil, usagef("--field %q is no field=value, such as name=Acme", set)
		}
		fields[name] = append(fields[name], value)
	}
	for _, name := range clears {
		if _, also := fields[name]; also {
			return nil, usagef("%s is both given and cleared; keep one of them", name)
		}
		fields[name] = nil
	}
	return fields, nil
}

func (sh *shell) newCustomerAddCommand() *cobra.Command {
	var typ, owner, scope string
	var sets []string
	cmd := &cobra.Command{
		Use: "add --field FIELD=VALUE...", Short: "add a customer, unless one of its unique values is another's", Args: cobra.NoArgs,
		Long: `Adds a customer with all of its values, or nothing of it: when a unique value is another customer's, that customer and its
owner are named (exit code 3). Companies are compared without their legal forms, e-mail addresses without case, numbers in
any spelling. Who owns the customer owns all its numbers; --owner makes a rep the owner, unless one of the numbers is a
colleague's.`,
		Example: `  ringfence customer add --field name="Acme Inc." --field phone=+12125550100 --field phone=+12125550101
  ringfence customer add --type person --field name="Li Na" --field email=li@example.com
  ringfence customer add --field name="Acme Inc." --field phone=+12125550100 --owner 201`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			fields, err := assigned(sets, nil)
			if err != nil {
				return err
			}
			if owner != "" {
				if _, err := repOf(owner); err != nil {
					return err
				}
			}
			return sh.withCustomers(cmd.Context(), func(ctx context.Context, c *customers) error {
				ctx, cancel := context.WithTimeout(ctx, patience)
				defer cancel()
				return sh.addCustomer(ctx, c, typ, fields, gate.Rep(owner), gate.Scope(scope))
			})
		},
	}
	cmd.Flags().StringVar(&typ, "type", "", "record type; default: the only one that is declared")
	cmd.Flags().StringArrayVar(&sets, "field", nil, "a field and its value; again for further fields and values")
	cmd.Flags().StringVar(&owner, "owner", "", "id of the rep who is to own it")
	cmd.Flags().StringVar(&scope, "scope", "", "the product line in which --owner owns it; default: the company's one")
	_ = cmd.MarkFlagRequired("field")
	return cmd
}

func (sh *shell) addCustomer(
	ctx context.Context, c *customers, typ string, fields map[string][]string, owner gate.Rep, scope gate.Scope,
) error {
	typ, err := c.typ(typ)
	if err != nil {
		return err
	}
	values, err := c.reader.Read(typ, fields, true)
	if err != nil {
		return usageError{err}
	}
	draft := registry.Draft{Type: typ, Values: values}
	if owner != "" {
		if err := sh.claimable(ctx, c, draft, owner, scope); err != nil {
			return err
		}
	}
	added, err := c.all.Add(ctx, draft)
	if added.Same {
		err = &registry.TakenError{Field: "whole", Holder: added.Holder}
	}
	if err != nil {
		return sh.refuseCustomer(c, err)
	}
	if owner != "" {
		_, err := c.all.Claim(ctx, added.ID, registry.ClaimOrder{Rep: owner, Scope: scope, Extension: c.extension(owner), Terms: c.gate.TermsFor(owner)})
		if err != nil {
			return fmt.Errorf("customer %s was added, but is not %s's: %w", added.ID, owner, explainClaim(err))
		}
	}
	return sh.printChangedCustomer(ctx, c, added.ID, "added")
}

// claimable refuses a customer one of whose numbers is a colleague's of its owner-to-be, before anything is written.
func (sh *shell) claimable(ctx context.Context, c *customers, d registry.Draft, owner gate.Rep, scope gate.Scope) error {
	t, _ := c.reader.Type(d.Type)
	for _, u := range registry.UniqueValues(t, d) {
		if t.Fields[u.Field].Kind != customer.Number {
			continue
		}
		h, err := c.store.OwnerIn(ctx, gate.Number(u.Value), scope)
		if err != nil {
			return err
		}
		if h.Owner != "" && h.Owner != owner {
			of := registry.Customer{Owners: []registry.CustomerOwner{{Scope: scope, Owner: h.Owner, Team: h.Team, Until: h.Until}}}
			fmt.Fprintf(sh.stderr, "ringfence: the %s %s is a colleague's (%s); leave --owner out, or have it transferred first\n",
				u.Field, h.Number.Masked(), c.ownedBy(of))
			return errSaysNo
		}
	}
	return nil
}

// refuseCustomer says whose customer is in the way, as the policy allows.
func (sh *shell) refuseCustomer(c *customers, err error) error {
	var taken *registry.TakenError
	if !errors.As(err, &taken) {
		return err
	}
	fmt.Fprintf(sh.stderr, "ringfence: %s; ringfence customer find shows what may be known of it\n", c.explainTaken(taken))
	return errSaysNo
}

func (c *customers) explainTaken(e *registry.TakenError) string {
	return fmt.Sprintf("the %s is that of customer %s (%s)", e.Field, e.Holder.ID, c.ownedBy(e.Holder))
}

// ownedBy says who owns a customer as customers.find.show allows.
func (c *customers) ownedBy(of registry.Customer) string {
	if len(of.Owners) == 0 {
		return "no owner"
	}
	var owners []string
	for _, o := range c.owners(of) {
		owner := "owned"
		switch {
		case o.Owner != "":
			owner = "owner " + string(o.Owner)
		case o.Team != "":
			owner = "owned by team " + string(o.Team)
		}
		if o.Scope != "" {
			owner += " in " + string(o.Scope)
		}
		owners = append(owners, owner)
	}
	return strings.Join(owners, ", ")
}

// owners are a customer's owners as customers.find.show allows.
func (c *customers) owners(of registry.Customer) []customerOwnerReport {
	reports := []customerOwnerReport{}
	for _, o := range of.Owners {
		r := customerOwnerReport{Scope: o.Scope, Until: timeOf(o.Until)}
		switch c.cfg.Customers.Find.Show {
		case customer.ShowOwner:
			r.Owner, r.Team, r.Since = o.Owner, o.Team, timeOf(o.Since)
		case customer.ShowTeam:
			r.Team = o.Team
		default:
		}
		reports = append(reports, r)
	}
	return reports
}

// wholeOwners are a customer's owners for whoever looks after it.
func wholeOwners(of registry.Customer) []customerOwnerReport {
	reports := []customerOwnerReport{}
	for _, o := range of.Owners {
		reports = append(reports, customerOwnerReport{o.Scope, o.Owner, o.Team, timeOf(o.Since), timeOf(o.Until)})
	}
	return reports
}

func (sh *shell) newCustomerShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "all that is known of a customer", Args: oneArg("ID"),
		Example: "  ringfence customer show 17 --output json",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.withCustomers(cmd.Context(), func(ctx context.Context, c *customers) error {
				ctx, cancel := context.WithTimeout(ctx, patience)
				defer cancel()
				return sh.printChangedCustomer(ctx, c, args[0], "")
			})
		},
	}
}

// printChangedCustomer prints a customer as it is now.
func (sh *shell) printChangedCustomer(ctx context.Context, c *customers, id, changed string) error {
	of, err := c.all.Get(ctx, id)
	if err != nil {
		return explainNoCustomer(id, err)
	}
	r := wholeReport(of)
	r.Changed = changed
	return sh.print(r, func(w io.Writer) { customerTable(w, []customerReport{r}) })
}

func explainNoCustomer(id string, err error) error {
	if errors.Is(err, registry.ErrNoCustomer) {
		return fmt.Errorf("there is no customer %.20q; ringfence customer find looks for one by number, e-mail address or name", id)
	}
	return err
}

func wholeReport(of registry.Customer) customerReport {
	return customerReport{
		Customer: of.ID, Type: of.Type, Fields: of.Fields, Owned: len(of.Owners) > 0, Owners: wholeOwners(of),
		Source: of.Source, Added: timeOf(of.Added),
	}
}

// customerTable prints customers one field a line.
func customerTable(w io.Writer, reports []customerReport) {
	row(w, "CUSTOMER", "TYPE", "FIELD", "VALUE", "CHANGE")
	for _, r := range reports {
		id, typ := r.Customer, r.Type
		if len(r.Fields) == 0 {
			row(w, id, typ, "", "", r.Changed)
		}
		for _, name := range sortedKeys(r.Fields) {
			row(w, id, typ, name, strings.Join(r.Fields[name], ", "), r.Changed)
		}
		for _, o := range r.Owners {
			row(w, id, typ, "owner", ownerCell(o), r.Changed)
		}
	}
}

func ownerCell(o customerOwnerReport) string {
	text := string(o.Owner)
	if text == "" && o.Team != "" {
		text = "team " + string(o.Team)
	}
	if text == "" {
		text = "somebody"
	}
	if o.Scope != "" {
		text += " in " + string(o.Scope)
	}
	return text + ", until " + cellOf(o.Until)
}
