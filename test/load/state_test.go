package load

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/site"
)

// state is the gate as /metrics shows it.
type state struct {
	goroutines, resident     float64
	transactions, callsUp    float64
	allowed, otherwise       float64
	repeated, registryErrors float64

	blocked, emergency, degraded float64 // decisions: on a list, emergency, without the registry
	shed, silent                 float64 // refused for load; dropped for it
	listed                       float64 // numbers on bulk lists
}

func (s state) String() string {
	return fmt.Sprintf("%.0f goroutines, %.1f MiB resident, %.0f calls allowed, %.0f messages repeated",
		s.goroutines, s.resident/(1<<20), s.allowed, s.repeated)
}

func sample(t *testing.T, gate *site.Gate) state {
	t.Helper()
	res, err := http.Get("http://" + gate.HTTP.String() + "/metrics")
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusOK, res.StatusCode)
	s, err := read(res.Body)
	require.NoError(t, err)
	return s
}

// read adds up the series it knows of a Prometheus exposition.
func read(r io.Reader) (s state, err error) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		name, value, found := cutLast(lines.Text())
		if !found || strings.HasPrefix(name, "#") {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return s, fmt.Errorf("metrics: %q: %w", lines.Text(), err)
		}
		family, labels, _ := strings.Cut(name, "{")
		switch family {
		case "go_goroutines":
			s.goroutines = v
		case "process_resident_memory_bytes":
			s.resident = v
		case "ringfence_sip_transactions":
			s.transactions = v
		case "ringfence_calls_up":
			s.callsUp = v
		case "ringfence_sip_retransmissions_total":
			s.repeated += v
		case "ringfence_registry_errors_total":
			s.registryErrors += v
		case "ringfence_dnc_numbers":
			s.listed += v
		case "ringfence_sip_shed_total":
			s.shed += v
		case "ringfence_sip_dropped_total":
			if strings.Contains(labels, `why="queue"`) || strings.Contains(labels, `why="registry"`) {
				s.silent += v
			}
		case "ringfence_decisions_total":
			switch {
			case strings.Contains(labels, `reason="dnc"`):
				s.blocked += v
			case strings.Contains(labels, `reason="emergency"`):
				s.emergency += v
			case strings.Contains(labels, `reason="registry_down"`):
				s.degraded += v
			}
			if strings.Contains(labels, `verdict="allow"`) && strings.Contains(labels, `reason="allowed"`) {
				s.allowed += v
			} else {
				s.otherwise += v
			}
		}
	}
	return s, nil
}

func cutLast(line string) (before, after string, found bool) {
	i := strings.LastIndexByte(line, ' ')
	if i < 0 {
		return line, "", false
	}
	return line[:i], line[i+1:], true
}
