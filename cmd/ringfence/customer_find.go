package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
	"github.com/ringfence/ringfence/registry/customer"
)

func (sh *shell) newCustomerFindCommand() *cobra.Command {
	return &cobra.Command{
		Use: "find TEXT", Short: "is this already somebody's? Exit code 0: nobody's, 3: somebody's", Args: oneArg("TEXT"),
		Long: `Looks for customers one of whose unique values is TEXT: a number, an e-mail address, the name of a company, an id, in any
spelling. A number that has an owner and no customer is found too. customers.find says how the owner is named and how much
of the fields is shown.`,
		Example: `  ringfence customer find "acme inc"
  ringfence customer find "(212) 555-0100" && echo free to call
  ringfence customer find li@example.com --output json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.withCustomers(cmd.Context(), func(ctx context.Context, c *customers) error {
				ctx, cancel := context.WithTimeout(ctx, patience)
				defer cancel()
				reports, err := c.find(ctx, args[0])
				if err != nil {
					return err
				}
				err = sh.print(reports, func(w io.Writer) {
					if len(reports) == 0 {
						fmt.Fprintln(w, "nobody's")
						return
					}
					customerTable(w, reports)
				})
				if err == nil && len(reports) > 0 {
					err = errSaysNo
				}
				return err
			})
		},
	}
}

// find is what may be told of who has a value.
func (c *customers) find(ctx context.Context, text string) ([]customerReport, error) {
	matches, err := c.all.Find(ctx, text)
	if err != nil {
		return nil, err
	}
	reports := []customerReport{}
	for _, m := range matches {
		reports = append(reports, customerReport{
			Customer: m.ID, Type: m.Type, Field: m.Field, Fields: c.shown(m.Customer), Owned: len(m.Owners) > 0, Owners: c.owners(m.Customer),
		})
	}
	n, err := c.gate.Number(text)
	if err != nil || len(reports) > 0 {
		return reports, nil
	}
	alone, err := c.ownedAlone(ctx, n)
	return append(reports, alone...), err
}

// ownedAlone tells of a number that has an owner and no customer.
func (c *customers) ownedAlone(ctx context.Context, n gate.Number) ([]customerReport, error) {
	holdings, err := c.store.Holdings(ctx, n)
	if err != nil {
		return nil, err
	}
	var of registry.Customer
	for _, h := range holdings {
		if h.Owner != "" {
			of.Owners = append(of.Owners, registry.CustomerOwner{Scope: h.Scope, Owner: h.Owner, Team: h.Team, Since: h.Since, Until: h.Until})
		}
	}
	if len(of.Owners) == 0 {
		return nil, nil
	}
	return []customerReport{{
		Type: "number", Field: "number", Fields: map[string][]string{"number": {c.cell(customer.Field{Kind: customer.Number}, string(n))}},
		Owned: true, Owners: c.owners(of),
	}}, nil
}

// shown are a customer's fields, masked as the policy says.
func (c *customers) shown(of registry.Customer) map[string][]string {
	t, _ := c.reader.Type(of.Type)
	fields := make(map[string][]string, len(of.Fields))
	for name, values := range of.Fields {
		for _, v := range values {
			fields[name] = append(fields[name], c.cell(t.Fields[name], v))
		}
	}
	return fields
}

// cell is one value, masked as the policy says.
func (c *customers) cell(f customer.Field, value string) string {
	if c.cfg.Customers.Find.Fields == customer.FieldsFull || f.Mask == customer.Shown {
		return value
	}
	return customer.MaskValue(f.Kind, value)
}
