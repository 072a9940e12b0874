package config

import (
	"errors"
	"fmt"
)

// SameStatic names every key in which next differs from c although it cannot change without a restart. Package sip
// names its own.
func (c *Config) SameStatic(next *Config) error {
	var errs []error
	fixed := func(key string, same bool) {
		if !same {
			errs = append(errs, fmt.Errorf("%s cannot change while the gate runs; restart it for that", key))
		}
	}
	fixed("gate", c.Gate == next.Gate)
	fixed("language", c.Language == next.Language)
	fixed("registry", c.Registry == next.Registry)
	fixed("http.listen", c.HTTP == next.HTTP)
	fixed("log.level", c.Log.Level == next.Log.Level)
	fixed("log.numbers", c.Log.Numbers == next.Log.Numbers)
	return errors.Join(errs...)
}
