// Package config reads the configuration: defaults, then the file, then RINGFENCE_… variables, then --set, and then has
// every part validated. All mistakes come at once, each with the place it was written. Each package owns its own part and
// the rules for it; only the small parts that belong to no package are declared here.
package config

import (
	"os"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
	"github.com/ringfence/ringfence/registry/customer"
	"github.com/ringfence/ringfence/registry/webhooks"
	"github.com/ringfence/ringfence/sip"
)

// Config is the whole configuration. Comments give default and unit; configs/ringfence.yaml explains every key.
type Config struct {
	Region   string          `yaml:"region"`   // ISO 3166 code: how national numbers are read. No default
	Timezone string          `yaml:"timezone"` // IANA name: whose midnight ends a day. Default: the host's
	Gate     string          `yaml:"gate"`     // this gate's name in records; default: the host's name
	Language string          `yaml:"language"` // en | zh: what reps are told in; default en
	SIP      sip.Config      `yaml:"sip"`
	Registry registry.Config `yaml:"registry"`
	Rules    gate.Rules      `yaml:"rules"`
	Records  Records         `yaml:"records"`
	HTTP     HTTP            `yaml:"http"`
	Log      Log             `yaml:"log"`

	Customers customer.Config     `yaml:"customers"` // record types and unique fields
	Webhooks  []webhooks.Endpoint `yaml:"webhooks"`  // who is told of events; default: nobody
}

// Records says how long the record of decisions is kept in the registry.
type Records struct {
	Keep gate.Duration `yaml:"keep"` // 30d
}

// HTTP is where /metrics, /livez and /readyz are answered.
type HTTP struct {
	Listen string `yaml:"listen"` // 127.0.0.1:9090; port 0: the kernel chooses; off: no listener
}

// Off says that there is to be no listener.
func (h HTTP) Off() bool { return h.Listen == off }

const off = "off"

// Log says what is logged, to standard error.
type Log struct {
	Level   string `yaml:"level"`   // debug | info | warn | error; default info
	Numbers string `yaml:"numbers"` // masked | full; default masked
}

// FullNumbers says that log lines may carry whole phone numbers.
func (l Log) FullNumbers() bool { return l.Numbers == numbersFull }

const (
	numbersMasked = "masked"
	numbersFull   = "full"
)

var (
	languages = []string{"en", "zh"}
	levels    = []string{"debug", "info", "warn", "error"}
)

// Defaults is what holds when nothing is written. Some rules depend on the region, such as its emergency numbers.
func Defaults(region string) *Config {
	host, err := os.Hostname()
	if err != nil {
		host = "ringfence"
	}
	policy := gate.Defaults(region)
	return &Config{
		Region:    region,
		Gate:      host,
		Language:  "en",
		Registry:  registry.Defaults(),
		Rules:     policy.Rules,
		Customers: customer.Defaults(),
		Webhooks:  []webhooks.Endpoint{},
		Records:   Records{Keep: policy.Keep},
		HTTP:      HTTP{Listen: "127.0.0.1:9090"},
		Log:       Log{Level: "info", Numbers: numbersMasked},
	}
}

// Policy is the part that the gate decides by.
func (c *Config) Policy() gate.Config {
	return gate.Config{Region: c.Region, Extension: c.SIP.Extensions.Pattern, Codes: c.SIP.Codes, Keep: c.Records.Keep, Timezone: c.Timezone, Rules: c.Rules}
}
