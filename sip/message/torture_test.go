package message

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The torture messages of RFC 4475 and what becomes of each here. 0 stands for accepted: a fault of these, if any, is
// none that a proxy has to see, or one that the proxy core answers (416, 420, 483).
var torture = []struct {
	file   string
	code   int
	detail string
	answer bool // with a fault: the request can be answered
}{
	{"valid/dblreq", 0, "", false}, // the second request is surplus in a datagram
	{"valid/esc01", 0, "", false},
	{"valid/esc02", 0, "", false},
	{"valid/escnull", 0, "", false},
	{"valid/intmeth", 0, "", false},
	{"valid/longreq", 0, "", false},
	{"valid/lwsdisp", 0, "", false},
	{"valid/mpart01", 0, "", false},
	{"valid/noreason", 0, "", false},
	{"valid/semiuri", 0, "", false},
	{"valid/transports", 0, "", false},
	{"valid/unreason", 0, "", false},
	{"valid/wsinv", 0, "", false},

	{"invalid/badaspec", 400, "To: the URI", true},
	{"invalid/badbranch", 400, "Via: the branch", true},
	{"invalid/baddate", 0, "", false}, // Date is between the user agents
	{"invalid/baddn", 400, "From: a display name", true},
	{"invalid/badinv01", 400, "Via: a parameter", true},
	{"invalid/badvers", 505, "request line: the version", true},
	{"invalid/bcast", 0, "", false},  // whether the topmost Via is ours, the proxy knows
	{"invalid/bext01", 0, "", false}, // 420
	{"invalid/bigcode", 400, "status line: the status", false},
	{"invalid/clerr", 400, "Content-Length: says more", true},
	{"invalid/cparam01", 0, "", false},
	{"invalid/cparam02", 0, "", false},
	{"invalid/escruri", 400, "Request-URI: the URI carries headers", true},
	{"invalid/insuf", 400, "From: is missing", true},
	{"invalid/inv2543", 0, "", false},
	{"invalid/invut", 0, "", false},
	{"invalid/ltgtruri", 400, "Request-URI: the URI", true},
	{"invalid/lwsruri", 400, "request line: the version", true},
	{"invalid/lwsstart", 400, "request line: the version", true},
	{"invalid/mcl01", 400, "Content-Length: is there more than once", true},
	{"invalid/mismatch01", 400, "CSeq: the method differs", true},
	{"invalid/mismatch02", 400, "CSeq: the method differs", true},
	{"invalid/multi01", 400, "CSeq: is there more than once", true},
	{"invalid/ncl", 400, "Content-Length: is no number", true},
	{"invalid/novelsc", 0, "", false}, // 416
	{"invalid/quotbal", 400, "To: a quoted string", true},
	{"invalid/regaut01", 0, "", false},
	{"invalid/regbadct", 400, "Contact: a display name", true},
	{"invalid/regescrt", 0, "", false},
	{"invalid/scalar02", 400, "CSeq: is no number", true},
	{"invalid/scalarlg", 400, "CSeq: is no number", false},
	{"invalid/sdp01", 0, "", false},
	{"invalid/test", 400, "request line: the version", false},
	{"invalid/trws", 400, "request line: the version", true},
	{"invalid/unkscm", 0, "", false}, // 416
	{"invalid/unksm2", 0, "", false},
	{"invalid/zeromf", 0, "", false}, // 483
}

func TestTorture(t *testing.T) {
	dir := tortureDir(t)
	all, err := filepath.Glob(filepath.Join(dir, "*valid", "*.dat"))
	require.NoError(t, err)
	require.Len(t, torture, len(all), "every file has a stated outcome")
	for _, row := range torture {
		t.Run(row.file, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join(dir, row.file+".dat"))
			require.NoError(t, err)
			m, err := Parse(raw)
			if row.code == 0 {
				require.NoError(t, err)
				checkSpans(t, m)
				return
			}
			requireFault(t, err, row.code, row.detail)
			if !row.answer {
				require.Nil(t, m)
				return
			}
			require.NotNil(t, m)
			checkSpans(t, m)
			checkAnswer(t, m)
		})
	}
}

// tortureDir is where sipgo keeps them in the module cache.
func tortureDir(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/emiago/sipgo").Output()
	require.NoError(t, err, "run `go mod download github.com/emiago/sipgo`")
	return filepath.Join(strings.TrimSpace(string(out)), "sip", "testdata", "torture")
}

// wsinv is the one with every legal oddity at once: look closer.
func TestTortureWhitespace(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(tortureDir(t), "valid", "wsinv.dat"))
	require.NoError(t, err)
	m, err := Parse(raw)
	require.NoError(t, err)
	assert.Equal(t, "1918181833n", string(m.ToTag))
	assert.Equal(t, "98asjd8", string(m.FromTag))
	assert.Equal(t, 68, m.MaxForwards)
	assert.EqualValues(t, 9, m.CSeq)
	assert.Equal(t, 3, m.Vias)
	assert.Equal(t, "192.0.2.2", string(m.Via.Host))
	assert.Equal(t, "390skdjuw", string(m.Via.Branch))
	assert.Equal(t, 150, m.Body.End-m.Body.Start)
	contact, ok := m.Get(Contact)
	require.True(t, ok)
	n, err := ParseNameAddr(contact)
	require.NoError(t, err)
	assert.Equal(t, `Quoted string \"\"`, string(n.Display))
	q, ok := n.Param("Q")
	assert.True(t, ok)
	assert.Equal(t, "0.33", string(q))
}

// checkSpans makes sure that everything an index points at lies in Raw.
func checkSpans(t *testing.T, m *Message) {
	t.Helper()
	inside := func(s Span) {
		t.Helper()
		require.True(t, 0 <= s.Start && s.Start <= s.End && s.End <= len(m.Raw), "%v in %d bytes", s, len(m.Raw))
	}
	at := m.HeadersStart()
	for _, h := range m.Headers() {
		inside(h.Line)
		inside(h.Name)
		inside(h.Value)
		require.GreaterOrEqual(t, h.Line.Start, at)
		require.Equal(t, h.Line.Start, h.Name.Start)
		require.LessOrEqual(t, h.Value.End, h.Line.End-2)
		require.Equal(t, "\r\n", string(m.Raw[h.Line.End-2:h.Line.End]))
		at = h.Line.End
	}
	require.LessOrEqual(t, at, m.HeadersEnd())
	for _, s := range []Span{m.Body, m.RequestURI, m.Phrase, m.Via.Element, m.Via.RPortSpan, m.Via.ReceivedSpan, {m.HeadersStart(), m.HeadersEnd()}} {
		inside(s)
	}
	for k := range kindCount {
		for s := range m.Elements(k) {
			inside(s)
		}
	}
}
