package customer

import (
	"fmt"
	"strings"
)

// Table says which column of a file is which field of a record type.
type Table struct {
	typ     Type
	name    string
	columns []string // by position: the field's name, "" when the column is left out
	heading []string
}

// manySep parts the values of a field with many values within one column.
const manySep = ";"

// NewTable maps the columns of a file by its heading. A column whose heading is the name of a field, without regard to
// case and blanks, is that field; named says it of others, field by column. Columns that are no field are left out, and
// told by LeftOut. An error says what does not fit, such as a required field without a column.
func NewTable(t Type, typ string, heading []string, named map[string]string) (*Table, error) {
	table := &Table{typ: t, name: typ, columns: make([]string, len(heading)), heading: heading}
	taken := make(map[string]string)
	used := make(map[string]bool)
	for i, title := range heading {
		title = strings.TrimSpace(strings.TrimPrefix(title, "\ufeff"))
		field, said := named[title]
		if said {
			used[title] = true
		} else {
			field = strings.ReplaceAll(strings.ToLower(title), " ", "_")
		}
		if _, ok := t.Fields[field]; !ok {
			if said {
				return nil, fmt.Errorf("--map %.40s=%.40s: %s has no such field; it has %s", title, field, typ, strings.Join(t.FieldNames(), ", "))
			}
			continue
		}
		if before, twice := taken[field]; twice && !t.Fields[field].Many {
			return nil, fmt.Errorf("the columns %.40q and %.40q are both the field %s, which has one value", before, title, field)
		}
		taken[field], table.columns[i] = title, field
	}
	for column := range named {
		if !used[column] {
			return nil, fmt.Errorf("--map names the column %.40q, which the file has not; it has %s", column, clip(strings.Join(heading, ", ")))
		}
	}
	for _, field := range t.FieldNames() {
		if _, ok := taken[field]; !ok && t.Fields[field].Required {
			return nil, fmt.Errorf("no column is the field %s, which every %s needs; the first line must name the columns, "+
				"and --map COLUMN=%s says which it is", field, typ, field)
		}
	}
	return table, nil
}

// LeftOut are the headings of columns that are no field.
func (t *Table) LeftOut() (titles []string) {
	for i, field := range t.columns {
		if field == "" {
			titles = append(titles, t.heading[i])
		}
	}
	return titles
}

// Row gives the fields of one row; a blank cell says nothing of its field.
func (t *Table) Row(cells []string) map[string][]string {
	given := make(map[string][]string, len(t.columns))
	for i, cell := range cells {
		if i >= len(t.columns) || t.columns[i] == "" {
			continue
		}
		field := t.columns[i]
		values := []string{cell}
		if t.typ.Fields[field].Many {
			values = strings.Split(cell, manySep)
		}
		for _, v := range values {
			if v = strings.TrimSpace(v); v != "" {
				given[field] = append(given[field], v)
			}
		}
	}
	return given
}

// Join writes the values of one field into one cell, as Row reads them.
func Join(values []string) string { return strings.Join(values, manySep) }
