package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// shownRows is how many rows a report names; --duplicates has all duplicates.
const shownRows = 1000

// importReport is what customer import prints.
type importReport struct {
	Source     string      `json:"source"`
	Type       string      `json:"type"`
	DryRun     bool        `json:"dry_run"`
	Rows       int         `json:"rows"`
	Added      int         `json:"added"`
	Unchanged  int         `json:"unchanged"` // said what a customer says already
	Updated    int         `json:"updated"`
	Duplicates int         `json:"duplicates"`
	Unreadable int         `json:"unreadable"`
	LeftOut    []string    `json:"left_out"` // columns that are no field
	Problems   []importRow `json:"problems"` // the first 1,000 rows that were not added
	Seconds    float64     `json:"seconds"`

	began time.Time
	last  int // line up to which the file is done
}

// importRow is a row that was not added.
type importRow struct {
	Line      int    `json:"line"`
	Outcome   string `json:"outcome"` // duplicate or unreadable
	Field     string `json:"field,omitempty"`
	Value     string `json:"value,omitempty"`      // masked as the policy says
	Customer  string `json:"customer,omitempty"`   // in the way
	Owner     string `json:"owner,omitempty"`      // of that customer
	FirstLine int    `json:"first_line,omitempty"` // of this file that is that customer
	Why       string `json:"why,omitempty"`
}

func newImportReport(source, typ string, leftOut []string, dryRun bool) *importReport {
	return &importReport{
		Source: source, Type: typ, DryRun: dryRun, LeftOut: append([]string{}, leftOut...), Problems: []importRow{}, began: time.Now(),
	}
}

// count counts a row that went well.
func (r *importReport) count(outcome string) {
	switch outcome {
	case "added":
		r.Added++
	case "unchanged":
		r.Unchanged++
	default:
		r.Updated++
	}
	r.Seconds = time.Since(r.began).Round(time.Millisecond).Seconds()
}

// add counts a row that did not.
func (r *importReport) add(row importRow) {
	if row.Outcome == "duplicate" {
		r.Duplicates++
	} else {
		r.Unreadable++
	}
	if len(r.Problems) < shownRows {
		r.Problems = append(r.Problems, row)
	}
	r.Seconds = time.Since(r.began).Round(time.Millisecond).Seconds()
}

func (r *importReport) unreadable(line int, err error) {
	r.add(importRow{Line: line, Outcome: "unreadable", Why: strings.ReplaceAll(err.Error(), "\n", "; ")})
}

func (r *importReport) table(w io.Writer) {
	if len(r.Problems) > 0 {
		row(w, "LINE", "OUTCOME", "FIELD", "VALUE", "CUSTOMER", "OWNER", "WHY")
	}
	for i, p := range r.Problems {
		if i == shownProblems {
			fmt.Fprintf(w, "… and %d more rows\n", r.Duplicates+r.Unreadable-shownProblems)
			break
		}
		why := p.Why
		if p.FirstLine > 0 {
			why = fmt.Sprintf("as line %d", p.FirstLine)
		}
		row(w, fmt.Sprint(p.Line), p.Outcome, p.Field, p.Value, p.Customer, p.Owner, why)
	}
	if len(r.LeftOut) > 0 {
		fmt.Fprintf(w, "left out: %s\n", strings.Map(printable, strings.Join(r.LeftOut, ", ")))
	}
	what := "%s: %d rows: %d added, %d unchanged, %d updated, %d duplicates, %d unreadable (%.1f s)\n"
	if r.DryRun {
		what = "%s: %d rows: %d would be added, %d unchanged, %d updated, %d duplicates, %d unreadable; nothing was changed (%.1f s)\n"
	}
	fmt.Fprintf(w, what, r.Source, r.Rows, r.Added, r.Unchanged, r.Updated, r.Duplicates, r.Unreadable, r.Seconds)
}

// verdict ends the command: rows that were to be added and were not are a failure.
func (r *importReport) verdict(o importOptions) error {
	refused := r.Unreadable
	if o.onDuplicate != duplicateSkip {
		refused += r.Duplicates
	}
	if refused == 0 {
		return nil
	}
	would := "were not added"
	if r.DryRun {
		would = "would not be added"
	}
	return fmt.Errorf("%s of %s %s; correct them and import them again (--duplicates FILE.csv writes the duplicates out, "+
		"--on-duplicate skip or update says what to do with them)", count(refused, "row"), r.Source, would)
}
