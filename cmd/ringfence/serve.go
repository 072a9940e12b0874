package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/gate"
)

// drainFor is how long calls may go on after SIGTERM before the program ends.
const drainFor = gate.Duration(30 * time.Second)

func (sh *shell) newServeCommand() *cobra.Command {
	drain := durationFlag{value: drainFor, given: true}
	cmd := &cobra.Command{
		Use: "serve", Short: "the gate", Args: cobra.NoArgs,
		Long: `Runs the gate until it is told to stop.

SIGTERM or SIGINT: new calls are refused with 503, calls that are up go on, and the program ends when they are over or
--drain has passed. The same signal again ends it at once.
SIGHUP: the configuration is read again. Only when all of it is right is it taken over; what cannot change without a
restart is named and the old configuration stays.

Log lines go to standard error, as JSON unless that is a terminal.`,
		Example: `  ringfence serve --config /etc/ringfence/ringfence.yaml
  ringfence serve --set log.level=debug --drain 2m`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sh.serve(cmd.Context(), drain.value.Std())
		},
	}
	cmd.Flags().Var(&drain, "drain", "how long calls may go on after SIGTERM")
	return cmd
}

func (sh *shell) serve(ctx context.Context, drain time.Duration) error {
	cfg, err := sh.load()
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	log, closeLog := sh.logWriter()
	p, err := newProgram(ctx, cfg, log)
	if err != nil {
		return errors.Join(err, closeLog())
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go newProcessors().run(ctx)
	go sh.obey(ctx, p, signals, drain, stop)
	return errors.Join(p.Run(ctx), closeLog())
}

// logWriter is where a serving gate's log goes: through a queue, but for a terminal, which a person reads as it comes.
func (sh *shell) logWriter() (io.Writer, func() error) {
	if isTerminal(sh.stderr) {
		return sh.stderr, func() error { return nil }
	}
	q := newLineQueue(sh.stderr)
	return q, q.Close
}

// obey carries out what signals ask for until ctx ends; stop ends it.
func (sh *shell) obey(ctx context.Context, p *program, signals <-chan os.Signal, drain time.Duration, stop func()) {
	draining := false
	for {
		var s os.Signal
		select {
		case <-ctx.Done():
			return
		case s = <-signals:
		}
		switch {
		case s == syscall.SIGHUP:
			sh.reload(p)
		case draining:
			p.log.Warn().Stringer("signal", s).Msg("ending at once")
			stop()
		default:
			draining = true
			p.log.Info().Stringer("signal", s).Int("calls_up", p.gate.CallsUp()).Stringer("at_most", gate.Duration(drain)).
				Msg("draining: new calls are refused; the same signal again ends at once")
			go func() {
				limit, cancel := context.WithTimeout(ctx, drain)
				defer cancel()
				p.Drain(limit)
				stop()
			}()
		}
	}
}

// reload reads the configuration again and takes it over when all of it is right.
func (sh *shell) reload(p *program) {
	next, err := sh.load()
	if err == nil {
		err = p.Reload(next)
	}
	p.metrics.Reloaded(time.Now(), err)
	if err != nil {
		p.log.Error().Err(err).Msg("the configuration was not reloaded; the old one stays in force")
		return
	}
	p.log.Info().Str("policy", p.gate.Terms().Policy).Msg("the configuration was reloaded")
}
