package dnc

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// parsed is what one block holds.
type parsed struct {
	numbers    []uint64
	lines      int
	unreadable int
	problems   []Problem // the first maxProblems
}

var (
	errQuote   = errors.New("a quoted field does not end on its line")
	errEmpty   = errors.New("the column is empty")
	errLong    = fmt.Errorf("the line is longer than %d bytes", maxLine)
	errRounded = errors.New("a spreadsheet has rounded it (E+): give the column the format text and save it again")
)

// parse reads every line of a block.
func (f *format) parse(b block) parsed {
	p := parsed{numbers: make([]uint64, 0, len(b.text)/12)} // 12 bytes: the usual line, so that it seldom grows
	for text := range strings.Lines(b.text) {
		line := b.line + p.lines
		p.lines++
		record := recordOf(text)
		if record == "" || line == f.headerLine {
			continue
		}
		n, text, err := f.number(record)
		if err == nil {
			p.numbers = append(p.numbers, n)
			continue
		}
		p.unreadable++
		if len(p.problems) < maxProblems {
			p.problems = append(p.problems, problem(line, text, err))
		}
	}
	return p
}

// number reads the number of one record. On error text is what could not be read.
func (f *format) number(record string) (n uint64, text string, err error) {
	if len(record) > maxLine {
		return 0, record[:maxLine], errLong
	}
	field, err := fieldOf(record, f.comma, f.index)
	if err != nil {
		return 0, record, err
	}
	field = plain(field)
	switch {
	case field == "":
		return 0, record, errEmpty
	case strings.Contains(field, "E+") || strings.Contains(field, "e+"):
		return 0, field, errRounded
	}
	number, err := f.normalise(field)
	if err != nil {
		return 0, field, err
	}
	n, ok := Pack(number.Digits())
	if !ok {
		return 0, field, errors.New("it is no E.164 number")
	}
	return n, field, nil
}

// plain is a field without what is not part of the number: a comment behind it, and the ".0" of programs that kept
// numbers as floating point, which would else be read as one more digit.
func plain(field string) string {
	if i := strings.IndexByte(field, '#'); i > 0 && (field[i-1] == ' ' || field[i-1] == '\t') {
		field = strings.TrimSpace(field[:i])
	}
	if digits, ok := strings.CutSuffix(field, ".0"); ok && len(digits) > 4 && strings.Trim(digits, "0123456789") == "" {
		return digits
	}
	return field
}

// problem words a line that could not be read. A reason that quotes the text would give the number away.
func problem(line int, text string, err error) Problem {
	why := err.Error()
	if text != "" {
		why = strings.ReplaceAll(why, text, shown(text))
	}
	return Problem{Line: line, Text: shown(text), Why: why}
}

// fieldOf gives the field at index, from 0, without its quotes and surrounding blanks.
func fieldOf(record string, comma byte, index int) (string, error) {
	if strings.IndexByte(record, '"') >= 0 {
		return quotedFieldOf(record, comma, index)
	}
	for i := range index {
		at := strings.IndexByte(record, comma)
		if at < 0 {
			return "", columnError(i + 1)
		}
		record = record[at+1:]
	}
	if at := strings.IndexByte(record, comma); at >= 0 {
		record = record[:at]
	}
	return strings.TrimSpace(record), nil
}

// quotedFieldOf is fieldOf for records with quotes (RFC 4180 §2, 5 to 7): a field that begins with a quote ends with
// one, and two in a row stand for one. A quote elsewhere is an ordinary character.
func quotedFieldOf(record string, comma byte, index int) (string, error) {
	for i := 0; ; i++ {
		field, rest, more, err := cutField(record, comma)
		if err != nil {
			return "", err
		}
		if i == index {
			return field, nil
		}
		if !more {
			return "", columnError(i + 1)
		}
		record = rest
	}
}

func cutField(record string, comma byte) (field, rest string, more bool, err error) {
	record = strings.TrimLeft(record, " ")
	if !strings.HasPrefix(record, `"`) {
		at := strings.IndexByte(record, comma)
		if at < 0 {
			return strings.TrimSpace(record), "", false, nil
		}
		return strings.TrimSpace(record[:at]), record[at+1:], true, nil
	}
	end := closingQuote(record)
	if end < 0 {
		return "", "", false, errQuote
	}
	field = strings.TrimSpace(strings.ReplaceAll(record[1:end], `""`, `"`))
	rest = strings.TrimLeft(record[end+1:], " ")
	switch {
	case rest == "":
		return field, "", false, nil
	case rest[0] == comma:
		return field, rest[1:], true, nil
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return "", "", false, fmt.Errorf("%q follows a quoted field where a separator should", r)
}

// closingQuote is where the field that begins with a quote ends, or -1.
func closingQuote(record string) int {
	for i := 1; i < len(record); i++ {
		if record[i] != '"' {
			continue
		}
		if i+1 == len(record) || record[i+1] != '"' {
			return i
		}
		i++ // two in a row stand for one
	}
	return -1
}

func columnError(columns int) error {
	if columns == 1 {
		return errors.New("the line has only 1 column")
	}
	return fmt.Errorf("the line has only %d columns", columns)
}
