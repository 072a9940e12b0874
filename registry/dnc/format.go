package dnc

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ringfence/ringfence/gate"
)

// format is how the records of one file are laid out. Its first record decides.
type format struct {
	column    string // as asked for; see ReadOptions
	normalise func(string) (gate.Number, error)

	known      bool
	comma      byte
	index      int    // of the column, from 0
	header     string // masked; empty when there is none
	headerLine int
}

// sniff looks for the first record until it has been found.
func (f *format) sniff(b block) error {
	if f.known {
		return nil
	}
	line := b.line
	for text := range strings.Lines(b.text) {
		if record := recordOf(text); record != "" && len(record) <= maxLine {
			f.known = true
			return f.learn(record, line)
		}
		line++
	}
	return nil
}

// learn takes comma, column and header from the first record.
func (f *format) learn(record string, line int) error {
	f.comma = commaOf(record)
	if f.column == "" {
		f.guessHeader(record, line)
		return nil
	}
	if position, err := strconv.Atoi(f.column); err == nil {
		if position < 1 {
			return fmt.Errorf("column %d does not exist: the first is 1", position)
		}
		f.index = position - 1
		f.guessHeader(record, line)
		return nil
	}
	var names []string
	for i := 0; ; i++ {
		name, err := fieldOf(record, f.comma, i)
		if err != nil {
			return fmt.Errorf("line %d names no column %q; it begins with: %s", line, f.column, shown(strings.Join(names, ", ")))
		}
		if strings.EqualFold(name, f.column) {
			f.index, f.header, f.headerLine = i, shown(record), line
			return nil
		}
		names = append(names, name)
	}
}

// guessHeader takes the first record as header when its field is plainly no number, however misspelt: a number taken
// for a header would be missing from the list without a word.
func (f *format) guessHeader(record string, line int) {
	field, err := fieldOf(record, f.comma, f.index)
	if err != nil {
		return // parse reports the line
	}
	letters, digits := 0, 0
	for _, r := range field {
		switch {
		case unicode.IsDigit(r):
			digits++
		case unicode.IsLetter(r):
			letters++
		}
	}
	if _, err := f.normalise(field); err != nil && letters > 0 && digits <= 2 {
		f.header, f.headerLine = shown(record), line
	}
}

// commaOf is the separator that stands most often in the record outside quotes; a comma when there is none.
func commaOf(record string) byte {
	const separators = ",;\t|"
	var counts [len(separators)]int
	quoted := false
	for i := range len(record) {
		if record[i] == '"' {
			quoted = !quoted
		}
		if at := strings.IndexByte(separators, record[i]); at >= 0 && !quoted {
			counts[at]++
		}
	}
	best := 0
	for i, count := range counts {
		if count > counts[best] {
			best = i
		}
	}
	return separators[best]
}

// recordOf is a line without its end; empty when it is blank, a row of empty columns or a comment. Blanks in front
// stay: in a file of tabs they are empty columns.
func recordOf(line string) string {
	record := strings.TrimRight(line, "\r\n")
	if content := strings.TrimLeft(record, " \t,;|\""); content == "" || strings.HasPrefix(strings.TrimLeft(record, " \t"), "#") {
		return ""
	}
	return record
}

// shown is text from a file as messages show it: short, printable and with no number in full.
func shown(text string) string {
	const most = 40 // runes
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return maskDigits(text)
}

// maskDigits does what gate.Mask does to a number for one that has blanks and names around it: of its digits the
// first four and the last two stay, of six or five none. Fewer are no number.
func maskDigits(text string) string {
	const head, tail, fewest = 4, 2, 5
	digits := 0
	for _, r := range text {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	if digits < fewest {
		return text
	}
	seen := 0
	return strings.Map(func(r rune) rune {
		if !unicode.IsDigit(r) {
			return r
		}
		seen++
		if digits > head+tail && (seen <= head || seen > digits-tail) {
			return r
		}
		return '*'
	}, text)
}
