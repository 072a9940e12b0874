package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// prefix of the variables that override the file: RINGFENCE_RULES_CLAIM_MIN_TALK is rules.claim.min_talk.
const prefix = "RINGFENCE_"

// Variables that concern the program and not the configuration.
var programVariables = []string{"RINGFENCE_CONFIG"}

// variable is the name of the environment variable that overrides key.
func variable(key string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// environment reads the RINGFENCE_ variables over cfg. A name that is nearly that of a key is a mistake; one that is far
// from all is somebody else's: Kubernetes sets RINGFENCE_SERVICE_HOST for a service of this name.
func (d *decoder) environment(cfg *Config, environ []string) {
	root := reflect.ValueOf(cfg).Elem()
	keys := make(map[string]string)
	names := append([]string(nil), programVariables...)
	for _, key := range leavesOf(root.Type(), "") {
		keys[variable(key)] = key
		names = append(names, variable(key))
	}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		d.source = name
		if key, ok := keys[name]; ok {
			d.override(root, key, value)
			continue
		}
		if meant := nearest(name, names); meant != "" && meant != name && distance(name, meant) <= 2 {
			d.fail(&yaml.Node{}, "", "unknown variable; did you mean %s?", meant)
		}
	}
}

// assignments reads --set key=value over cfg, in order.
func (d *decoder) assignments(cfg *Config, sets []string) {
	for _, set := range sets {
		d.source = "--set"
		key, value, ok := strings.Cut(set, "=")
		if !ok {
			d.fail(&yaml.Node{}, "", "%q is no key=value, such as log.level=debug", clip(set))
			continue
		}
		d.override(reflect.ValueOf(cfg).Elem(), strings.TrimSpace(key), value)
	}
}

// override reads one value from outside the file.
func (d *decoder) override(root reflect.Value, key, value string) {
	target, err := find(root, key)
	if err != nil {
		d.fail(&yaml.Node{}, "", "%s", err)
		return
	}
	node, err := valueNode(target, value)
	if err != nil {
		d.fail(&yaml.Node{}, key, "%s", err)
		return
	}
	withoutLines(node)
	d.decode(node, target, key)
}

// valueNode makes YAML of a value given outside the file: text as it stands for single values, items between commas for
// a list of them, YAML (or JSON) for anything else.
func valueNode(target reflect.Value, value string) (*yaml.Node, error) {
	if isSingle(target.Type()) {
		return textNode(value), nil
	}
	if target.Kind() == reflect.Slice && isSingle(target.Type().Elem()) && !strings.HasPrefix(strings.TrimSpace(value), "[") {
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for item := range strings.SplitSeq(value, ",") {
			if item = strings.TrimSpace(item); item != "" {
				list.Content = append(list.Content, textNode(item))
			}
		}
		return list, nil
	}
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(value), &document); err != nil {
		return nil, fmt.Errorf("the value is no YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(document.Content) == 0 {
		return nil, fmt.Errorf("the value is empty")
	}
	return document.Content[0], nil
}

func textNode(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
}

func isSingle(t reflect.Type) bool {
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return true
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Slice, reflect.Map:
		return false
	default:
		return true
	}
}

// withoutLines takes the line numbers off: they would be lines of the variable, not of the file.
func withoutLines(node *yaml.Node) {
	node.Line = 0
	for _, c := range node.Content {
		withoutLines(c)
	}
}
