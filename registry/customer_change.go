package registry

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ringfence/ringfence/registry/customer"
)

// uniqueValue is one unique value that a customer is to have.
type uniqueValue struct {
	mark         mark
	field, value string // field is "" for all fields together
}

// change is what is to become of one customer.
type change struct {
	id, version string
	removed     bool
	claims      []uniqueValue
	gives       []mark
	entries     []string // of the journal
	drops       []string
	sets        []string // field, value, ...
}

func (ch change) call() call {
	keys := []string{customerKey(ch.id), customerOwnersKey(ch.id), customerJournalKey, customerOrderKey}
	args := []any{
		ch.id, ch.version, flag(ch.removed), len(ch.claims), len(ch.gives), len(ch.entries), len(ch.drops),
	}
	for _, c := range ch.claims {
		keys, args = append(keys, customerMarksKey(c.mark)), append(args, string(c.mark))
	}
	for _, m := range ch.gives {
		keys, args = append(keys, customerMarksKey(m)), append(args, string(m))
	}
	for _, list := range [][]string{ch.entries, ch.drops, ch.sets} {
		for _, text := range list {
			args = append(args, text)
		}
	}
	return call{customerScript, keys, args}
}

// newChange adds a customer.
func (c *Customers) newChange(id string, d Draft) change {
	t, _ := c.reader.Type(d.Type)
	ch := change{id: id, sets: []string{"t", d.Type, "a", strconv.FormatInt(time.Now().UnixMilli(), 10)}}
	if d.Source != "" {
		ch.sets = append(ch.sets, "r", note(d.Source))
	}
	for _, name := range slices.Sorted(maps.Keys(d.Values)) {
		if len(d.Values[name]) > 0 {
			ch.set(t.Fields[name], d.Type, name, d.Values[name])
		}
	}
	if len(ch.claims) == 0 {
		ch.claims = []uniqueValue{{mark: wholeMark(d.Type, d.Values)}}
	}
	ch.holdMarks()
	return ch
}

// set writes a field, and claims its values when they are unique.
func (ch *change) set(f customer.Field, typ, name string, values []customer.Value) {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = escape(v.Shown)
		if f.Unique {
			ch.claims = append(ch.claims, uniqueValue{markOf(typ, name, f.Kind, v.Key), name, v.Shown})
		}
	}
	prefix := "."
	if f.Unique && f.Kind == customer.Number {
		prefix = "+"
		ch.entries = []string{ch.id}
	}
	ch.sets = append(ch.sets, prefix+name, strings.Join(texts, sep))
}

// holdMarks writes the marks into the record, each once: what it holds it can give up, whatever the configuration says by then.
func (ch *change) holdMarks() {
	var held strings.Builder
	seen := make(map[mark]bool, len(ch.claims))
	ch.claims = slices.DeleteFunc(ch.claims, func(c uniqueValue) bool {
		again := seen[c.mark]
		seen[c.mark] = true
		return again
	})
	for _, c := range ch.claims {
		held.WriteString(string(c.mark))
	}
	if held.Len() > 0 {
		ch.sets = append(ch.sets, "u", held.String())
	} else {
		ch.drops = append(ch.drops, "u")
	}
}

// changeOf sets some fields of a customer. All of its marks are made anew.
func (c *Customers) changeOf(was Customer, values customer.Values) (change, error) {
	t, ok := c.reader.Type(was.Type)
	if !ok {
		return change{}, fmt.Errorf("customer %s is a %.40q, which the configuration does not declare", was.ID, was.Type)
	}
	ch := change{id: was.ID, version: was.version}
	names := make(map[string]bool)
	for name := range was.Fields {
		names[name] = true
	}
	for name := range values {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		ch.drops = append(ch.drops, "."+name, "+"+name)
		list, given := values[name]
		if !given {
			list = c.keptValues(t.Fields[name].Kind, was.Fields[name])
		}
		if len(list) > 0 {
			ch.set(t.Fields[name], was.Type, name, list)
		}
	}
	if len(ch.claims) == 0 && len(was.marks) == 1 {
		ch.claims = []uniqueValue{{mark: was.marks[0]}} // all of its fields, as they were at first
	}
	ch.holdMarks()
	for _, m := range was.marks {
		if !slices.ContainsFunc(ch.claims, func(c uniqueValue) bool { return c.mark == m }) {
			ch.gives = append(ch.gives, m)
		}
	}
	ch.loseNumbers(was)
	return ch, nil
}

// keptValues reads what a field holds already; what can no longer be read is kept as it stands.
func (c *Customers) keptValues(kind customer.Kind, texts []string) []customer.Value {
	values := make([]customer.Value, len(texts))
	for i, text := range texts {
		v, err := c.reader.Value(kind, text)
		if err != nil {
			v = customer.Value{Shown: text, Key: text}
		}
		values[i] = v
	}
	return values
}

// loseNumbers enters into the journal which numbers the customer no longer has.
func (ch *change) loseNumbers(was Customer) {
	has := make(map[string]bool)
	for i := 0; i < len(ch.sets); i += 2 {
		if ch.sets[i][0] == '+' {
			for number := range strings.SplitSeq(ch.sets[i+1], sep) {
				has[number] = true
			}
		}
	}
	for _, n := range was.Numbers {
		if !has[string(n)] {
			ch.entries = append(ch.entries, n.Digits()+":"+ch.id)
		}
	}
}

func removalOf(was Customer) change {
	ch := change{id: was.ID, version: was.version, removed: true, gives: was.marks}
	ch.loseNumbers(was)
	return ch
}
