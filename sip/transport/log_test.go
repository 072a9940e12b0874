package transport

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
)

func TestSipgoLogNeverShowsMessages(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(logHandler{limiter: &lineLimiter{log: zerolog.New(&out)}})
	log.With("caller", "TransportLayer").Error("failed to parse",
		"data", "INVITE sip:+12125550100@example.com", "error", errors.New("no start line"))
	assert.JSONEq(t, `{"level":"error","caller":"TransportLayer","error":"no start line",
		"message":"sipgo: failed to parse"}`, out.String())
	out.Reset()
	log.Info("noise")
	log.Debug("noise")
	assert.Empty(t, out.String())
	log.With("data", "INVITE").Warn("slow")
	assert.NotContains(t, out.String(), "INVITE")
}

func TestLogIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := &lineLimiter{log: zerolog.New(&out)}
		for range 1000 {
			l.error("flood", nil)
		}
		assert.Equal(t, 10, strings.Count(out.String(), "\n"))
		out.Reset()
		time.Sleep(time.Second)
		l.error("flood", nil)
		assert.Contains(t, out.String(), `"lines_left_out":990`)
		out.Reset()
		l.error("flood", nil)
		assert.NotContains(t, out.String(), "lines_left_out")
	})
}

func TestLogLevelOff(t *testing.T) {
	var out bytes.Buffer
	l := &lineLimiter{log: zerolog.New(&out).Level(zerolog.Disabled)}
	l.error("unseen", nil)
	assert.Empty(t, out.String())
}
