package main

import (
	"context"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/registry/customer"
)

func (sh *shell) newCustomerSetCommand() *cobra.Command {
	var sets, clears []string
	cmd := &cobra.Command{
		Use: "set ID --field FIELD=VALUE...", Short: "change fields of a customer", Args: oneArg("ID"),
		Long: `Changes fields of a customer, all of them or none. --field replaces every value of a field, --clear takes the field away. A
unique value that is another customer's is refused (exit code 3). A number that is added gets the customer's owner within a
second; one that is taken away keeps the owner it has.`,
		Example: `  ringfence customer set 17 --field email=li@example.com
  ringfence customer set 17 --field phone=+12125550100 --field phone=+12125550102 --clear note`,
		RunE: func(cmd *cobra.Command, args []string) error {
			fields, err := assigned(sets, clears)
			if err != nil {
				return err
			}
			if len(fields) == 0 {
				return usagef("nothing to change: give --field FIELD=VALUE or --clear FIELD")
			}
			return sh.withCustomers(cmd.Context(), func(ctx context.Context, c *customers) error {
				ctx, cancel := context.WithTimeout(ctx, patience)
				defer cancel()
				_, err := c.all.Change(ctx, args[0], func(typ string) (customer.Values, error) {
					values, err := c.reader.Read(typ, fields, false)
					if err != nil {
						return nil, usageError{err}
					}
					return values, nil
				})
				if err != nil {
					return sh.refuseCustomer(c, explainNoCustomer(args[0], err))
				}
				return sh.printChangedCustomer(ctx, c, args[0], "changed")
			})
		},
	}
	cmd.Flags().StringArrayVar(&sets, "field", nil, "a field and its value; again for further fields and values")
	cmd.Flags().StringArrayVar(&clears, "clear", nil, "a field to take away; may be repeated")
	return cmd
}

func (sh *shell) newCustomerRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "remove ID", Short: "remove a customer: its values are free, its numbers keep the owners they have", Args: oneArg("ID"),
		Example: "  ringfence customer remove 17",
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.withCustomers(cmd.Context(), func(ctx context.Context, c *customers) error {
				ctx, cancel := context.WithTimeout(ctx, patience)
				defer cancel()
				was, err := c.all.Remove(ctx, args[0])
				if err != nil {
					return explainNoCustomer(args[0], err)
				}
				r := wholeReport(was)
				r.Changed = "removed"
				return sh.print(r, func(w io.Writer) { customerTable(w, []customerReport{r}) })
			})
		},
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
