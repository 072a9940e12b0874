package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/registry"
	"github.com/ringfence/ringfence/registry/customer"
)

func (sh *shell) newCustomerExportCommand() *cobra.Command {
	var typ, path string
	cmd := &cobra.Command{
		Use: "export [--to FILE.csv]", Short: "write all customers of a type as CSV, as customer import reads it", Args: cobra.NoArgs,
		Long: `Writes every customer of a type, one a line, with its whole values: a column for each field of the type (several values of
one field are parted by ";"), and its id and owners in the columns customer and owners, which customer import leaves out.`,
		Example: `  ringfence customer export --to customers.csv
  ringfence customer export --type person | gzip > persons.csv.gz`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.withCustomers(cmd.Context(), func(ctx context.Context, c *customers) error {
				typ, err := c.typ(typ)
				if err != nil {
					return err
				}
				if path == "" {
					_, err = c.export(ctx, typ, sh.stdout)
					return err
				}
				file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
				if err != nil {
					return fmt.Errorf("the customers were not exported: %w", err)
				}
				n, err := c.export(ctx, typ, file)
				if closed := file.Close(); err == nil {
					err = closed
				}
				if err == nil {
					fmt.Fprintf(sh.stderr, "%s in %s\n", count(n, "customer"), path)
				}
				return err
			})
		},
	}
	cmd.Flags().StringVar(&typ, "type", "", "record type; default: the only one that is declared")
	cmd.Flags().StringVar(&path, "to", "", "file to write, mode 0600; default: standard output")
	return cmd
}

// export writes the customers of a type and says how many there were.
func (c *customers) export(ctx context.Context, typ string, to io.Writer) (n int, err error) {
	t, _ := c.reader.Type(typ)
	names := t.FieldNames()
	lines := csv.NewWriter(to)
	_ = lines.Write(append(append([]string{}, names...), "customer", "owners")) // Error tells
	c.all.All(ctx, func(of registry.Customer, problem error) bool {
		if problem != nil {
			err = problem
			return false
		}
		if of.Type != typ {
			return true
		}
		cells := make([]string, 0, len(names)+2)
		for _, name := range names {
			cells = append(cells, customer.Join(of.Fields[name]))
		}
		n++
		return lines.Write(append(cells, of.ID, of.OwnedBy())) == nil
	})
	lines.Flush()
	if err == nil {
		err = lines.Error()
	}
	return n, err
}
