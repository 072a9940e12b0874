package customer

import (
	"errors"
	"fmt"
	"strings"
)

// How much a configuration may declare.
const (
	maxTypes  = 20
	maxFields = 64
	maxName   = 32 // bytes of a type's or a field's name
	maxForms  = 200
)

// Validate says everything that is wrong, each mistake with its key.
func (c Config) Validate() error {
	var mistakes []error
	wrong := func(key, format string, args ...any) {
		mistakes = append(mistakes, fmt.Errorf("customers."+key+": "+format, args...))
	}
	if len(c.Types) == 0 || len(c.Types) > maxTypes {
		wrong("types", "%d record types; declare 1 to %d, or leave the key out for companies", len(c.Types), maxTypes)
	}
	for _, name := range c.TypeNames() {
		key := "types." + name
		if !isName(name) {
			wrong(key, "%q is no name for a type; %s", clip(name), nameRule)
		}
		fields := c.Types[name].Fields
		if len(fields) == 0 || len(fields) > maxFields {
			wrong(key+".fields", "%d fields; declare 1 to %d", len(fields), maxFields)
		}
		for _, field := range c.Types[name].FieldNames() {
			if !isName(field) {
				wrong(key+".fields."+field, "%q is no name for a field; %s", clip(field), nameRule)
			}
		}
	}
	if len(c.Company.Forms) > maxForms {
		wrong("company.forms", "%d forms; at most %d", len(c.Company.Forms), maxForms)
	}
	for i, form := range c.Company.Forms {
		if len(companyWords(form)) == 0 || len(form) > MaxValue {
			wrong(fmt.Sprintf("company.forms[%d]", i), "%q has no letter to leave off; write such as Holding or 集团", clip(form))
		}
	}
	for i, domain := range c.Email.IgnoreDotsAt {
		if _, err := domainOf(domain); err != nil {
			wrong(fmt.Sprintf("email.ignore_dots_at[%d]", i), "%q is no domain; write such as gmail.com", clip(domain))
		}
	}
	return errors.Join(mistakes...)
}

const nameRule = "write 1 to 32 of a-z, 0-9 and _, a letter first"

// isName: names stand in keys, in column headings and in field=value.
func isName(s string) bool {
	return len(s) > 0 && len(s) <= maxName && s[0] >= 'a' && s[0] <= 'z' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

func clip(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
