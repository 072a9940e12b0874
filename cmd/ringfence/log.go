package main

import (
	"io"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringfence/ringfence/cmd/ringfence/config"
	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

func init() { zerolog.TimeFieldFormat = time.RFC3339Nano }

// newLog writes JSON lines, or readable ones when w is a terminal.
func newLog(cfg config.Log, w io.Writer) zerolog.Logger {
	if isTerminal(w) {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly}
	}
	level, err := zerolog.ParseLevel(cfg.Level)
	if err != nil {
		level = zerolog.InfoLevel // Validate has let no other word through
	}
	return zerolog.New(zerolog.SyncWriter(w)).Level(level).With().Timestamp().Logger()
}

// logProblem tells of outages of the registry.
func logProblem(log zerolog.Logger) func(gate.Problem) {
	return func(p gate.Problem) {
		switch p.Kind {
		case gate.RegistryLost:
			log.Error().Err(p.Err).Msg("the registry does not answer; calls are decided by rules.on_registry_down until it does")
		case gate.RegistryBack:
			log.Warn().Stringer("outage", time.Since(p.Since).Round(time.Millisecond)).Msg("the registry answers again")
		case gate.EventsDropped:
			log.Error().Uint64("dropped", p.Dropped).Time("since", p.Since).
				Msg("the registry has been away for so long that records were lost")
		}
	}
}

// logFindings tells what the start-up checks found.
func logFindings(log zerolog.Logger, findings []registry.Finding) {
	for _, f := range findings {
		level := zerolog.InfoLevel
		switch f.Severity {
		case registry.SeverityUnsafe:
			level = zerolog.ErrorLevel
		case registry.SeverityWarning:
			level = zerolog.WarnLevel
		}
		log.WithLevel(level).Str("severity", string(f.Severity)).Str("fix", f.Fix).Msg("registry: " + f.What)
	}
}
