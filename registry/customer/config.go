package customer

import (
	"maps"
	"slices"
)

// Config is the `customers:` part of the configuration. Comments give the default.
type Config struct {
	Types   map[string]Type `yaml:"types"`   // record types by name; default: company, see Defaults
	Company CompanyRule     `yaml:"company"` // how names of companies are compared
	Email   EmailRule       `yaml:"email"`   // how e-mail addresses are compared
	Find    FindRule        `yaml:"find"`    // what a search tells
}

// Type is one kind of record.
type Type struct {
	Fields map[string]Field `yaml:"fields"` // by name; no default
}

// Field is one field of a record.
type Field struct {
	Kind     Kind `yaml:"kind"`     // text | company | email | number | id | date; default text
	Unique   bool `yaml:"unique"`   // false: no two customers of a type may have the same value; of numbers: of any type
	Required bool `yaml:"required"` // false: no customer is without it
	Many     bool `yaml:"many"`     // false: it may have several values
	Mask     Mask `yaml:"mask"`     // true: searches and reports show only so much that the reader recognises what they know
}

// CompanyRule says what else is left off the end of a company's name besides the legal forms that are built in.
type CompanyRule struct {
	Forms []string `yaml:"forms"` // such as ["Holding", "集团"]; default none
}

// EmailRule says when addresses that are spelled differently are one mailbox.
type EmailRule struct {
	IgnorePlusTag bool     `yaml:"ignore_plus_tag"` // false: li+shop@ is the mailbox of li@
	IgnoreDotsAt  []string `yaml:"ignore_dots_at"`  // domains where l.i@ is the mailbox of li@, such as [gmail.com]; default none
}

// FindRule says what a search tells whoever asks.
type FindRule struct {
	Show   Show   `yaml:"show"`   // owner | team | nobody: how the owner is named; default owner
	Fields Fields `yaml:"fields"` // masked | full: how values are shown; default masked
}

// Defaults is what holds when nothing is written: companies, known by name, tax id, e-mail addresses and numbers.
func Defaults() Config {
	return Config{Types: map[string]Type{"company": {Fields: map[string]Field{
		"name":   {Kind: Company, Unique: true, Required: true},
		"tax_id": {Kind: Text, Unique: true},
		"email":  {Kind: Email, Unique: true, Many: true},
		"phone":  {Kind: Number, Unique: true, Many: true},
		"note":   {Kind: Text},
	}}}}
}

// TypeNames are the names of the types, sorted.
func (c Config) TypeNames() []string { return slices.Sorted(maps.Keys(c.Types)) }

// FieldNames are the names of the fields, sorted, the required ones first.
func (t Type) FieldNames() []string {
	names := slices.Sorted(maps.Keys(t.Fields))
	slices.SortStableFunc(names, func(a, b string) int { return rank(t.Fields[a]) - rank(t.Fields[b]) })
	return names
}

func rank(f Field) int {
	if f.Required {
		return 0
	}
	return 1
}
