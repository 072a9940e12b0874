package customer

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/ringfence/ringfence/gate"
)

// How much a record may hold.
const (
	MaxValue  = 256 // bytes of one value
	MaxValues = 50  // values of one field
)

// Reader reads values by one configuration. It is safe for concurrent use.
type Reader struct {
	types    map[string]Type
	forms    forms
	plusTags bool     // do not count
	dotless  []string // domains where dots do not count
	number   func(string) (gate.Number, error)
}

// NewReader makes a Reader of a valid configuration. number is the gate's normaliser.
func NewReader(c Config, number func(string) (gate.Number, error)) *Reader {
	r := &Reader{types: c.Types, forms: newForms(c.Company.Forms), plusTags: c.Email.IgnorePlusTag, number: number}
	for _, domain := range c.Email.IgnoreDotsAt {
		if ascii, err := domainOf(domain); err == nil {
			r.dotless = append(r.dotless, ascii)
		}
	}
	return r
}

// Value is one value of a field. Shown is what is kept. Values of one field are the same when their Keys are.
type Value struct{ Shown, Key string }

// Value reads one value. An error names what is wrong with it, and never repeats it.
func (r *Reader) Value(kind Kind, text string) (Value, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return Value{}, errors.New("it is empty")
	case len(text) > MaxValue:
		return Value{}, fmt.Errorf("it is longer than %d bytes", MaxValue)
	case !utf8.ValidString(text):
		return Value{}, errors.New("it is no UTF-8 text; save the file as UTF-8")
	case strings.ContainsFunc(text, unicode.IsControl):
		return Value{}, errors.New("it holds a control character")
	}
	v := Value{Shown: text}
	var err error
	switch kind {
	case Company:
		v.Key = r.forms.company(text)
	case Email:
		v.Shown, v.Key, err = r.readEmail(text)
	case Number:
		var n gate.Number
		if n, err = r.number(text); err == nil {
			v.Shown, v.Key = string(n), string(n)
		}
	case ID:
		v.Key = text
	case Date:
		if _, err = time.Parse(time.DateOnly, text); err != nil {
			err = errors.New("it is no date; write such as 2026-11-24")
		}
		v.Key = text
	default:
		v.Key = textKey(text)
	}
	if err != nil {
		return Value{}, err
	}
	if v.Key == "" { // nothing but signs: those count then
		v.Key = norm.NFKC.String(text)
	}
	return v, nil
}

// textKey is the letters and digits of a text: "DE 123-456" and "de123456" are one tax id.
func textKey(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return r
		}
		return -1
	}, fold(text))
}

// Values are the values of a record's fields, by the field's name.
type Values map[string][]Value

// Read reads the fields of a record of a type; what is said of a field replaces all of it, and an empty list clears it.
// All mistakes come at once, each with the field's name. whole: required fields that are missing are mistakes.
func (r *Reader) Read(typ string, given map[string][]string, whole bool) (Values, error) {
	t, ok := r.types[typ]
	if !ok {
		return nil, fmt.Errorf("there is no record type %.40q; declared are %s", typ, strings.Join(r.Types(), ", "))
	}
	var mistakes []error
	values := make(Values, len(given))
	for name, texts := range given {
		field, ok := t.Fields[name]
		if !ok {
			mistakes = append(mistakes, fmt.Errorf("%.40s: %s has no such field; it has %s", name, typ, strings.Join(t.FieldNames(), ", ")))
			continue
		}
		read, err := r.field(field, texts)
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s: %w", name, err))
		}
		values[name] = read
	}
	for _, name := range t.FieldNames() {
		said, given := values[name]
		if t.Fields[name].Required && len(said) == 0 && (whole || given) {
			mistakes = append(mistakes, fmt.Errorf("%s: a %s needs one", name, typ))
		}
	}
	return values, errors.Join(mistakes...)
}

// field reads the values of one field; the same value twice is one.
func (r *Reader) field(f Field, texts []string) (values []Value, err error) {
	seen := make(map[string]bool, len(texts))
	for _, text := range texts {
		v, err := r.Value(f.Kind, text)
		if err != nil {
			return nil, err
		}
		if f.Many && strings.Contains(v.Shown, manySep) {
			return nil, fmt.Errorf("it holds a %q, which parts values in files", manySep)
		}
		if !seen[v.Key] {
			seen[v.Key] = true
			values = append(values, v)
		}
	}
	switch {
	case len(values) > 1 && !f.Many:
		return nil, fmt.Errorf("%d values where one belongs; many: true in the configuration allows more", len(values))
	case len(values) > MaxValues:
		return nil, fmt.Errorf("%d values; at most %d", len(values), MaxValues)
	}
	return values, nil
}

// Type is a declared record type.
func (r *Reader) Type(name string) (Type, bool) { t, ok := r.types[name]; return t, ok }

// Types are the names of the declared record types, sorted.
func (r *Reader) Types() []string { return Config{Types: r.types}.TypeNames() }
