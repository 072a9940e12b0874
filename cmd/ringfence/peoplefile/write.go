package peoplefile

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ringfence/ringfence/registry/people"
)

// row is a person's fields in the order of repFields.
func row(p people.Person) []string {
	return []string{
		p.Name, string(p.Team), p.Extension, strings.Join(p.Identities, " "), yesOrNo(p.Supervisor),
		quota(p.Holdings), quota(p.DailyClaims), yesOrNo(p.Left),
	}
}

func yesOrNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func quota(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// WriteCSV writes everybody, so that Read finds them again; teams have no place there.
func WriteCSV(w io.Writer, b people.Book) error {
	c := csv.NewWriter(w)
	_ = c.Write(append([]string{people.FieldID}, repFields...)) // Error tells
	for _, id := range slices.Sorted(maps.Keys(b.Reps)) {
		_ = c.Write(append([]string{string(id)}, row(b.Reps[id])...))
	}
	c.Flush()
	return c.Error()
}

// WriteYAML writes everybody and all teams, one a line, so that Read finds them again.
func WriteYAML(w io.Writer, b people.Book) error {
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, "teams:")
	for _, id := range slices.Sorted(maps.Keys(b.Teams)) {
		line(out, string(id), teamFields, []any{string(b.Teams[id].Scope), b.Teams[id].Queue})
	}
	fmt.Fprintln(out, "reps:")
	for _, id := range slices.Sorted(maps.Keys(b.Reps)) {
		p := b.Reps[id]
		line(out, string(id), repFields, []any{
			p.Name, string(p.Team), p.Extension, p.Identities, p.Supervisor, p.Holdings, p.DailyClaims, p.Left,
		})
	}
	return out.Flush()
}

// line writes an entry with every field: loaded again, it undoes what was changed since.
func line(w io.Writer, id string, names []string, values []any) {
	fmt.Fprintf(w, "  - {id: %s", scalar(id))
	for i, name := range names {
		fmt.Fprintf(w, ", %s: %s", name, inline(values[i]))
	}
	fmt.Fprintln(w, "}")
}

func inline(value any) string {
	switch v := value.(type) {
	case []string:
		all := make([]string, len(v))
		for i, text := range v {
			all[i] = scalar(text)
		}
		return "[" + strings.Join(all, ", ") + "]"
	case bool:
		return yesOrNo(v)
	case int:
		return strconv.Itoa(v)
	default:
		return scalar(fmt.Sprint(v))
	}
}

// scalar quotes a text.
func scalar(text string) string {
	quoted, err := yaml.Marshal(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: text})
	if err != nil {
		return strconv.Quote(text)
	}
	return strings.TrimSuffix(string(quoted), "\n")
}
