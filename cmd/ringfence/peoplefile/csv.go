package peoplefile

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ringfence/ringfence/registry/people"
)

// mark is the byte order mark that spreadsheets put before UTF-8.
var mark = []byte("\xef\xbb\xbf")

// readCSV reads people, one a record, below a record that names the columns. Columns are parted by whichever of comma,
// semicolon and tab the first line has most of: what a spreadsheet writes depends on where it stands.
func (f *File) readCSV(data []byte) {
	data = bytes.TrimPrefix(data, mark)
	if !utf8.Valid(data) {
		f.wrong(1+bytes.Count(data[:invalidAt(data)], []byte("\n")), "", "it is not UTF-8; save it as \"CSV UTF-8\"")
		return
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.Comma, r.FieldsPerRecord, r.ReuseRecord = separator(data), -1, true
	header, err := r.Read()
	if err != nil {
		f.unreadable(err)
		return
	}
	line, _ := r.FieldPos(0)
	columns, id := f.columns(header, line)
	if id < 0 {
		return
	}
	for {
		record, err := r.Read()
		if err != nil {
			f.unreadable(err)
			return
		}
		if len(f.Reps) >= people.MostReps {
			f.wrong(0, "", "it has more than %d people", people.MostReps)
			return
		}
		line, _ := r.FieldPos(0)
		if len(record) != len(columns) {
			f.wrong(line, "", "there are %d values and %d columns; is a value with %q in it not quoted?", len(record), len(columns), string(r.Comma))
			continue
		}
		f.record(r, columns, id, record)
	}
}

// unreadable notes why the reading ended, unless it ended well.
func (f *File) unreadable(err error) {
	var broken *csv.ParseError
	switch {
	case errors.As(err, &broken):
		f.wrong(broken.Line, "", "%s", broken.Err)
	case errors.Is(err, io.EOF) && f.empty():
		f.wrong(0, "", "it is empty")
	case !errors.Is(err, io.EOF):
		f.wrong(0, "", "it cannot be read: %s", err)
	}
}

func (f *File) empty() bool { return len(f.Reps) == 0 && len(f.Teams) == 0 && len(f.mistakes) == 0 }

// columns are the fields that the header names, and which of them is the id; -1 when none is.
func (f *File) columns(header []string, line int) (columns []string, id int) {
	id = -1
	for i, name := range header {
		field := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), " ", "_")
		switch {
		case slices.Contains(columns, field):
			f.wrong(line, field, "this column is there twice")
		case field == people.FieldID:
			id = i
		case !slices.Contains(repFields, field):
			f.wrong(line, clip(name), "there is no such column; there are: id, %s", strings.Join(repFields, ", "))
		}
		columns = append(columns, field)
	}
	if id < 0 {
		f.wrong(line, people.FieldID, "the first line names no such column; it must, and may name: %s", strings.Join(repFields, ", "))
	}
	if len(f.mistakes) > 0 {
		id = -1
	}
	return columns, id
}

func (f *File) record(r *csv.Reader, columns []string, id int, record []string) {
	line, _ := r.FieldPos(id)
	e := Entry[people.Person]{ID: strings.TrimSpace(record[id]), Line: line}
	if e.ID == "" {
		f.wrong(line, people.FieldID, "it is empty")
		return
	}
	for i, value := range record {
		if i != id {
			line, _ := r.FieldPos(i)
			take(f, &e, repReaders, repFields, columns[i], line, []string{value})
		}
	}
	f.Reps = append(f.Reps, e)
}

func separator(data []byte) rune {
	first, _, _ := bytes.Cut(data, []byte("\n"))
	best := ','
	for _, c := range ";\t" {
		if bytes.Count(first, []byte(string(c))) > bytes.Count(first, []byte(string(best))) {
			best = c
		}
	}
	return best
}

// invalidAt is where UTF-8 ends.
func invalidAt(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(data)
}
