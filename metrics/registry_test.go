package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

// answering is a gate.Registry that gives one error to everything.
type answering struct{ err error }

func (a answering) Listed(gate.Number) (gate.Listing, bool) {
	return gate.Listing{List: "national"}, true
}

func (a answering) Decide(context.Context, gate.Question) (gate.Answer, error) {
	return gate.Answer{Owner: "201"}, a.err
}

func (a answering) Renew(_ context.Context, held []gate.Reservation, _ gate.Terms) ([]gate.Reservation, error) {
	return held, a.err
}
func (a answering) Write(context.Context, []gate.Event) error { return a.err }

func TestRegistryOutcomes(t *testing.T) {
	suspended := errors.New("left alone for a moment")
	refused := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	tests := []struct {
		name    string
		err     error
		outcome string
		up      float64
	}{
		{"answered", nil, outcomeOK, 1},
		{"an error of the server", errors.New("ERR unknown command"), outcomeError, 1},
		{"deadline", fmt.Errorf("decide: %w", context.DeadlineExceeded), outcomeTimeout, 0},
		{"socket timeout", &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, outcomeTimeout, 0},
		{"connection refused", fmt.Errorf("decide: %w", refused), outcomeDown, 0},
		{"connection lost", io.EOF, outcomeDown, 0},
		{"connection closed", net.ErrClosed, outcomeDown, 0},
		{"breaker open after a timeout", fmt.Errorf("%w: %w", suspended, context.DeadlineExceeded), outcomeDown, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reg := prometheus.NewPedanticRegistry()
			m := New(reg)
			timed := m.Registry(answering{tt.err}, suspended)

			answer, err := timed.Decide(t.Context(), gate.Question{})
			require.Equal(t, gate.Rep("201"), answer.Owner)
			require.Equal(t, tt.err, err)
			lost, err := timed.Renew(t.Context(), make([]gate.Reservation, 2), gate.Terms{})
			require.Len(t, lost, 2)
			require.Equal(t, tt.err, err)
			require.Equal(t, tt.err, timed.Write(t.Context(), nil))
			listing, ok := timed.Listed("+12125550100")
			require.True(t, ok)
			require.Equal(t, "national", listing.List)

			require.InDelta(t, tt.up, testutil.ToFloat64(m.up), 0)
			for _, metric := range gathered(t, reg, "ringfence_registry_seconds").Metric {
				want := uint64(0)
				for _, l := range metric.Label {
					if l.GetName() == "outcome" && l.GetValue() == tt.outcome {
						want = 1
					}
				}
				require.Equal(t, want, metric.Histogram.GetSampleCount(), metric.Label)
			}
			var failures float64
			for _, metric := range gathered(t, reg, "ringfence_registry_errors_total").Metric {
				failures += metric.Counter.GetValue()
			}
			if tt.outcome == outcomeOK {
				require.Zero(t, failures)
			} else {
				require.InDelta(t, 3, failures, 0)
			}
		})
	}
}

func TestRegistryAnsweredWithoutTraffic(t *testing.T) {
	m := New(prometheus.NewPedanticRegistry())
	require.Zero(t, testutil.ToFloat64(m.up))
	m.RegistryAnswered(nil)
	require.InDelta(t, 1, testutil.ToFloat64(m.up), 0)
	m.RegistryAnswered(context.DeadlineExceeded)
	require.Zero(t, testutil.ToFloat64(m.up))
}

func TestTimingAddsNoAllocation(t *testing.T) {
	m := New(NewRegistry())
	plain := answering{}
	timed := m.Registry(plain)
	q := gate.Question{}
	_, _ = timed.Decide(t.Context(), q)
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = timed.Decide(t.Context(), q) }))
}
