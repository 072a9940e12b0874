package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ringfence/ringfence/gate"
)

// FormatRules writes the `rules:` part of a configuration with every key, as it would have to be written to be in force.
func FormatRules(rules gate.Rules) (string, error) {
	text, err := yaml.Marshal(struct {
		Rules gate.Rules `yaml:"rules"`
	}{rules})
	if err != nil {
		return "", fmt.Errorf("the rules cannot be written as YAML: %w", err)
	}
	return string(text), nil
}

// Setting is one key with its value as text, "" for none.
type Setting struct{ Key, Value string }

// Settings lists every key of a YAML text with its value, in order of the keys. A list is one value.
func Settings(text string) ([]Setting, error) {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		return nil, fmt.Errorf("the rules cannot be read: %w", err)
	}
	var all []Setting
	for _, node := range document.Content {
		all = appendSettings(all, "", node)
	}
	slices.SortFunc(all, func(a, b Setting) int { return strings.Compare(a.Key, b.Key) })
	return all, nil
}

func appendSettings(all []Setting, key string, node *yaml.Node) []Setting {
	if node.Kind != yaml.MappingNode {
		return append(all, Setting{key, flow(node)})
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		all = appendSettings(all, join(key, node.Content[i].Value), node.Content[i+1])
	}
	return all
}

// flow writes a value in one line.
func flow(node *yaml.Node) string {
	if node.Kind == yaml.ScalarNode {
		if node.ShortTag() == "!!null" {
			return ""
		}
		return node.Value
	}
	parts := make([]string, 0, len(node.Content))
	for i := 0; i < len(node.Content); i++ {
		part := flow(node.Content[i])
		if node.Kind == yaml.MappingNode && i+1 < len(node.Content) {
			i++
			part += ": " + flow(node.Content[i])
		}
		parts = append(parts, part)
	}
	if node.Kind == yaml.MappingNode {
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
