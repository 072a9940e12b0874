package registry

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"github.com/ringfence/ringfence/registry/customer"
)

// A mark stands for one unique value in the index: 12 bytes of a digest. It says nothing of the value to who reads the
// index, is as long for every value, and no two values of a company will ever share one (2⁻⁵³ with 3,000,000 values).
type mark string

const markSize = 12

// markOf marks the value of a field. Numbers have one space for all fields of all types: a number has one customer, whose
// owner is its owner.
func markOf(typ, field string, kind customer.Kind, key string) mark {
	if kind == customer.Number {
		typ, field = "", "number"
	}
	digest := sha256.Sum256([]byte(typ + "\x00" + field + "\x00" + key))
	return mark(digest[:markSize])
}

// wholeMark marks all fields of a customer that has no unique value: added again, it is the same.
func wholeMark(typ string, values customer.Values) mark {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00", typ)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, v := range values[name] {
			fmt.Fprintf(h, "%s\x00%s\x00", name, v.Key)
		}
	}
	return mark(h.Sum(nil)[:markSize])
}

// Unique is a unique value of a draft. No two that are different have the same Mark.
type Unique struct{ Mark, Field, Value string }

// UniqueValues are what AddAll would claim for a draft.
func UniqueValues(t customer.Type, d Draft) []Unique {
	var list []Unique
	for _, name := range t.FieldNames() {
		for _, v := range d.Values[name] {
			if f := t.Fields[name]; f.Unique {
				list = append(list, Unique{string(markOf(d.Type, name, f.Kind, v.Key)), name, v.Shown})
			}
		}
	}
	if len(list) == 0 {
		list = []Unique{{Mark: string(wholeMark(d.Type, d.Values)), Field: "all"}}
	}
	return list
}

// splitMarks reads the marks that a record says it holds.
func splitMarks(text string) (marks []mark) {
	for ; len(text) >= markSize; text = text[markSize:] {
		marks = append(marks, mark(text[:markSize]))
	}
	return marks
}
