package registry

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

func TestEscape(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "201": "201", "张伟": "张伟", "a\x1fb": "a%1Fb", "100%": "100%25", "\x00\x7f\r\n": "%00%7F%0D%0A",
	} {
		require.Equal(t, want, escape(in))
		require.Equal(t, in, unescape(want))
	}
	require.Equal(t, "50% off %zz %", unescape("50% off %zz %"), "what is no escape stays")
}

func TestIdentityKeepsNamesApart(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 4096)
	require.NotEqual(t, identity(long+"a"), identity(long+"b"))
	require.LessOrEqual(t, len(identity(long)), maxName)
	require.LessOrEqual(t, len(note(long)), maxText+len("…"))
}

func TestAttemptID(t *testing.T) {
	t.Parallel()
	id := attemptID("12125550100", "ab", "c")
	require.Len(t, id, 16)
	require.Equal(t, id, attemptID("12125550100", "ab", "c"))
	require.NotEqual(t, id, attemptID("12125550100", "a", "bc"), "where the Call-ID ends matters")
	require.NotEqual(t, id, attemptID("12125550101", "ab", "c"))
	require.NotEqual(t, id, attemptID("12125550100", "ab", "d"))
	long := strings.Repeat("y", 5000)
	require.NotEqual(t, attemptID("1", long, "a"), attemptID("1", long, "b"))
}

// The check value of CRC-16/XMODEM and of Redis's own documentation, and the layout that must never change.
func TestBuckets(t *testing.T) {
	t.Parallel()
	require.Equal(t, uint16(0x31c3), crc16("123456789"))
	require.Equal(t, 0x31c3%1024, bucketOf("123456789"))
	k := keysOf("123456789")
	require.Equal(t, "rf:{b0451}:n:123456789", k.number())
	require.Equal(t, "rf:{b0451}:a:id", k.attempt("id"))
	seen := make(map[string]bool)
	for _, key := range []string{
		k.number(), k.attempt("x"), k.written("x"), k.stream(), k.owned(), k.refused(), k.listed(),
	} {
		require.True(t, strings.HasPrefix(key, "rf:{b0451}:"), key)
		require.False(t, seen[key], "%s twice", key)
		seen[key] = true
	}
}

func TestDecodeRecord(t *testing.T) {
	t.Parallel()
	const id = "1790000000123-7"
	r, err := DecodeRecord(id, pack("1", "1790000000000-0", "d", "block", "dnc", "", "201", callFields("12125550100", "desk", "g1", "p1", "c@h"), "company"))
	require.NoError(t, err)
	require.Equal(t, Record{
		ID: id, Time: time.UnixMilli(1790000000123), Kind: RecordDecision, Verdict: "block", Reason: "dnc", Rep: "201",
		Number: "+12125550100", Dialled: "12125550100", Peer: "desk", Gate: "g1", Policy: "p1", CallID: "c@h", List: "company",
	}, r)
	internal, err := DecodeRecord(id, pack("1", "", "d", "allow", "internal", "", "201", callFields("70123", "desk", "", "", "")))
	require.NoError(t, err)
	require.Empty(t, internal.Number, "an extension is no E.164 number, however long")
	require.Equal(t, "70123", internal.Dialled)

	for name, bad := range map[string][2]string{
		"no id":             {"", "1\x1f\x1fd"},
		"id without a time": {"x-1", "1\x1f\x1fd"},
		"id's sequence":     {"1-x", "1\x1f\x1fd"},
		"empty":             {id, ""},
		"newer":             {id, "2\x1fd"},
		"unknown kind":      {id, "1\x1f\x1fz"},
		"too many fields":   {id, "1\x1f\x1fd" + strings.Repeat("\x1f", 20)},
		"talk is no number": {id, "1\x1f\x1fe" + strings.Repeat("\x1f", 12) + "soon"},
		"talk is negative":  {id, "1\x1f\x1fe" + strings.Repeat("\x1f", 12) + "-1"},
		"status too high":   {id, "1\x1f\x1fe" + strings.Repeat("\x1f", 14) + "700"},
	} {
		_, err := DecodeRecord(bad[0], bad[1])
		require.ErrorIs(t, err, errRecord, name)
	}
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add("1790000000123-7", "1\x1f\x1fd\x1fblock\x1fdnc\x1f\x1f201\x1f12125550100\x1fdesk\x1fg1\x1fp1\x1fc@h\x1fcompany")
	f.Add("1-0", "1\x1f5-1\x1fe\x1f\x1f\x1f201\x1f201\x1f12125550100\x1f\x1f\x1f\x1f\x1f\x1f\x1f61500\x1fanswered\x1f200\x1f")
	f.Add("1-0", "1\x1f\x1fr\x1f\x1frefuse\x1f\x1fadmin%1F%zz")
	f.Add("9223372036854775807-0", "2")
	f.Fuzz(func(t *testing.T, id, packed string) {
		r, err := DecodeRecord(id, packed)
		if err != nil {
			require.ErrorIs(t, err, errRecord)
			require.Less(t, len(err.Error()), 4*maxText+200, "an error repeats no more than a little of what it read")
			return
		}
		require.NotEmpty(t, r.Kind)
		require.GreaterOrEqual(t, r.Talk, time.Duration(0))
		require.LessOrEqual(t, r.Status, 699)
		if r.Number != "" {
			require.Equal(t, r.Dialled, r.Number.Digits())
		}
	})
}

// What the wire says goes through escape and back unchanged, and never breaks the frame of what it is packed into.
func FuzzEscape(f *testing.F) {
	f.Add("201", "a\x1fb")
	f.Add("%", "%1F")
	f.Fuzz(func(t *testing.T, a, b string) {
		require.Equal(t, a, unescape(escape(a)))
		if a != b {
			require.NotEqual(t, escape(a), escape(b))
			require.NotEqual(t, identity(a), identity(b))
		}
		require.NotContains(t, identity(a)+note(b), sep)
	})
}

func TestParseAnswer(t *testing.T) {
	t.Parallel()
	a, err := parseAnswer("r\x1fblock\x1fowned\x1f0\x1f60000\x1f2%1F2\x1f\x1f")
	require.NoError(t, err)
	require.Equal(t, gate.Answer{Verdict: gate.Block, Reason: gate.Owned, Owner: "2\x1f2", RetryAfter: time.Minute, Repeated: true}, a)
	for _, bad := range []string{
		"", "n", "n\x1fallow\x1fallowed\x1f1\x1f0\x1f\x1f", "n\x1fallow\x1fallowed\x1f1\x1f0\x1f\x1f\x1f\x1f",
		"n\x1fpass\x1fallowed\x1f1\x1f0\x1f\x1f\x1f", "n\x1fallow\x1fbecause\x1f1\x1f0\x1f\x1f\x1f",
		"n\x1fallow\x1fallowed\x1fx\x1f0\x1f\x1f\x1f", "n\x1fallow\x1fallowed\x1f1\x1fx\x1f\x1f\x1f",
	} {
		a, err := parseAnswer(bad)
		require.Error(t, err, "%q", bad)
		require.NotEqual(t, gate.Allow, a.Verdict, "an answer that cannot be read lets nothing out")
	}
}

// What a detail says is read as it was written, whatever is in it.
func TestDetail(t *testing.T) {
	require.Empty(t, Detail("from", ""))
	text := Detail("from", "a=b;c\x1f%3B", "why", "", "percent", "50")
	r, err := DecodeRecord("1790000000000-0", pack("1", "", "o", "", "share", "201", "op", adminFields("12125550100"),
		"", "", "", "", "", "", "loans", text))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"from": "a=b;c\x1f%3B", "percent": "50"}, r.Detail)
	require.Equal(t, gate.Scope("loans"), r.Scope)
}
