package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxValues bounds what one configuration may hold, aliases followed: a file of a few lines can name the same list a
// million times over.
const maxValues = 20_000

// decoder reads YAML nodes into the configuration. It exists beside yaml.Decoder because that stops at the first bad
// value, gives no line for it, and knows no place of a key afterwards.
type decoder struct {
	source   string // what Mistakes call the input
	origins  origins
	mistakes Mistakes
	values   int
}

func (d *decoder) fail(node *yaml.Node, key, format string, args ...any) {
	if len(d.mistakes) <= maxMistakes {
		d.mistakes = append(d.mistakes, Mistake{Source: d.source, Line: node.Line, Key: key, Text: fmt.Sprintf(format, args...)})
	}
}

// decode reads node into target, which keeps what it holds wherever node says nothing.
func (d *decoder) decode(node *yaml.Node, target reflect.Value, key string) {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if d.values++; d.values > maxValues {
		if d.values == maxValues+1 {
			d.fail(node, key, "the configuration holds more than %d values; is an alias repeated?", maxValues)
		}
		return
	}
	d.origins[key] = origin{d.source, node.Line}
	if node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null" {
		return
	}
	if text, ok := reflect.TypeAssert[encoding.TextUnmarshaler](target.Addr()); ok {
		d.text(node, text, key)
		return
	}
	switch target.Kind() {
	case reflect.Struct:
		d.mapping(node, target, key)
	case reflect.Slice:
		d.sequence(node, target, key)
	case reflect.Map:
		d.table(node, target, key)
	default:
		d.scalar(node, target, key)
	}
}

func (d *decoder) text(node *yaml.Node, target encoding.TextUnmarshaler, key string) {
	if node.Kind != yaml.ScalarNode {
		d.fail(node, key, "one value belongs here, not a %s", kindName(node))
		return
	}
	if err := target.UnmarshalText([]byte(node.Value)); err != nil {
		d.fail(node, key, "%s", err)
	}
}

// mapping reads the keys of a struct.
func (d *decoder) mapping(node *yaml.Node, target reflect.Value, key string) {
	if node.Kind != yaml.MappingNode {
		d.fail(node, key, "keys belong here (%s), not a %s", strings.Join(keysOf(target.Type()), ", "), kindName(node))
		return
	}
	seen := make(map[string]int)
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		if first, twice := seen[name.Value]; twice {
			d.fail(name, join(key, name.Value), "this key is already on line %d; keep one of them", first)
			continue
		}
		seen[name.Value] = name.Line
		field, ok := fieldOf(target, name.Value)
		if !ok {
			d.unknown(name, target.Type(), key)
			continue
		}
		d.decode(value, field, join(key, name.Value))
		d.origins[join(key, name.Value)] = origin{d.source, name.Line}
	}
}

// later are keys that the design knows and this release does not.
var later = map[string]string{
	"audit": "audit files on disk are not in this release, so nothing would be written there; remove the section " +
		"(every decision is recorded in the registry and kept for records.keep)",
}

func (d *decoder) unknown(name *yaml.Node, in reflect.Type, key string) {
	path := join(key, name.Value)
	switch why, isLater := later[path]; {
	case isLater:
		d.fail(name, path, "%s", why)
	case name.Value == "<<":
		d.fail(name, path, "merge keys are not understood; write the keys out, or use an alias for a whole value")
	default:
		d.fail(name, path, "unknown key; %s", suggest(name.Value, keysOf(in)))
	}
}

// sequence reads a list. It replaces the default as a whole.
func (d *decoder) sequence(node *yaml.Node, target reflect.Value, key string) {
	if node.Kind != yaml.SequenceNode {
		d.fail(node, key, "a list belongs here, such as [a, b], not a %s", kindName(node))
		return
	}
	list := reflect.MakeSlice(target.Type(), 0, min(len(node.Content), 16))
	for i, item := range node.Content {
		element := reflect.New(target.Type().Elem()).Elem()
		d.decode(item, element, fmt.Sprintf("%s[%d]", key, i))
		list = reflect.Append(list, element)
	}
	target.Set(list)
}

// table reads a map from strings to strings; it replaces the default as a whole. Keys are taken as written: 00 is "00".
func (d *decoder) table(node *yaml.Node, target reflect.Value, key string) {
	if node.Kind != yaml.MappingNode {
		d.fail(node, key, "pairs belong here, such as {a: b}, not a %s", kindName(node))
		return
	}
	table := reflect.MakeMap(target.Type())
	for i := 0; i+1 < len(node.Content); i += 2 {
		name := node.Content[i]
		path := join(key, name.Value)
		if table.MapIndex(reflect.ValueOf(name.Value)).IsValid() {
			d.fail(name, path, "this key is written twice; keep one of them")
		}
		value := reflect.New(target.Type().Elem()).Elem()
		d.decode(node.Content[i+1], value, path)
		table.SetMapIndex(reflect.ValueOf(name.Value), value)
	}
	target.Set(table)
}

// scalar reads a string, number or boolean. A string is taken as written, so that 0049 or +1 need no quotes.
func (d *decoder) scalar(node *yaml.Node, target reflect.Value, key string) {
	if node.Kind != yaml.ScalarNode {
		d.fail(node, key, "one value belongs here, not a %s", kindName(node))
		return
	}
	switch target.Kind() {
	case reflect.String:
		target.SetString(node.Value)
	case reflect.Bool:
		switch node.Value {
		case "true", "yes", "on":
			target.SetBool(true)
		case "false", "no", "off":
			target.SetBool(false)
		default:
			d.fail(node, key, "%q is neither true nor false", clip(node.Value))
		}
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(node.Value, 10, target.Type().Bits())
		if err != nil {
			d.fail(node, key, "%q is no whole number", clip(node.Value))
			return
		}
		target.SetInt(n)
	default:
		panic(fmt.Sprintf("config: no rule to read a %s for %s", target.Type(), key)) // a test reads every key
	}
}

func kindName(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "mapping"
	case yaml.SequenceNode:
		return "list"
	default:
		return fmt.Sprintf("single value (%q)", clip(node.Value))
	}
}

// clip keeps what is quoted in a mistake to a line.
func clip(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}
