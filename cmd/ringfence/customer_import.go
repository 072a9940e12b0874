package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/registry"
	"github.com/ringfence/ringfence/registry/customer"
)

// onDuplicate says what becomes of a row that is in the way of a customer, or of a row before it.
type onDuplicate string

const (
	duplicateRefuse onDuplicate = "refuse" // it is reported, and the import ends with exit code 1
	duplicateSkip   onDuplicate = "skip"   // it is reported
	duplicateUpdate onDuplicate = "update" // its fields go to the customer it is in the way of
)

// String implements pflag.Value.
func (d *onDuplicate) String() string { return string(*d) }

// Set implements pflag.Value.
func (d *onDuplicate) Set(text string) error {
	switch v := onDuplicate(text); v {
	case duplicateRefuse, duplicateSkip, duplicateUpdate:
		*d = v
		return nil
	}
	return fmt.Errorf("%q is not one of refuse, skip, update", text)
}

// Type implements pflag.Value.
func (d *onDuplicate) Type() string { return "WHAT" }

// importOptions are the flags of customer import.
type importOptions struct {
	typ, duplicates string
	maps            []string
	dryRun          bool
	onDuplicate     onDuplicate
}

func (sh *shell) newCustomerImportCommand() *cobra.Command {
	o := importOptions{onDuplicate: duplicateRefuse}
	cmd := &cobra.Command{
		Use: "import FILE.csv", Short: "add the customers of a file, one a line", Args: oneArg("FILE.csv"),
		Long: `Reads CSV in UTF-8 ("-" for standard input; commas, semicolons or tabs) whose first line names the columns. A column that
is named like a field is that field, --map says it of others, the rest is left out. Several values of one field are parted
by ";".

Each row is added whole or not at all. A row one of whose unique values is another customer's, or an earlier row's, is a
duplicate: it is reported with the field, the customer in the way and its owner. By --on-duplicate it is refused (the
default; exit code 1 at the end, the other rows are added), skipped (exit code 0), or its fields replace those of that
customer. A row that says what a customer says already changes nothing, so an import that was interrupted is finished by
doing it again.`,
		Example: `  ringfence customer import customers.csv --dry-run
  ringfence customer import crm.csv --map Firma=name --map Telefon=phone --on-duplicate skip --duplicates again.csv
  zcat customers.csv.gz | ringfence customer import - --output json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			named, err := namedColumns(o.maps)
			if err != nil {
				return err
			}
			return sh.withCustomers(cmd.Context(), func(ctx context.Context, c *customers) error {
				return sh.importCustomers(ctx, c, args[0], named, o)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.typ, "type", "", "record type; default: the only one that is declared")
	flags.StringArrayVar(&o.maps, "map", nil, "COLUMN=FIELD: the column of that heading is that field; may be repeated")
	flags.BoolVar(&o.dryRun, "dry-run", false, "only say what would become of each row")
	flags.Var(&o.onDuplicate, "on-duplicate", "what becomes of duplicates: refuse, skip or update")
	flags.StringVar(&o.duplicates, "duplicates", "", "write the rows that are duplicates to this CSV file, with what is in their way")
	return cmd
}

// namedColumns reads --map COLUMN=FIELD.
func namedColumns(maps []string) (map[string]string, error) {
	named := make(map[string]string)
	for _, m := range maps {
		i := strings.LastIndexByte(m, '=')
		if i < 1 {
			return nil, usagef("--map %q is no COLUMN=FIELD, such as Firma=name", m)
		}
		named[strings.TrimSpace(m[:i])] = m[i+1:]
	}
	return named, nil
}

func (sh *shell) importCustomers(ctx context.Context, c *customers, path string, named map[string]string, o importOptions) error {
	typ, err := c.typ(o.typ)
	if err != nil {
		return err
	}
	file, size, err := sh.open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	source := filepath.Base(path)
	if path == "-" {
		source = "standard input"
	}
	rows, err := newRowReader(interruptibleReader{ctx, file})
	if err != nil {
		return fmt.Errorf("%s was not imported: %w", source, err)
	}
	t, _ := c.reader.Type(typ)
	table, err := customer.NewTable(t, typ, rows.heading, named)
	if err != nil {
		return usageError{fmt.Errorf("%s was not imported: %w", source, err)}
	}
	report := newImportReport(source, typ, table.LeftOut(), o.dryRun)
	aside, err := newDuplicatesFile(o.duplicates, rows)
	if err != nil {
		return err
	}
	im := &importing{customers: c, typ: typ, table: table, o: o, report: report, aside: aside, rowOf: make(map[string]int)}
	bar := sh.progress("importing", size, true)
	err = im.run(ctx, rows, bar)
	bar.finish()
	if err == nil && !o.dryRun {
		err = c.all.Finish(ctx)
	}
	if err = errors.Join(err, aside.close()); err != nil {
		return fmt.Errorf("%s was read up to line %d: %w; do it again to go on, what was added stays as it is", source, report.last, err)
	}
	if err := sh.print(report, report.table); err != nil {
		return err
	}
	return report.verdict(o)
}

// importing is one import under way.
type importing struct {
	*customers
	typ    string
	table  *customer.Table
	o      importOptions
	report *importReport
	aside  *duplicatesFile
	rowOf  map[string]int // line of this file that is a customer: by its id, in a rehearsal by its values
}

// fileRow is one row of the file on its way.
type fileRow struct {
	line  int
	cells []string
	draft registry.Draft
}

// importBatch is how many rows are on their way at once.
const importBatch = 512

// run reads rows and adds them, some at a time.
func (im *importing) run(ctx context.Context, rows *rowReader, bar *bar) error {
	batch := make([]fileRow, 0, importBatch)
	for {
		row, err := rows.next()
		ended := errors.Is(err, io.EOF)
		switch {
		case ended:
		case err != nil && !errors.Is(err, errUnreadable):
			return err
		case err != nil:
			im.report.Rows++
			im.report.unreadable(row.line, err)
		default:
			im.report.Rows++
			im.read(row, &batch)
		}
		if len(batch) == importBatch || ended {
			if err := im.add(ctx, batch); err != nil {
				return err
			}
			batch = batch[:0]
			im.report.last = row.line
			bar.at(rows.offset())
		}
		if ended {
			return nil
		}
	}
}

// read makes a draft of a row, or says what is wrong with it.
func (im *importing) read(row fileRow, batch *[]fileRow) {
	values, err := im.reader.Read(im.typ, im.table.Row(row.cells), true)
	if err != nil {
		im.report.unreadable(row.line, err)
		return
	}
	row.draft = registry.Draft{Type: im.typ, Values: values, Source: fmt.Sprintf("%s:%d", im.report.Source, row.line)}
	*batch = append(*batch, row)
}

// add has the rows of a batch added, or rehearsed, and reports each.
func (im *importing) add(ctx context.Context, batch []fileRow) error {
	drafts := make([]registry.Draft, len(batch))
	for i, row := range batch {
		drafts[i] = row.draft
	}
	do := im.all.AddAll
	if im.o.dryRun {
		do = im.all.Rehearse
	}
	outcomes, err := do(ctx, drafts)
	for i, outcome := range outcomes {
		if err := im.settle(ctx, batch[i], outcome); err != nil {
			return err
		}
	}
	return err
}

// settle reports what became of one row, and updates the customer in its way when that is wanted.
func (im *importing) settle(ctx context.Context, row fileRow, a registry.Added) error {
	var taken *registry.TakenError
	switch {
	case errors.As(a.Err, &taken):
	case a.Err != nil:
		return a.Err
	case a.ID == "":
		return im.rehearsed(row)
	case !a.Same:
		im.rowOf[a.ID] = row.line
		im.report.count("added")
		return nil
	default:
		before, twice := im.rowOf[a.ID]
		if !twice {
			im.rowOf[a.ID] = row.line
			im.report.count("unchanged")
			return nil
		}
		return im.duplicate(row, importRow{Field: "all", Customer: a.ID, Owner: im.ownedBy(a.Holder), FirstLine: before})
	}
	if im.o.onDuplicate == duplicateUpdate {
		return im.update(ctx, row, taken)
	}
	return im.duplicate(row, im.inTheWay(taken))
}

// inTheWay is the report of a row that cannot be added.
func (im *importing) inTheWay(e *registry.TakenError) importRow {
	t, _ := im.reader.Type(im.typ)
	return importRow{
		Field: e.Field, Value: im.cell(t.Fields[e.Field], e.Value), Customer: e.Holder.ID, Owner: im.ownedBy(e.Holder),
		FirstLine: im.rowOf[e.Holder.ID],
	}
}

// update gives the fields of a row to the customer in its way.
func (im *importing) update(ctx context.Context, row fileRow, e *registry.TakenError) error {
	if !im.o.dryRun {
		_, err := im.all.Change(ctx, e.Holder.ID, func(string) (customer.Values, error) { return row.draft.Values, nil })
		var taken *registry.TakenError
		switch {
		case errors.As(err, &taken): // its values are those of two customers
			return im.duplicate(row, im.inTheWay(taken))
		case err != nil:
			return err
		}
	}
	im.rowOf[e.Holder.ID] = row.line
	im.report.count("updated")
	return nil
}

func (im *importing) duplicate(row fileRow, r importRow) error {
	r.Line, r.Outcome = row.line, "duplicate"
	im.report.add(r)
	return im.aside.write(row.cells, r)
}

// rehearsed is a row that no customer is in the way of; an earlier row may be.
func (im *importing) rehearsed(row fileRow) error {
	t, _ := im.reader.Type(im.typ)
	for _, u := range registry.UniqueValues(t, row.draft) {
		before, twice := im.rowOf[u.Mark]
		if !twice {
			im.rowOf[u.Mark] = row.line
			continue
		}
		if im.o.onDuplicate == duplicateUpdate {
			im.report.count("updated")
			return nil
		}
		return im.duplicate(row, importRow{Field: u.Field, Value: im.cell(t.Fields[u.Field], u.Value), FirstLine: before})
	}
	im.report.count("added")
	return nil
}
