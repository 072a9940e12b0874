package webhooks

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
)

// Endpoint is one entry of `webhooks:`. Comments give the default.
type Endpoint struct {
	Name       string   `yaml:"name"`        // in logs and in Redis: what waits for it is kept by this name
	URL        string   `yaml:"url"`         // https://… or, in a network of one's own, http://…
	SecretFile string   `yaml:"secret_file"` // what signs: one secret a line, 16 bytes at least; every one of them signs
	CAFile     string   `yaml:"ca_file"`     // PEM certificates to trust instead of the system's
	Events     []string `yaml:"events"`      // names, or the first half and .* for all of a kind, or *
	Numbers    string   `yaml:"numbers"`     // masked | full; default masked
}

// Bounds of the configuration.
const (
	mostEndpoints = 16
	mostSecrets   = 4
	leastSecret   = 16 // bytes
)

const (
	numbersMasked = "masked"
	numbersFull   = "full"
)

// Validate says everything that is wrong with the endpoints, each mistake with its key.
func Validate(endpoints []Endpoint) error {
	var mistakes []error
	wrong := func(i int, key, format string, args ...any) {
		mistakes = append(mistakes, fmt.Errorf("webhooks[%d].%s: "+format, append([]any{i, key}, args...)...))
	}
	if len(endpoints) > mostEndpoints {
		mistakes = append(mistakes, fmt.Errorf("webhooks: %d are too many; at most %d are allowed", len(endpoints), mostEndpoints))
	}
	seen := make(map[string]bool)
	for i, e := range endpoints {
		if e.Name == "" || len(e.Name) > 32 || strings.Trim(e.Name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			wrong(i, "name", "%.40q is no name; write 1 to 32 of a-z, 0-9, - and _", e.Name)
		}
		if seen[e.Name] {
			wrong(i, "name", "%.40q is the name of two webhooks; give each its own", e.Name)
		}
		seen[e.Name] = true
		if err := checkURL(e.URL); err != nil {
			wrong(i, "url", "%w", err)
		}
		if e.SecretFile == "" {
			wrong(i, "secret_file", "it is missing; write the path of a file with a secret of %d bytes or more", leastSecret)
		} else if _, err := readSecrets(e.SecretFile); err != nil {
			wrong(i, "secret_file", "%w", err)
		}
		if _, err := readAuthorities(e.CAFile); err != nil {
			wrong(i, "ca_file", "%w", err)
		}
		if len(e.Events) == 0 {
			wrong(i, "events", "it is missing; write what to tell, such as [request.*, owner.transferred], or [\"*\"] for everything")
		}
		for j, pattern := range e.Events {
			if !known(pattern) {
				wrong(i, fmt.Sprintf("events[%d]", j), "%.40q is no event; docs/webhooks.md lists them", pattern)
			}
		}
		if !slices.Contains([]string{"", numbersMasked, numbersFull}, e.Numbers) {
			wrong(i, "numbers", "%.40q is not one of masked, full", e.Numbers)
		}
	}
	return errors.Join(mistakes...)
}

// checkURL never repeats the URL: it may hold a credential.
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("it is no address; write such as https://crm.example.com/ringfence")
	case u.User != nil:
		return errors.New("a user or a password do not belong here: what is sent is signed with secret_file")
	case u.Fragment != "":
		return errors.New("what stands behind # is never sent; leave it out")
	}
	return nil
}

// readSecrets reads one secret a line.
func readSecrets(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var secrets []string
	for line := range strings.Lines(string(text)) {
		secret := strings.TrimRight(line, "\r\n")
		if secret == "" {
			continue
		}
		if len(secret) < leastSecret {
			return nil, fmt.Errorf("a secret in it is %d bytes long; use %d at least, such as from: openssl rand -hex 32", len(secret), leastSecret)
		}
		secrets = append(secrets, secret)
	}
	if len(secrets) == 0 || len(secrets) > mostSecrets {
		return nil, fmt.Errorf("it holds %d secrets; write 1 to %d, one a line", len(secrets), mostSecrets)
	}
	return secrets, nil
}
