package load

import (
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/site"
)

// burst is a phone bank whose phones all dial at once.
const burst = 500

// A burst is no load: with the gate's own queue_delay none of its calls is refused or left without an answer, though the
// gate has to share its core with a neighbour that is always busy.
func TestBurst(t *testing.T) {
	dir := t.TempDir()
	gate, err := site.Build(t.Context(), dir)
	require.NoError(t, err)
	callers, err := site.BuildCrowd(t.Context(), dir)
	require.NoError(t, err)
	o := &overload{world: place(t, dir), crowd: crowds[0]}
	o.start(t, gate, callers)
	own, _ := cores(t)
	neighbour := exec.Command("sh", "-c", "while :; do :; done")
	neighbour.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, neighbour.Start())
	defer func() {
		_ = neighbour.Process.Kill()
		_ = neighbour.Wait() // says that it was killed
	}()
	require.NoError(t, site.Pin(neighbour.Process.Pid, own))
	for range 5 {
		b := o.offer(t, burst*300, 4*time.Millisecond)
		assert.Equal(t, map[int]int{o.good: b.Calls}, b.Finals, "a burst of %d calls", b.Calls)
	}
	require.NoError(t, o.gate.Stop())
}
