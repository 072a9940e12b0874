package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ringfence/ringfence/cmd/ringfence/config"
)

// shell is what the program has of the outside world, and the flags that every command shares.
type shell struct {
	args, environ  []string
	stdin          io.Reader
	stdout, stderr io.Writer

	configFile string
	sets       []string
	output     format
	started    bool // a command has begun: whatever fails now is no wrong usage
}

// defaultFiles are looked for, in this order, when --config names none.
var defaultFiles = []string{"./ringfence.yaml", "/etc/ringfence/ringfence.yaml"}

// run carries one command line out and returns the exit code.
func (sh *shell) run(ctx context.Context) int {
	root := sh.newRootCommand()
	root.SetArgs(sh.args)
	root.SetIn(sh.stdin)
	root.SetOut(sh.stdout)
	root.SetErr(sh.stderr)
	sh.noteStart(root)
	return sh.exitCode(root.ExecuteContext(ctx))
}

func (sh *shell) newRootCommand() *cobra.Command {
	root := group("ringfence", "a fence round each customer: decides which rep may ring which number now",
		sh.newServeCommand(),
		newDemoCommand(),
		sh.newConfigCommand(),
		sh.newCheckCommand(),
		sh.newOwnerCommand(),
		sh.newCustomerCommand(),
		sh.newPoolCommand(),
		sh.newRefuseCommand(),
		sh.newRefusalCommand(),
		sh.newPassCommand(),
		sh.newDNCCommand(),
		sh.newRepCommand(),
		sh.newTeamCommand(),
		sh.newHistoryCommand(),
		sh.newRequestCommand(),
		sh.newStageCommand(),
		sh.newReportCommand(),
		sh.newPolicyCommand(),
		sh.newDisputeCommand(),
		sh.newVersionCommand(),
	)
	root.Long = `Ringfence is a SIP proxy. Every outbound call passes through it; it asks a Redis registry whether this rep may ring
this number now, and lets the call through, refuses it with a reason, or connects the rep to the customer's owner.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a check that says no. Errors go to standard error.`
	root.Example = `  ringfence demo
  ringfence serve --config /etc/ringfence/ringfence.yaml
  ringfence check +12125550100 --rep 201 --output json`
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.HiddenDefaultCmd = true
	flags := root.PersistentFlags()
	flags.StringVar(&sh.configFile, "config", "", "configuration file (default "+strings.Join(defaultFiles, ", else ")+")")
	flags.StringArrayVar(&sh.sets, "set", nil, "set a key of the configuration, such as log.level=debug; may be repeated")
	flags.Var(&sh.output, "output", "what is printed: table or json")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	return root
}

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{
		Use: use, Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("there is no command %q in %s", args[0], cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			_ = cmd.Help()
			return usagef("%s needs one of its commands", cmd.CommandPath())
		},
	}
	g.AddCommand(commands...)
	return g
}

// noteStart marks the moment when a command line has been understood and its command begins.
func (sh *shell) noteStart(cmd *cobra.Command) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			sh.started = true
			return run(cmd, args)
		}
	}
	for _, c := range cmd.Commands() {
		sh.noteStart(c)
	}
}

// interruptible is a context that ends with the command's or with the first SIGINT or SIGTERM.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}

// file is the configuration file to read: the one that was named, else the first that exists, else "".
func (sh *shell) file() string {
	if sh.configFile != "" {
		return sh.configFile
	}
	for _, entry := range sh.environ {
		if name, ok := strings.CutPrefix(entry, "RINGFENCE_CONFIG="); ok && name != "" {
			return name
		}
	}
	for _, name := range defaultFiles {
		if _, err := os.Stat(name); err == nil {
			return name
		}
	}
	return ""
}

// load reads the whole configuration, for commands that run or check a gate.
func (sh *shell) load() (*config.Config, error) {
	file := sh.file()
	if file == "" {
		return nil, fmt.Errorf("no configuration: there is neither %s; name one with --config FILE",
			strings.Join(defaultFiles, " nor "))
	}
	return config.Load(file, sh.sets, sh.environ)
}

// isTerminal says whether somebody is looking at w.
func isTerminal(w any) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
