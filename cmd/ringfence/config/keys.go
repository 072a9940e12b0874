package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// fieldOf finds the field of a struct that a key names.
func fieldOf(of reflect.Value, name string) (reflect.Value, bool) {
	for i := range of.NumField() {
		if tag(of.Type().Field(i)) == name && name != "" {
			return of.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// keysOf lists the keys of a struct in the order of its fields.
func keysOf(t reflect.Type) []string {
	var keys []string
	for field := range t.Fields() {
		if name := tag(field); name != "" {
			keys = append(keys, name)
		}
	}
	return keys
}

// tag is the field's key, or "" when the configuration does not reach it.
func tag(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	if name == "-" || !f.IsExported() {
		return ""
	}
	return name
}

// leavesOf lists the full path of every key under t that is no section of its own: values, lists and tables.
func leavesOf(t reflect.Type, under string) []string {
	if t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return []string{under}
	}
	var leaves []string
	for field := range t.Fields() {
		if name := tag(field); name != "" {
			leaves = append(leaves, leavesOf(field.Type, join(under, name))...)
		}
	}
	return leaves
}

// find walks from root to the value that a path such as sip.trunks[0].uri names.
func find(root reflect.Value, path string) (reflect.Value, error) {
	at, walked := root, ""
	for step := range strings.SplitSeq(strings.ReplaceAll(path, "[", ".["), ".") {
		var err error
		if index, ok := strings.CutPrefix(step, "["); ok {
			at, err = element(at, strings.TrimSuffix(index, "]"), walked)
			walked += step
		} else {
			at, err = member(at, step, walked)
			walked = join(walked, step)
		}
		if err != nil {
			return at, err
		}
	}
	return at, nil
}

func member(of reflect.Value, name, walked string) (reflect.Value, error) {
	if of.Kind() != reflect.Struct {
		return of, fmt.Errorf("%s has no keys under it", walked)
	}
	if field, ok := fieldOf(of, name); ok {
		return field, nil
	}
	if why, ok := later[join(walked, name)]; ok {
		return of, fmt.Errorf("%s", why)
	}
	return of, fmt.Errorf("unknown key %s; %s", clip(join(walked, name)), suggest(name, keysOf(of.Type())))
}

// element finds an entry of a list, or adds one when index is the first that is free.
func element(of reflect.Value, index, walked string) (reflect.Value, error) {
	i, err := strconv.Atoi(index)
	if err != nil || of.Kind() != reflect.Slice {
		return of, fmt.Errorf("%s[%s] names no entry of a list", walked, clip(index))
	}
	if i == of.Len() {
		of.Set(reflect.Append(of, reflect.New(of.Type().Elem()).Elem()))
	}
	if i < 0 || i >= of.Len() {
		return of, fmt.Errorf("%s has %d entries, so there is no [%d]; the next new one is [%d]", walked, of.Len(), i, of.Len())
	}
	return of.Index(i), nil
}
