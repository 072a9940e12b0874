package site

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const trace = "----------------------------------------------- 2026-11-24 13:48:20.060524\n" +
	"UDP message sent (488 bytes):\n\n" +
	"INVITE sip:+12125550100@127.0.0.2 SIP/2.0\r\n" +
	"Via: SIP/2.0/UDP 127.0.0.1:27001;rport;branch=z9hG4bK1-1\r\n" +
	"To: <sip:+12125550100@127.0.0.2>\r\nCall-ID: 1-20853@127.0.0.1\r\nCSeq: 1 INVITE\r\n\r\n" +
	"v=0\r\n\r\n----------------------------------------------- 2026-11-24 13:48:20.060991\n" +
	"TCP message received [288] bytes :\n\n" +
	"SIP/2.0 180 Ringing\r\n" +
	"v: SIP/2.0/UDP 127.0.0.9;branch=z9hG4bK2, SIP/2.0/UDP 127.0.0.1:27001;branch=z9hG4bK1-1\r\n" +
	"t: <sip:+12125550100@127.0.0.2>;tag=20846s1;x=1\r\ni: 1-20853@127.0.0.1\r\nCSeq: 1 INVITE\r\n\r\n"

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "phone.msg")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func TestReadTrace(t *testing.T) {
	got, err := ReadTrace(write(t, trace))
	require.NoError(t, err)
	require.Len(t, got, 2)
	invite, ringing := got[0], got[1]
	assert.True(t, invite.Sent)
	assert.Equal(t, "INVITE", invite.Request())
	assert.Empty(t, invite.Status())
	assert.Equal(t, "1-20853@127.0.0.1", invite.CallID)
	assert.Equal(t, "z9hG4bK1-1", invite.Branch)
	assert.Empty(t, invite.ToTag)
	assert.Contains(t, invite.Text, "v=0")

	assert.False(t, ringing.Sent)
	assert.Equal(t, "180", ringing.Status())
	assert.Empty(t, ringing.Request())
	assert.Equal(t, "1 INVITE", ringing.CSeq)
	assert.Equal(t, "20846s1", ringing.ToTag)
	assert.Equal(t, "z9hG4bK2", ringing.Branch, "the topmost Via")
}

func TestReadTraceNoticesAnotherFormat(t *testing.T) {
	_, err := ReadTrace(write(t, "=== message 1 ===\nINVITE sip:a@b SIP/2.0\n"))
	assert.ErrorContains(t, err, "changed its format")
}

func TestReadTraceOfAPhoneThatHeardNothing(t *testing.T) {
	got, err := ReadTrace(filepath.Join(t.TempDir(), "none.msg"))
	require.NoError(t, err)
	assert.Empty(t, got)
}

func TestStatistics(t *testing.T) {
	dir := t.TempDir()
	p := Phone{Name: "caller", Dir: dir}
	text := "StartTime;SuccessfulCall(C);FailedCall(C);Retransmissions(C);\nx;1;0;0;\ny;300;2;7;\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "caller.csv"), []byte(text), 0o600))
	got, err := p.Statistics()
	require.NoError(t, err)
	assert.Equal(t, Statistics{Successful: 300, Failed: 2, Retransmissions: 7}, got)
}
