package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ringfence/ringfence/cmd/ringfence/config"
	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// patience is how long a command waits for the registry before it gives up; loading a list has no limit.
const patience = 10 * time.Second

// client is what a command has that talks to the registry.
type client struct {
	cfg   *config.Config
	store *registry.Store
	gate  *gate.Gate // never run: for its policy and its normaliser, the same as in serve
}

// withClient opens the registry for the time of use, by the configuration less its sip section.
func (sh *shell) withClient(ctx context.Context, lists bool, use func(context.Context, *client) error) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	cfg, err := config.LoadClient(sh.file(), sh.sets, sh.environ)
	if err != nil {
		return err
	}
	if strings.HasPrefix(cfg.Registry.URL, "embedded:") {
		return fmt.Errorf("registry.url is embedded://, which lives inside the process that serves; to reach that of a " +
			"running demo give --set registry.url= with the redis:// URL that it printed")
	}
	options := []registry.Option{registry.WithKeep(cfg.Records.Keep.Std())}
	if !lists {
		options = append(options, registry.WithoutLists())
	}
	store, err := registry.Open(ctx, cfg.Registry, options...)
	if err != nil {
		return err
	}
	defer store.Close()
	g, err := gate.New(gate.Options{Config: cfg.Policy(), Registry: store, People: store.People(), Gate: cfg.Gate})
	if err != nil {
		return err
	}
	return use(ctx, &client{cfg: cfg, store: store, gate: g})
}

// withNumber is withClient for a command about one number, with a limit on its time.
func (sh *shell) withNumber(ctx context.Context, text string, use func(context.Context, *client, gate.Number) error) error {
	return sh.withClient(ctx, false, func(ctx context.Context, c *client) error {
		n, err := c.number(text)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		return use(ctx, c, n)
	})
}

// number reads a number as a list would have it. It is the operator's own text, so it may be repeated to them.
func (c *client) number(text string) (gate.Number, error) {
	n, err := c.gate.Number(text)
	if err != nil {
		return "", usagef("%q is no telephone number: %w", text, err)
	}
	return n, nil
}

// extension is where a rep is rung: the extension that was entered for it, else its id, when that fits
// sip.extensions.pattern.
func (c *client) extension(rep gate.Rep) string { return c.gate.Extension(rep) }

// rep reads a rep's id from a flag.
func repOf(flag string) (gate.Rep, error) {
	if flag == "" || strings.ContainsFunc(flag, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return "", usagef("%q is no rep's id: give the id the rep dials with, without spaces", flag)
	}
	return gate.Rep(flag), nil
}

// durationFlag is a pflag.Value for times such as 30d, 12h or 10m.
type durationFlag struct {
	value gate.Duration
	given bool
}

func (d *durationFlag) String() string {
	if !d.given {
		return ""
	}
	return d.value.String()
}

func (d *durationFlag) Set(text string) error {
	value, err := gate.ParseDuration(text)
	if err == nil && value <= 0 {
		err = fmt.Errorf("%q is not a time to come; write such as 30d or 12h", text)
	}
	if err != nil {
		return err
	}
	d.value, d.given = value, true
	return nil
}

func (d *durationFlag) Type() string { return "TIME" }

// or is the time that was given, else by default the other.
func (d *durationFlag) or(other gate.Duration) time.Duration {
	if d.given {
		return d.value.Std()
	}
	return other.Std()
}
