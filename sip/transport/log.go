package transport

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringfence/ringfence/sip/guard"
)

// lineLimiter writes no more lines a second than guard.Lines lets, and says how many it left out.
type lineLimiter struct {
	log   zerolog.Logger
	lines guard.Lines
}

// event is nil, which zerolog takes for silence, when the level is off or the second is full.
func (l *lineLimiter) event(level zerolog.Level) *zerolog.Event {
	e := l.log.WithLevel(level)
	if !e.Enabled() {
		return nil
	}
	skipped, ok := l.lines.Take(time.Now())
	if !ok {
		return e.Discard()
	}
	if skipped > 0 {
		e.Int("lines_left_out", skipped)
	}
	return e
}

func (l *lineLimiter) error(what string, err error) {
	l.event(zerolog.ErrorLevel).Err(err).Msg(what)
}

func (l *lineLimiter) warn(what string) {
	l.event(zerolog.WarnLevel).Msg(what)
}

// logHandler takes sipgo's log into ours: warnings and errors only, limited, and never an attribute "data", which holds
// whole messages with everybody's numbers in them.
type logHandler struct {
	limiter *lineLimiter
	attrs   []slog.Attr
}

// Enabled is slog.Handler's.
func (h logHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle is slog.Handler's.
func (h logHandler) Handle(_ context.Context, r slog.Record) error {
	level := zerolog.WarnLevel
	if r.Level >= slog.LevelError {
		level = zerolog.ErrorLevel
	}
	e := h.limiter.event(level)
	if e == nil {
		return nil
	}
	for _, a := range h.attrs {
		writeAttr(e, a)
	}
	r.Attrs(func(a slog.Attr) bool {
		writeAttr(e, a)
		return true
	})
	e.Msg("sipgo: " + r.Message)
	return nil
}

// WithAttrs is slog.Handler's.
func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.attrs = append(slices.Clip(h.attrs), attrs...)
	return h
}

// WithGroup is slog.Handler's. sipgo uses no groups; their attributes would be written without the group's name.
func (h logHandler) WithGroup(string) slog.Handler { return h }

func writeAttr(e *zerolog.Event, a slog.Attr) {
	if strings.EqualFold(a.Key, "data") {
		return
	}
	e.Stringer(a.Key, a.Value.Resolve())
}
