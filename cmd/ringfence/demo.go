package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// demoOptions are what the flags of `demo` say.
type demoOptions struct {
	listen   netip.AddrPort
	language string
	once     bool
	json     bool
}

// demoLimit bounds the whole performance: it takes about two seconds.
const demoLimit = 60 * time.Second

func newDemoCommand() *cobra.Command {
	var listen string
	var o demoOptions
	cmd := &cobra.Command{
		Use: "demo", Short: "try it out: real calls through a real gate, nothing to set up", Args: cobra.NoArgs,
		Long: `Starts a gate with a registry inside this process that keeps nothing, four reps with phones, a PBX and the outside
world, and places real SIP calls over UDP and TCP on loopback: a free number, somebody else's customer, a refusal, two
reps at once and more. A table shows what was decided about each and what the phone was told. Then it goes on serving,
for a softphone of your own, until Ctrl-C.

With --once it ends after the table: 0 when every call came out as expected, 1 otherwise.`,
		Example: `  ringfence demo
  ringfence demo --once --listen 127.0.0.1:0
  ringfence demo --language zh`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.listen, err = netip.ParseAddrPort(listen); err != nil {
				return usagef("--listen %q is no address with a port, such as 127.0.0.1:5060", listen)
			}
			if o.language != "en" && o.language != "zh" {
				return usagef("--language %q is not one of en, zh", o.language)
			}
			if f := cmd.Flag("output"); f != nil {
				o.json = f.Value.String() == string(formatJSON)
			}
			return demo(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", "127.0.0.1:5060", "where the gate listens, UDP and TCP; port 0: the kernel chooses")
	flags.StringVar(&o.language, "language", demoLanguage(), "en or zh: of the table and of what reps are told")
	flags.BoolVar(&o.once, "once", false, "end after the table")
	return cmd
}

// demoLanguage is the configuration's key `language` where there is no configuration: its environment variable.
func demoLanguage() string {
	if l := os.Getenv("RINGFENCE_LANGUAGE"); l != "" {
		return l
	}
	return "en"
}

// demo raises the house, plays every scene in it and, unless told otherwise, leaves the doors open.
func demo(ctx context.Context, o demoOptions, stdout, stderr io.Writer) (err error) {
	ctx, stop := interruptible(ctx)
	defer stop()
	h, err := newDemoHouse(ctx, o, stderr)
	if err != nil {
		if strings.Contains(err.Error(), "address already in use") {
			return fmt.Errorf("%w; something listens on %s already: choose another place, such as --listen 127.0.0.1:0", err, o.listen)
		}
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()

	performance, cancel := context.WithTimeout(ctx, demoLimit)
	defer cancel()
	report := demoReport{SIP: h.sip.Addresses(), Registry: h.store.URL()}
	table := newDemoTable(stdout, o)
	table.begin(report)
	for _, s := range demoScenes {
		result := h.play(performance, s)
		report.add(result)
		table.scene(result)
	}
	if err := table.end(&report); err != nil {
		return err
	}
	if o.once {
		return report.err()
	}
	h.openDoors()
	table.invite(h)
	return h.serve(ctx)
}
