package config

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/ringfence/ringfence/registry/webhooks"
)

// maxName bounds the gate's name, which stands in every record.
const maxName = 64

// Validate says everything that is wrong, part by part; each mistake begins with its key.
func (c *Config) Validate() error {
	return errors.Join(c.SIP.Validate(), c.validateClient(), c.HTTP.Validate(), c.validateCard(), webhooks.Validate(c.Webhooks))
}

// validateCard: a card that the gate is to serve needs the listener.
func (c *Config) validateCard() error {
	if c.SIP.Card.Served() && c.HTTP.Off() {
		return errors.New("http.listen: off, but sip.card.key_file is given: nobody could fetch the card; give an address, or let another server sign it and leave key_file and cert_file out")
	}
	return nil
}

// validateClient checks what a command needs that only talks to the registry: everything but the listeners.
func (c *Config) validateClient() error {
	policy := c.Policy()
	return errors.Join(
		c.Registry.Validate(),
		policy.Validate(),
		c.Customers.Validate(),
		c.validateName(),
		oneOf("language", c.Language, languages),
		c.Log.Validate(),
	)
}

func (c *Config) validateName() error {
	printable := func(r rune) bool { return r > ' ' && r < 0x7f }
	if c.Gate == "" || len(c.Gate) > maxName || strings.ContainsFunc(c.Gate, func(r rune) bool { return !printable(r) }) {
		return fmt.Errorf("gate: %q is no name for this gate; write 1 to %d letters, digits or signs without spaces",
			clip(c.Gate), maxName)
	}
	return nil
}

// Validate checks the address of the HTTP listener.
func (h HTTP) Validate() error {
	if h.Off() {
		return nil
	}
	host, port, err := net.SplitHostPort(h.Listen)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil || strings.ContainsAny(host, " /") {
		return fmt.Errorf("http.listen: %q is no host:port; write such as 127.0.0.1:9090, or off for no listener", clip(h.Listen))
	}
	return nil
}

// Validate checks the words for the log.
func (l Log) Validate() error {
	return errors.Join(
		oneOf("log.level", l.Level, levels),
		oneOf("log.numbers", l.Numbers, []string{numbersMasked, numbersFull}),
	)
}

func oneOf(key, value string, allowed []string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s: %q is not known; write one of %s", key, clip(value), strings.Join(allowed, ", "))
}
