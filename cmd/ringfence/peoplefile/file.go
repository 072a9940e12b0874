// Package peoplefile reads and writes files of people: CSV, as spreadsheets and personnel systems give it, and YAML, which
// holds teams too. It is strict: every mistake is named with its line and field, and a file with one is not taken at all.
//
// A field that a file does not have stays as it is, one that it has empty becomes empty. So a file of ids and teams moves
// people from team to team and changes nothing else.
package peoplefile

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/people"
)

const (
	maxBytes    = 32 << 20 // a hundred thousand people need a third of it
	maxMistakes = 1000
)

// Mistake is something in a file that cannot be.
type Mistake struct {
	Line  int    `json:"line"`            // 0 when it is nowhere in the file
	Field string `json:"field,omitempty"` // or the column
	Text  string `json:"text"`
}

func (m Mistake) Error() string {
	text := m.Text
	if m.Field != "" {
		text = m.Field + ": " + text
	}
	if m.Line > 0 {
		text = "line " + strconv.Itoa(m.Line) + ": " + text
	}
	return text
}

// File is what a file says.
type File struct {
	Reps  []Entry[people.Person]
	Teams []Entry[people.Team]

	mistakes []Mistake
}

// Entry is what a file says of one person or team.
type Entry[T any] struct {
	ID    string
	Line  int
	lines map[string]int // of each field
	edits []func(*T)
}

// Read reads a file whose name says what it is: .yaml, .yml or .csv. It returns a File or mistakes.
func Read(name string, r io.Reader) (File, []Mistake) {
	var f File
	data, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	switch kind := strings.ToLower(filepath.Ext(name)); {
	case err != nil:
		f.wrong(0, "", "it cannot be read: %s", err)
	case len(data) > maxBytes:
		f.wrong(0, "", "it is larger than %d MiB", maxBytes>>20)
	case kind == ".csv":
		f.readCSV(data)
	case kind == ".yaml" || kind == ".yml":
		f.readYAML(data)
	default:
		f.wrong(0, "", "its name ends neither in .csv nor in .yaml, so what is it?")
	}
	f.twice()
	slices.SortStableFunc(f.mistakes, func(a, b Mistake) int { return a.Line - b.Line })
	return f, f.mistakes
}

func (f *File) wrong(line int, field, format string, args ...any) {
	if len(f.mistakes) < maxMistakes {
		f.mistakes = append(f.mistakes, Mistake{line, field, fmt.Sprintf(format, args...)})
	}
}

// twice finds people and teams that have two entries.
func (f *File) twice() {
	reps, teams := make(map[string]int), make(map[string]int)
	for _, e := range f.Reps {
		f.once(reps, e.ID, e.Line)
	}
	for _, e := range f.Teams {
		f.once(teams, e.ID, e.Line)
	}
}

func (f *File) once(seen map[string]int, id string, line int) {
	if first, again := seen[id]; again {
		f.wrong(line, people.FieldID, "%s is on line %d already", clip(id), first)
		return
	}
	seen[id] = line
}

// Options say what a file means for those it does not name.
type Options struct {
	Prune    bool // who is not in the file has left
	AddTeams bool // teams that people are in and nobody entered are added
}

// Apply makes of a Book what the file says.
func (f File) Apply(b *people.Book, o Options) {
	for _, e := range f.Teams {
		t := b.Teams[gate.Team(e.ID)]
		for _, edit := range e.edits {
			edit(&t)
		}
		b.Teams[gate.Team(e.ID)] = t
	}
	named := make(map[gate.Rep]bool, len(f.Reps))
	for _, e := range f.Reps {
		id := gate.Rep(e.ID)
		p := b.Reps[id]
		for _, edit := range e.edits {
			edit(&p)
		}
		b.Reps[id], named[id] = p, true
		if _, known := b.Teams[p.Team]; o.AddTeams && p.Team != "" && !known {
			b.Teams[p.Team] = people.Team{}
		}
	}
	if !o.Prune {
		return
	}
	for id, p := range b.Reps {
		if !named[id] {
			p.Left = true
			b.Reps[id] = p
		}
	}
}

// Unchanged is how many of its reps the changes that the file made leave as they were.
func (f File) Unchanged(changes []people.Change) int {
	changed := make(map[string]bool, len(changes))
	for _, c := range changes {
		changed[string(c.Rep)] = true
	}
	n := 0
	for _, e := range f.Reps {
		if !changed[e.ID] {
			n++
		}
	}
	return n
}

// Locate says where in the file a mistake of a Book comes from.
func (f File) Locate(mistakes []people.Mistake) []Mistake {
	reps, teams := make(map[string]Entry[people.Person]), make(map[string]Entry[people.Team])
	for _, e := range f.Reps {
		reps[e.ID] = e
	}
	for _, e := range f.Teams {
		teams[e.ID] = e
	}
	located := make([]Mistake, 0, len(mistakes))
	for _, m := range mistakes {
		at := Mistake{Text: m.Error()}
		if e, ok := reps[string(m.Rep)]; ok && m.Rep != "" {
			at = Mistake{e.line(m.Field), m.Field, m.Text}
		} else if e, ok := teams[string(m.Team)]; ok && m.Team != "" {
			at = Mistake{e.line(m.Field), m.Field, m.Text}
		}
		located = append(located, at)
	}
	slices.SortStableFunc(located, func(a, b Mistake) int { return a.Line - b.Line })
	return located
}

// line is where a field is written; where the entry begins when it is not.
func (e Entry[T]) line(field string) int {
	if line, ok := e.lines[field]; ok {
		return line
	}
	return e.Line
}

// clip keeps what is quoted in a mistake to a line, and shows what cannot be printed.
func clip(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strconv.Quote(s)
}
