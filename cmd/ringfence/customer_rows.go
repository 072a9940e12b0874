package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
)

// errUnreadable is what next answers for a row that is no CSV; the rows after it can be read.
var errUnreadable = errors.New("it is no CSV")

// rowReader reads the rows of a CSV file as they come.
type rowReader struct {
	lines   *csv.Reader
	heading []string
}

// newRowReader reads the heading, and finds in it what parts the columns.
func newRowReader(file io.Reader) (*rowReader, error) {
	text := bufio.NewReaderSize(file, 1<<16)
	if bom, _ := text.Peek(3); bytes.Equal(bom, []byte("\ufeff")) {
		_, _ = text.Discard(3)
	}
	start, _ := text.Peek(4096)
	if magic := []byte{0x1f, 0x8b}; bytes.HasPrefix(start, magic) {
		return nil, errors.New("it is compressed; zcat FILE | ringfence customer import - reads it")
	}
	lines := csv.NewReader(text)
	lines.Comma, lines.FieldsPerRecord, lines.ReuseRecord = commaOf(start), -1, false
	heading, err := lines.Read()
	if err != nil {
		return nil, fmt.Errorf("its first line, which names the columns, cannot be read: %w", err)
	}
	return &rowReader{lines, heading}, nil
}

// commaOf is what there is most of in the first line.
func commaOf(start []byte) rune {
	line, _, _ := bytes.Cut(start, []byte("\n"))
	comma := ','
	for _, other := range []rune{';', '\t'} {
		if bytes.Count(line, []byte(string(other))) > bytes.Count(line, []byte(string(comma))) {
			comma = other
		}
	}
	return comma
}

// longestRow bounds what one row may hold, in cells and bytes.
const (
	mostCells  = 1000
	longestRow = 1 << 20
)

// next is the next row and the line it begins on.
func (r *rowReader) next() (fileRow, error) {
	cells, err := r.lines.Read()
	if broken, ok := errors.AsType[*csv.ParseError](err); ok {
		return fileRow{line: broken.StartLine}, fmt.Errorf("%w: %w", errUnreadable, broken.Err)
	}
	if err != nil {
		return fileRow{}, err
	}
	line, _ := r.lines.FieldPos(0)
	size := 0
	for _, c := range cells {
		size += len(c)
	}
	if len(cells) > mostCells || size > longestRow {
		return fileRow{line: line}, fmt.Errorf("%w: %d columns, %d bytes in one row; is a quote missing?", errUnreadable, len(cells), size)
	}
	return fileRow{line: line, cells: cells}, nil
}

func (r *rowReader) offset() int64 { return r.lines.InputOffset() }

// duplicatesFile takes the rows that were not added, as they were, with what is in their way; nil takes nothing.
type duplicatesFile struct {
	file    *os.File
	lines   *csv.Writer
	columns int
}

func newDuplicatesFile(path string, rows *rowReader) (*duplicatesFile, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--duplicates: %w", err)
	}
	d := &duplicatesFile{file, csv.NewWriter(file), len(rows.heading)}
	d.lines.Comma = rows.lines.Comma
	_ = d.lines.Write(append(append([]string{}, rows.heading...), "duplicate_line", "duplicate_field", "duplicate_customer", "duplicate_owner", "duplicate_first_line"))
	return d, nil
}

// write adds a row.
func (d *duplicatesFile) write(cells []string, r importRow) error {
	if d == nil {
		return nil
	}
	line := make([]string, d.columns, d.columns+5)
	copy(line, cells)
	first := ""
	if r.FirstLine > 0 {
		first = strconv.Itoa(r.FirstLine)
	}
	if err := d.lines.Write(append(line, strconv.Itoa(r.Line), r.Field, r.Customer, r.Owner, first)); err != nil {
		return fmt.Errorf("--duplicates: %w", err)
	}
	return nil
}

func (d *duplicatesFile) close() error {
	if d == nil {
		return nil
	}
	d.lines.Flush()
	if err := errors.Join(d.lines.Error(), d.file.Close()); err != nil {
		return fmt.Errorf("--duplicates: %w", err)
	}
	return nil
}
