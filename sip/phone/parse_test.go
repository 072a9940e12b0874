package phone

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSplitAddresses(t *testing.T) {
	tests := []struct {
		list  string
		parts []string
	}{
		{"<sip:a@b>", []string{"<sip:a@b>"}},
		{"<sip:a@b;lr> , <sip:c@d>", []string{"<sip:a@b;lr>", "<sip:c@d>"}},
		{"<sip:a,b@c>,<sip:d>", []string{"<sip:a,b@c>", "<sip:d>"}},
		{`"Zhang, Wei" <sip:a@b>,"a\", b" <sip:c>`, []string{`"Zhang, Wei" <sip:a@b>`, `"a\", b" <sip:c>`}},
		{`"<" <sip:a@b>,<sip:c>`, []string{`"<" <sip:a@b>`, "<sip:c>"}},
		{"", []string{""}},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.parts, splitAddresses(tt.list), tt.list)
	}
}

func FuzzSplitAddresses(f *testing.F) {
	f.Add(`"Zhang, Wei" <sip:a,b@c;lr>;q=0.5, <sip:d>`)
	f.Add(`"`)
	f.Fuzz(func(t *testing.T, list string) {
		clean := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if got := clean(strings.Join(splitAddresses(list), ",")); got != clean(list) {
			t.Fatalf("%q became %q", list, got)
		}
	})
}

func TestAnswerToAnOffer(t *testing.T) {
	tests := []struct {
		name    string
		offer   string
		streams []string
	}{
		{"none", "", []string{"m=audio 9 RTP/AVP 0 8"}},
		{"audio", "v=0\r\nm=audio 4000 RTP/AVP 96 8 0\r\n", []string{"m=audio 9 RTP/AVP 0"}},
		{"no G.711", "m=audio 4000 RTP/AVP 96 97\r\n", []string{"m=audio 9 RTP/AVP 96"}},
		{
			"video first, and a second audio", "m=video 4002 RTP/AVP 99\r\nm=audio 4000 RTP/SAVP 8\r\nm=audio 4004 RTP/AVP 0\n",
			[]string{"m=video 0 RTP/AVP 99", "m=audio 9 RTP/SAVP 8", "m=audio 0 RTP/AVP 0"},
		},
		{"audio that is off", "m=audio 0 RTP/AVP 0\r\n", []string{"m=audio 0 RTP/AVP 0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var streams []string
			for line := range strings.Lines(string(answer([]byte(tt.offer), "::1"))) {
				assert.True(t, strings.HasSuffix(line, "\r\n"), line)
				if strings.HasPrefix(line, "m=") {
					streams = append(streams, strings.TrimSpace(line))
				}
			}
			assert.Equal(t, tt.streams, streams)
			assert.Contains(t, string(answer(nil, "::1")), "c=IN IP6 ::1\r\n")
		})
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte("v=0\r\nm=audio 4000 RTP/AVP 0\r\nm=video 0 RTP/AVP 99\r\n"))
	f.Add([]byte("m=\r\nm=a b\nm= 1 2 3 4"))
	f.Fuzz(func(t *testing.T, offered []byte) {
		live := 0
		for line := range strings.Lines(string(answer(offered, "127.0.0.1"))) {
			if strings.HasPrefix(line, "m=audio 9 ") {
				live++
			}
		}
		if live > 1 {
			t.Fatalf("%d streams taken of %q", live, offered)
		}
	})
}

// FuzzBinding takes whatever a REGISTER may carry to the request that would be sent there.
func FuzzBinding(f *testing.F) {
	f.Add("<sip:202@127.0.0.1:7000;ob>;expires=60", "<sip:flow@127.0.0.1:5060;lr>", "60")
	f.Add("*", "", "0")
	f.Add(`"`, ",", "-1")
	f.Add("<sip:a@[::1]>", "<sip:[::1]>", "")
	line, err := bind("127.0.0.1:0")
	require.NoError(f, err)
	f.Cleanup(func() { _ = line.close() })
	pbx := &PBX{line: line, bindings: map[string]binding{}, changed: make(chan struct{})}
	f.Fuzz(func(t *testing.T, contact, path, expires string) {
		req := requestForTest("REGISTER")
		req.AppendHeader(sip.NewHeader("Contact", contact))
		req.AppendHeader(sip.NewHeader("Path", path))
		req.AppendHeader(sip.NewHeader("Expires", expires))
		b, err := wanted(req, contactsOf(req))
		if err != nil {
			return
		}
		if !pbx.bind("202", b) {
			t.Fatal("a fresh binding was not taken")
		}
		if out, err := pbx.outbound(requestForTest("INVITE"), b); err == nil && out.Destination() == "" {
			t.Fatalf("%q by %q leads nowhere", contact, path)
		}
	})
}

func requestForTest(method sip.RequestMethod) *sip.Request {
	text := "INVITE sip:202@x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:7;branch=z9hG4bKx\r\nFrom: <sip:202@x>;tag=f\r\nTo: <sip:202@x>\r\n" +
		"Call-ID: one\r\nCSeq: 1 INVITE\r\nContact: <sip:202@127.0.0.1:7>\r\nContent-Length: 0\r\n\r\n"
	m, err := sip.ParseMessage([]byte(text))
	if err != nil {
		panic(err)
	}
	req := m.(*sip.Request)
	req.Method = method
	if method == sip.REGISTER {
		req.RemoveHeader("Contact")
	}
	return req
}

// TestPath holds the way of a request within a dialog to RFC 3261 §12.2.1.1.
func TestPath(t *testing.T) {
	var target sip.Uri
	require.NoError(t, sip.ParseUri("sip:202@127.0.0.1:7000", &target))
	tests := []struct {
		name, uri, next string
		set, route      []string
	}{
		{"direct", "sip:202@127.0.0.1:7000", "127.0.0.1:7000", nil, nil},
		{
			"loose", "sip:202@127.0.0.1:7000", "127.0.0.1:5060",
			[]string{"<sip:127.0.0.1;lr>", "<sip:127.0.0.2;lr>"},
			[]string{"<sip:127.0.0.1;lr>", "<sip:127.0.0.2;lr>"},
		},
		{
			"strict", "sip:127.0.0.1:5070", "127.0.0.1:5070",
			[]string{"<sip:127.0.0.1:5070>", "<sip:127.0.0.2;lr>"},
			[]string{"<sip:127.0.0.2;lr>", "<sip:202@127.0.0.1:7000>"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := &dialog{target: target, routes: tt.set}
			uri, route, next, err := d.path()
			require.NoError(t, err)
			assert.Equal(t, tt.uri, uri.String())
			assert.Equal(t, tt.route, route)
			assert.Equal(t, tt.next, hostPort(next))
		})
	}
	_, _, _, err := (&dialog{target: target, routes: []string{"nonsense"}}).path()
	require.Error(t, err)
}
