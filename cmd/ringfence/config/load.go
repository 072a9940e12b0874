package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile is the largest configuration file that is read, in bytes.
const maxFile = 1 << 20

// Load reads the configuration from the file at path, overridden by environ ("NAME=value", as from os.Environ) and then
// by sets ("key=value"). What is wrong comes back as Mistakes, all at once; a file that cannot be read at all as another
// error.
func Load(path string, sets, environ []string) (*Config, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return parse(path, data, sets, environ, (*Config).Validate)
}

// LoadClient is Load for commands that only talk to the registry: they need no sip section, and no file at all when path
// is "" and the rest says region and registry.url.
func LoadClient(path string, sets, environ []string) (*Config, error) {
	if path == "" {
		return parse("without a configuration file", nil, sets, environ, (*Config).validateClient)
	}
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return parse(path, data, sets, environ, (*Config).validateClient)
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the configuration cannot be read: %w; name another file with --config", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("the configuration cannot be read: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes: that is no configuration; long number lists go into the "+
			"registry with ringfence dnc load", path, maxFile)
	}
	return data, nil
}

// parse reads a configuration and has validate look at it.
func parse(source string, data []byte, sets, environ []string, validate func(*Config) error) (*Config, error) {
	document, syntax := parseYAML(source, data)
	if len(syntax) > 0 {
		return nil, syntax
	}
	// The default rules depend on the region and the region may be written anywhere, so everything is read twice: once
	// for the region alone and once over its defaults.
	var first Config
	overlay(source, document, &first, sets, environ)
	cfg := Defaults(first.Region)
	d := overlay(source, document, cfg, sets, environ)
	mistakes := append(d.mistakes, d.withoutSpoilt(d.origins.locate(validate(cfg)))...)
	mistakes = append(mistakes, d.exposedPassword(cfg)...)
	if err := mistakes.sorted(); err != nil {
		return nil, err
	}
	return cfg, nil
}

// withoutSpoilt leaves out complaints about keys whose value could not be read, and about what is under those: they stand
// at a default that nobody wrote, and the true mistake has been named.
func (d *decoder) withoutSpoilt(found Mistakes) Mistakes {
	return slices.DeleteFunc(found, func(m Mistake) bool {
		return slices.ContainsFunc(d.mistakes, func(spoilt Mistake) bool {
			rest, under := strings.CutPrefix(m.Key, spoilt.Key)
			return under && spoilt.Key != "" && (rest == "" || rest[0] == '.' || rest[0] == '[')
		})
	})
}

func overlay(source string, document *yaml.Node, cfg *Config, sets, environ []string) *decoder {
	d := &decoder{source: source, origins: make(origins)}
	if document != nil {
		d.decode(document, reflect.ValueOf(cfg).Elem(), "")
	}
	d.origins[""] = origin{source: source}
	d.environment(cfg, environ)
	d.assignments(cfg, sets)
	return d
}

var (
	yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)
	// parserError are the errors whose line the YAML package counts from 0; all others it counts from 1.
	parserError = regexp.MustCompile(`did not find expected (?:<document start>|node content|'-' indicator|key|',' or '[\]}]')`)
)

// parseYAML reads the one document of a file; nil when it is empty.
func parseYAML(source string, data []byte) (*yaml.Node, Mistakes) {
	reader := yaml.NewDecoder(bytes.NewReader(data))
	var document, more yaml.Node
	err := reader.Decode(&document)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err == nil {
		if err = reader.Decode(&more); errors.Is(err, io.EOF) {
			return document.Content[0], nil
		}
	}
	if err == nil {
		return nil, Mistakes{{Source: source, Line: more.Line, Text: "a second document begins here; a configuration is one"}}
	}
	text := err.Error()
	m := yamlLine.FindStringSubmatch(text)
	if m == nil {
		return nil, Mistakes{{Source: source, Text: text}}
	}
	line, _ := strconv.Atoi(m[1])
	if parserError.MatchString(text) {
		line++
	}
	return nil, Mistakes{{Source: source, Line: line, Text: "not readable as YAML: " + text[len(m[0]):]}}
}

// exposedPassword refuses a password where others can read it: files are copied about, and command lines are in every
// process list. The variable and the password file are for it.
func (d *decoder) exposedPassword(cfg *Config) Mistakes {
	const key = "registry.url"
	at := d.origins.of(key)
	u, err := url.Parse(cfg.Registry.URL)
	if err != nil || at.source == variable(key) {
		return nil
	}
	if _, given := u.User.Password(); !given {
		return nil
	}
	return Mistakes{{Source: at.source, Line: at.line, Key: key, Text: "a password does not belong here; put it alone into a " +
		"file (mode 0600) and name that in registry.password_file, or give the whole URL in " + variable(key)}}
}
