package torture

import (
	"bytes"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/site"
)

// Every message of RFC 4475 becomes what the table says, over UDP and over TCP; the trunk hears none of them, the PBX
// those that are for it; and the gate is afterwards as it was before.
func TestRFC4475(t *testing.T) {
	t.Parallel()
	dir := tortureDir(t)
	all, err := filepath.Glob(filepath.Join(dir, "*valid", "*.dat"))
	require.NoError(t, err)
	require.Len(t, tortures, len(all), "every file has a stated outcome")
	for _, over := range []site.Protocol{site.UDP, site.TCP} {
		t.Run(string(over), func(t *testing.T) {
			t.Parallel()
			r := rack{stand: newStandOf(t, 15*time.Millisecond), over: over, seen: map[string]bool{}}
			before := r.metric("go_goroutines")
			for _, row := range tortures {
				raw, err := os.ReadFile(filepath.Join(dir, row.file+".dat"))
				require.NoError(t, err)
				r.torture(row, raw)
			}
			for _, check := range r.later {
				check()
			}
			assert.Empty(t, r.trunk.take(), "none of them is a call that may go out")
			for _, w := range r.wires {
				require.NoError(t, w.Close())
			}
			r.settled(before)
			assert.Empty(t, r.loggedWith(`3035551111|6505552222|"level":"error"|"panic"`))
		})
	}
}

// rack is where one gate is tortured.
type rack struct {
	*stand
	over  site.Protocol
	seen  map[string]bool // topmost Vias
	wires []*site.Wire
	later []func()
}

var topVia = regexp.MustCompile(`(?i)\n(v|via)[ \t]*:[^\r]*`)

// torture sends a message from an address of its own and checks what becomes of it.
func (r *rack) torture(row torture, raw []byte) {
	r.t.Helper()
	// Several use one branch and host: a gate that remembers the one takes the other for its repetition.
	if via := string(topVia.Find(raw)); r.seen[via] {
		r.forgotten()
	} else {
		r.seen[via] = true
	}
	// The port is SIP's, since an answer goes to the one that Via names, and that is nearly always none (RFC 3261 §18.2.2).
	from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, 0, byte(len(r.wires) + 1)}), 5060)
	w, err := site.DialWire(r.t.Context(), r.over, from, r.at)
	require.NoError(r.t, err)
	r.wires = append(r.wires, w)
	want := row.udp
	if r.over == site.TCP && row.tcp != (outcome{}) {
		want = row.tcp
	}
	require.NoError(r.t, w.Send(raw))
	if want.unfinished {
		r.later = append(r.later, func() {
			assert.Eventually(r.t, w.Hung, 15*time.Second, 10*time.Millisecond, "%s: the message never ends", row.file)
			assert.Empty(r.t, w.Finals(), row.file)
		})
		return
	}
	var finals []int
	if want.status != 0 {
		finals = []int{want.status}
		require.Eventually(r.t, func() bool { return len(w.Finals()) > 0 }, patience, time.Millisecond, "%s: no answer", row.file)
	}
	alive, err := w.Ping(patience)
	require.NoError(r.t, err, row.file)
	assert.Equal(r.t, !want.closed, alive, "%s: the stream stays open", row.file)
	assert.Equal(r.t, finals, w.Finals(), row.file)
	r.atPBX(row.file, raw, want.pbx)
}

// atPBX checks that the PBX heard just this message, repeated or not, or nothing.
func (r *rack) atPBX(file string, raw []byte, wanted bool) {
	r.t.Helper()
	var want, heard []string
	if wanted {
		want = []string{startLine(raw)}
	}
	assert.Eventually(r.t, func() bool {
		for _, m := range r.pbx.take() {
			heard = append(heard, startLine(m))
		}
		heard = slices.Compact(heard)
		return len(heard) >= len(want)
	}, patience, time.Millisecond)
	assert.Equal(r.t, want, heard, "%s: what the PBX heard", file)
}

func startLine(m []byte) string {
	line, _, _ := bytes.Cut(m, []byte("\r\n"))
	return string(line)
}

// tortureDir is where sipgo keeps the messages in the module cache.
func tortureDir(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/emiago/sipgo").Output()
	require.NoError(t, err, "run `go mod download github.com/emiago/sipgo`")
	return filepath.Join(strings.TrimSpace(string(out)), "sip", "testdata", "torture")
}
