package peoplefile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/people"
)

// reader makes of a field's values what changes a T; an error says why it cannot.
type reader[T any] func(values []string) (edit func(*T), err error)

// What can stand in an entry besides its id, in the order of an exported file.
var (
	repFields = []string{
		people.FieldName, people.FieldTeam, people.FieldExtension, people.FieldIdentities, people.FieldSupervisor,
		people.FieldHoldings, people.FieldDailyClaims, people.FieldLeft,
	}
	teamFields = []string{people.FieldScope, people.FieldQueue}
)

var repReaders = map[string]reader[people.Person]{
	people.FieldName:        text(func(p *people.Person) *string { return &p.Name }),
	people.FieldTeam:        text(func(p *people.Person) *gate.Team { return &p.Team }),
	people.FieldExtension:   text(func(p *people.Person) *string { return &p.Extension }),
	people.FieldIdentities:  identities,
	people.FieldSupervisor:  yesNo(func(p *people.Person) *bool { return &p.Supervisor }),
	people.FieldHoldings:    number(func(p *people.Person) *int { return &p.Holdings }),
	people.FieldDailyClaims: number(func(p *people.Person) *int { return &p.DailyClaims }),
	people.FieldLeft:        yesNo(func(p *people.Person) *bool { return &p.Left }),
}

var teamReaders = map[string]reader[people.Team]{
	people.FieldScope: text(func(t *people.Team) *gate.Scope { return &t.Scope }),
	people.FieldQueue: text(func(t *people.Team) *string { return &t.Queue }),
}

// take reads one field of an entry. A mistake is noted.
func take[T any](f *File, e *Entry[T], readers map[string]reader[T], names []string, field string, line int, values []string) {
	read, known := readers[field]
	if !known {
		f.wrong(line, field, "there is no such field; there are: id, %s", strings.Join(names, ", "))
		return
	}
	edit, err := read(values)
	if err != nil {
		f.wrong(line, field, "%s", err)
		return
	}
	if e.lines == nil {
		e.lines = make(map[string]int)
	}
	e.lines[field] = line
	e.edits = append(e.edits, edit)
}

// one is the one value of a field that has one.
func one(values []string) (string, error) {
	if len(values) > 1 {
		return "", fmt.Errorf("there are %d values; there can be one", len(values))
	}
	return strings.TrimSpace(strings.Join(values, "")), nil
}

func text[T any, S ~string](of func(*T) *S) reader[T] {
	return func(values []string) (func(*T), error) {
		value, err := one(values)
		return func(t *T) { *of(t) = S(value) }, err
	}
}

func yesNo[T any](of func(*T) *bool) reader[T] {
	return func(values []string) (func(*T), error) {
		value, err := one(values)
		if err != nil {
			return nil, err
		}
		switch strings.ToLower(value) {
		case "yes", "true", "1":
			return func(t *T) { *of(t) = true }, nil
		case "no", "false", "0", "":
			return func(t *T) { *of(t) = false }, nil
		}
		return nil, fmt.Errorf("%s is neither yes nor no", clip(value))
	}
}

func number[T any](of func(*T) *int) reader[T] {
	return func(values []string) (func(*T), error) {
		value, err := one(values)
		if err != nil {
			return nil, err
		}
		n := 0
		if value != "" {
			if n, err = strconv.Atoi(value); err != nil {
				return nil, fmt.Errorf("%s is no whole number", clip(value))
			}
		}
		return func(t *T) { *of(t) = n }, nil
	}
}

// identities are a list, or parted by blanks or semicolons where a file has one text for them.
func identities(values []string) (func(*people.Person), error) {
	var all []string
	for _, value := range values {
		all = append(all, strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == ';' || r == '\t' || r == '\n' || r == '\r' })...)
	}
	return func(p *people.Person) { p.Identities = slices.Clone(all) }, nil
}
