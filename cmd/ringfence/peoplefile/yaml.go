package peoplefile

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ringfence/ringfence/registry/people"
)

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// readYAML reads the lists teams and reps. Aliases are not followed: a file of a few lines could name the same list a
// million times over.
func (f *File) readYAML(data []byte) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, more yaml.Node
	err := decoder.Decode(&document)
	if err == nil {
		if err = decoder.Decode(&more); err == nil {
			f.wrong(more.Line, "", "a second document begins here; a file has one")
			return
		}
	}
	if !errors.Is(err, io.EOF) {
		text := err.Error()
		m := yamlLine.FindStringSubmatch(text)
		line := 0
		if m != nil {
			line, _ = strconv.Atoi(m[1])
			text = text[len(m[0]):]
		}
		f.wrong(line, "", "it is no YAML: %s", text)
		return
	}
	if len(document.Content) == 0 {
		f.wrong(0, "", "it is empty")
		return
	}
	f.pairs(document.Content[0], "teams: [...] and reps: [...]", func(key, value *yaml.Node) {
		switch key.Value {
		case "teams":
			entries(f, value, &f.Teams, teamReaders, teamFields)
		case "reps":
			entries(f, value, &f.Reps, repReaders, repFields)
		default:
			f.wrong(key.Line, clip(key.Value), "there is no such list; there are: teams, reps")
		}
	})
}

// pairs goes through the keys of a mapping.
func (f *File) pairs(node *yaml.Node, what string, each func(key, value *yaml.Node)) {
	if node.Kind != yaml.MappingNode {
		f.wrong(node.Line, "", "here belongs %s", what)
		return
	}
	seen := make(map[string]bool)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		if key.Kind != yaml.ScalarNode || seen[key.Value] {
			f.wrong(key.Line, clip(key.Value), "this key is there twice, or is none")
			continue
		}
		seen[key.Value] = true
		each(key, node.Content[i+1])
	}
}

// entries reads a list of people or teams.
func entries[T any](f *File, list *yaml.Node, into *[]Entry[T], readers map[string]reader[T], names []string) {
	if list.Kind == yaml.ScalarNode && list.ShortTag() == "!!null" {
		return
	}
	if list.Kind != yaml.SequenceNode {
		f.wrong(list.Line, "", "here belongs a list, one {id: ...} for each")
		return
	}
	for _, item := range list.Content {
		if len(*into) >= people.MostReps {
			f.wrong(item.Line, "", "it has more than %d entries", people.MostReps)
			return
		}
		e := Entry[T]{Line: item.Line}
		before := len(f.mistakes)
		f.pairs(item, "{id: ..., "+strings.Join(names, ": ..., ")+": ...}", func(key, value *yaml.Node) {
			values, ok := f.values(key, value)
			switch {
			case !ok:
			case key.Value == people.FieldID && len(values) == 1:
				e.ID, e.Line = strings.TrimSpace(values[0]), value.Line
			default:
				take(f, &e, readers, names, key.Value, key.Line, values)
			}
		})
		if e.ID == "" {
			if len(f.mistakes) == before {
				f.wrong(item.Line, people.FieldID, "it is missing")
			}
			continue
		}
		*into = append(*into, e)
	}
}

// values are what stands at a key: one text, taken as written so that 0201 needs no quotes, or a list of them.
func (f *File) values(key, node *yaml.Node) (values []string, ok bool) {
	switch node.Kind {
	case yaml.ScalarNode:
		if node.ShortTag() == "!!null" {
			return nil, true
		}
		return []string{node.Value}, true
	case yaml.SequenceNode:
		for _, item := range node.Content {
			if item.Kind != yaml.ScalarNode {
				f.wrong(item.Line, key.Value, "here belongs one text")
				return nil, false
			}
			values = append(values, item.Value)
		}
		return values, true
	}
	f.wrong(node.Line, key.Value, "here belongs a value and neither a mapping nor an alias")
	return nil, false
}
