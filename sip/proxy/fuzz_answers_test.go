package proxy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

// tortures are the messages of RFC 4475, which sipgo keeps in the module cache.
func tortures(f *testing.F) (all [][]byte) {
	f.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/emiago/sipgo").Output()
	require.NoError(f, err, "run `go mod download github.com/emiago/sipgo`")
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "sip", "testdata", "torture", "*valid", "*.dat"))
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(f, err)
		all = append(all, raw)
	}
	return all
}

// FuzzAnswer lets the other side answer a call that was let out with anything: the caller hears no more than one final
// response, and all that is sent is well-formed. In the bytes, BRANCH stands for the branch of our INVITE, which no
// mutation would guess.
func FuzzAnswer(f *testing.F) {
	sound := "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=BRANCH\r\nVia: SIP/2.0/UDP 10.0.0.9:5070;rport=5070;branch=z9hG4bK-1\r\n" +
		"From: <sip:201@10.0.0.1>;tag=caller\r\nTo: <sip:+12025550123@10.0.0.1>;tag=callee\r\nCall-ID: call-1\r\nCSeq: 1 INVITE\r\n" +
		"Contact: <sip:callee@10.1.0.7:5062>\r\nSession-Expires: 90\r\nContent-Length: 0\r\n\r\n"
	for _, change := range [][2]string{
		{"200 OK", "100 Trying"},
		{"200 OK", "180 Ringing"},
		{"200 OK", "200 OK"},
		{"200 OK", "302 Moved"},
		{"200 OK", "407 Proxy Authentication Required"},
		{"200 OK", "486 "},
		{"200 OK", "503 Overloaded"},
		{"200 OK", "603 Network Blocked"},
		{"200 OK", "699 x"},
		{"Via: SIP/2.0/UDP 10.0.0.9:5070;rport=5070;branch=z9hG4bK-1\r\n", ""},
		{"rport=5070;", ";;,;,,"},
		{"branch=z9hG4bK-1", "branch=z9hG4bK-1, x"},
		{";tag=callee", ";tag=\r\nTo: <sip:c@d>;tag="},
		{"Length: 0", "Length: 4294967328"},
		{"Session-Expires: 90", "Session-Expires: 99999999999;refresher=uac"},
		{"CSeq: 1", "CSeq: 2147483648"},
		{"CSeq: 1 INVITE", "CSeq: 1 CANCEL"},
		{"Contact:", "Warning:\r\nContact:"},
		{"Contact: <", "Contact: <\x00"},
		{"Contact", "Proxy-Authenticate: Digest realm=\"a\\\r\nContact"},
		{"call-1", strings.Repeat("x", 4096)},
	} {
		f.Add([]byte(strings.Replace(sound, change[0], change[1], 1)), uint8(200))
	}
	for _, raw := range tortures(f) {
		f.Add(raw, uint8(3))
	}
	fuzzMetrics()
	f.Fuzz(func(t *testing.T, raw []byte, second uint8) {
		inWorld(t, setUp{still: true}, func(w *world) {
			w.ask(ask{uri: "sip:+12025550123@10.0.0.1"})
			invite := w.expectMethod(trunkA, "INVITE")
			raw = bytes.ReplaceAll(raw, []byte("BRANCH"), invite.Via.Branch)
			w.receive(raw, trunkA)
			// And another one, with another status, as a second fork or a repetition would be.
			if len(raw) > 11 {
				again := bytes.Clone(raw)
				copy(again[8:], []byte{'1' + second/100%6, '0' + second/10%10, '0' + second%10})
				w.receive(again, trunkA)
			}
			w.oneFinal(desk)
		})
	})
}

// receive gives bytes to the proxy as a transport would.
func (w *world) receive(raw []byte, from transport.Address) {
	if m, err := message.Parse(bytes.Clone(raw)); err == nil {
		w.layer.Receive(m, transport.Source{Address: from})
	}
	synctest.Wait()
}

// oneFinal fails the test when a heard two different final responses to its INVITE, 2xx aside, which forking allows.
func (w *world) oneFinal(a transport.Address) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	final := 0
	for _, m := range w.queue[a] {
		if m.Request || m.CSeqMethod != "INVITE" || m.Status < 200 {
			continue
		}
		if final != 0 && m.Status != final && (m.Status >= 300 || final >= 300) {
			w.t.Fatalf("the caller heard %d and then %d", final, m.Status)
		}
		final = m.Status
	}
}
