package scenarios

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/site"
)

// keep leaves every message of every end in a folder: go test ./test/scenarios -run '…/busy' -args -keep /tmp/calls.
var keep = flag.String("keep", "", "folder in which the files of each scenario stay")

func directory(t *testing.T, s *Scenario) string {
	t.Helper()
	if *keep == "" {
		return t.TempDir()
	}
	//nolint:usetesting // these files are to stay
	dir, err := os.MkdirTemp(*keep, strings.ReplaceAll(s.Name, " ", "-")+"-")
	require.NoError(t, err)
	return dir
}

func TestKamailioCarriesEveryScenario(t *testing.T) {
	carries(t, All(), func(*Scenario) site.Proxy { return Kamailio() })
}

func TestRingfenceCarriesEveryScenario(t *testing.T) {
	binary := built(t)
	carries(t, slices.Concat(All(), Modes()), func(s *Scenario) site.Proxy { return site.Ringfence{Binary: binary, Prepare: s.Says} })
}

func carries(t *testing.T, all []Scenario, through func(*Scenario) site.Proxy) {
	t.Helper()
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			proxy := through(&s)
			begun := time.Now()
			got, err := s.Run(t.Context(), proxy, directory(t, &s))
			if s.Fails(proxy.Name()) {
				require.Error(t, err, "it works: the difference is none any more")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, s.Want(proxy.Name()).String(), got.String())
			t.Logf("%v %v", got, time.Since(begun).Round(time.Millisecond))
		})
	}
}
