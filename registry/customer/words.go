package customer

import (
	"fmt"
	"strings"
)

// Kind says how the values of a field are read and compared.
type Kind uint8

// The kinds of field.
const (
	Text    Kind = iota // letters and digits count, not case, width, blanks or punctuation
	Company             // a company's name: like text, and its legal form does not count
	Email               // an e-mail address
	Number              // a telephone number, read as calls and lists are
	ID                  // another system's id, compared as it stands
	Date                // 2026-11-24
)

var kindNames = []string{"text", "company", "email", "number", "id", "date"}

func (k Kind) String() string { return nameOf(kindNames, uint8(k)) }

// MarshalText writes the name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads the name.
func (k *Kind) UnmarshalText(text []byte) error { return read(k, kindNames, text) }

// Mask says whether values are masked. Its zero value masks.
type Mask uint8

// Masked or shown.
const (
	Masked Mask = iota
	Shown
)

var maskNames = []string{"true", "false"}

func (m Mask) String() string { return nameOf(maskNames, uint8(m)) }

// MarshalText writes true or false.
func (m Mask) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads true or false.
func (m *Mask) UnmarshalText(text []byte) error { return read(m, maskNames, text) }

// Show says how a search names the owner.
type Show uint8

// The three ways.
const (
	ShowOwner  Show = iota // by id
	ShowTeam               // by the team
	ShowNobody             // not at all: only that there is one
)

var showNames = []string{"owner", "team", "nobody"}

func (s Show) String() string { return nameOf(showNames, uint8(s)) }

// MarshalText writes the name.
func (s Show) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the name.
func (s *Show) UnmarshalText(text []byte) error { return read(s, showNames, text) }

// Fields says how a search shows values. Its zero value masks.
type Fields uint8

// The two ways.
const (
	FieldsMasked Fields = iota
	FieldsFull
)

var fieldsNames = []string{"masked", "full"}

func (f Fields) String() string { return nameOf(fieldsNames, uint8(f)) }

// MarshalText writes the name.
func (f Fields) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads the name.
func (f *Fields) UnmarshalText(text []byte) error { return read(f, fieldsNames, text) }

func nameOf(names []string, i uint8) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("unknown(%d)", i)
}

func read[T ~uint8](into *T, names []string, text []byte) error {
	for i, name := range names {
		if name == string(text) {
			*into = T(i)
			return nil
		}
	}
	return fmt.Errorf("%.40q is not one of %s", text, strings.Join(names, ", "))
}
