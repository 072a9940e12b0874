package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// format is the value of --output. Its zero value is a table.
type format string

const (
	formatTable format = "table"
	formatJSON  format = "json"
)

// String implements pflag.Value.
func (f *format) String() string {
	if *f == "" {
		return string(formatTable)
	}
	return string(*f)
}

// Set implements pflag.Value.
func (f *format) Set(value string) error {
	switch v := format(value); v {
	case formatTable, formatJSON:
		*f = v
		return nil
	}
	return fmt.Errorf("%q is not one of table, json", value)
}

// Type implements pflag.Value.
func (f *format) Type() string { return "FORMAT" }

// print writes value as JSON, or has table write it for people. The JSON of each command is described in
// docs/commands.md and only ever grows.
func (sh *shell) print(value any, table func(w io.Writer)) error {
	if sh.output == formatJSON {
		encoder := json.NewEncoder(sh.stdout)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(value)
	}
	columns := tabwriter.NewWriter(sh.stdout, 0, 0, 2, ' ', 0)
	table(columns)
	return columns.Flush()
}

// row writes one line of a table; an empty cell shows as a dash.
func row(w io.Writer, cells ...string) {
	for i, c := range cells {
		if c == "" {
			cells[i] = "-"
			continue
		}
		cells[i] = strings.Map(printable, c)
	}
	fmt.Fprintln(w, strings.Join(cells, "\t"))
}

// printable keeps a note from moving the cursor or breaking the table.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
		return ' '
	}
	return r
}

// timeCell writes a time for a table: local, to the second.
func timeCell(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// timeOf is a time for JSON: UTC, to the second; nil when there is none.
func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}

// seconds are a duration for JSON: whole ones, rounded up, so that who waits so long does not come too early.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
