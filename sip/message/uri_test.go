package message

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseURI(t *testing.T) {
	for _, row := range []struct {
		uri  string
		want URI
	}{
		{"sip:example.com", URI{Scheme: "sip", Host: []byte("example.com")}},
		{"SIPS:a@b:5061", URI{Scheme: "sips", User: []byte("a"), Host: []byte("b"), Port: 5061}},
		{"sip:a:secret@b", URI{Scheme: "sip", User: []byte("a"), Host: []byte("b")}},
		{"sip:+1%32@[2001:db8::1]:5060;transport=tcp;lr", URI{Scheme: "sip", User: []byte("+1%32"), Host: []byte("2001:db8::1"), Port: 5060, Params: []byte("transport=tcp;lr")}},
		{"sip:a@b;x?h=v", URI{Scheme: "sip", User: []byte("a"), Host: []byte("b"), Params: []byte("x"), Headers: []byte("h=v")}},
		{"sip:a@b?", URI{Scheme: "sip", User: []byte("a"), Host: []byte("b"), Headers: []byte{}}},
		{"sip:user;par=u%40example.net@example.com", URI{Scheme: "sip", User: []byte("user;par=u%40example.net"), Host: []byte("example.com")}},
		{"sip:who?@b", URI{Scheme: "sip", User: []byte("who?"), Host: []byte("b")}},
		{"tel:+1-212;phone-context=x", URI{Scheme: "tel", User: []byte("+1-212;phone-context=x")}},
		{"URN:service:sos", URI{Scheme: "urn", User: []byte("service:sos")}},
		{"Soap.Beep://192.0.2.1", URI{Scheme: "soap.beep", User: []byte("//192.0.2.1")}},
	} {
		u, err := ParseURI([]byte(row.uri))
		require.NoError(t, err, row.uri)
		assert.Equal(t, row.want, u, row.uri)
	}
}

func TestParseURIRefuses(t *testing.T) {
	for uri, want := range map[string]error{
		"":                   errURI,
		"sip":                errURI,
		"sip:":               errURI,
		":a":                 errURI,
		"1sip:a":             errURI,
		"s p:a":              errURI,
		"sip:a b@c":          errURI,
		"sip:a@b c":          errURI,
		"sip:ä@b":            errURI,
		"sip:a@b\x00":        errURI,
		"sip:\"a\"@b":        errURI,
		"sip:<a>@b":          errURI,
		"sip:a@b@c":          errURI,
		"sip:@b":             errUser,
		"sip::x@b":           errUser,
		"sip:%@b":            errUser,
		"sip:%4@b":           errUser,
		"sip:%4g@b":          errUser,
		"sip:a:%zz@b":        errUser,
		"sip:a@":             errHost,
		"sip:a@:5060":        errHost,
		"sip:a@[::1":         errHost,
		"sip:a@[::1%25eth0]": errHost,
		"sip:a@[192.0.2.1]":  errHost,
		"sip:a@[]":           errHost,
		"sip:a@b:":           errPort,
		"sip:a@b:0":          errPort,
		"sip:a@b:99999":      errPort,
		"sip:a@b:5060x":      errPort,
		"sip:a@b;":           errParam,
		"sip:a@b;;lr":        errParam,
		"sip:a@b;=x":         errParam,
		"sip:a@b;x=":         errParam,
		"sip:a@b/c":          errTail,
		"sip:a@b,c":          errTail,
	} {
		_, err := ParseURI([]byte(uri))
		assert.Equal(t, want, err, "%q", uri)
	}
}

func TestParam(t *testing.T) {
	for _, row := range []struct {
		params, name, want string
		ok                 bool
	}{
		{"lr", "lr", "", true},
		{"LR;x=1", "lr", "", true},
		{"lr=on", "lr", "on", true},
		{"transport=TCP;lr", "Transport", "TCP", true},
		{`x="a;lr;b" ; y = 2`, "lr", "", false},
		{`x="a;lr;b" ; y = 2`, "y", "2", true},
		{`x="a\"b"`, "x", `a\"b`, true},
		{"q=1;q=2", "q", "1", true},
		{"xlr", "lr", "", false},
		{"", "lr", "", false},
		{`x="open;lr`, "lr", "", false},
	} {
		value, ok := Param([]byte(row.params), row.name)
		assert.Equal(t, row.ok, ok, row.params)
		assert.Equal(t, row.want, string(value), row.params)
	}
	_, ok := URI{Params: []byte("lr")}.Param("LR")
	assert.True(t, ok)
}

func TestParseNameAddr(t *testing.T) {
	for _, row := range []struct{ value, display, uri, params string }{
		{"<sip:a@b>", "", "sip:a@b", ""},
		{`"Bell, A." <sip:a@b;x=1>;tag=2`, "Bell, A.", "sip:a@b;x=1", "tag=2"},
		{`"a\"<b" <sip:a@b>`, `a\"<b`, "sip:a@b", ""},
		{"A. Bell<sip:a@b> ; tag=2 ;x", "A. Bell", "sip:a@b", "tag=2 ;x"},
		{"sip:a@b;tag=2", "", "sip:a@b", "tag=2"},
		{" \r\n sip:a@b ", "", "sip:a@b", ""},
		{`<sip:a@b>;x="y;z"`, "", "sip:a@b", `x="y;z"`},
		{`sip:a@b;x="<c>"`, "", "sip:a@b", `x="<c>"`},
		{"<http://www.example.com>", "", "http://www.example.com", ""},
	} {
		n, err := ParseNameAddr([]byte(row.value))
		require.NoError(t, err, row.value)
		assert.Equal(t, row.display, string(n.Display), row.value)
		assert.Equal(t, row.uri, string(n.URI), row.value)
		assert.Equal(t, row.params, string(n.Params), row.value)
	}
}

func TestParseNameAddrRefuses(t *testing.T) {
	for value, want := range map[string]error{
		"":                      errURI,
		"<>":                    errURI,
		"<sip:>":                errURI,
		"<a@b>":                 errURI,
		"< sip:a@b>":            errURI,
		"<sip:a@b":              errAngle,
		`"a" sip:a@b`:           errAngle,
		`"a <sip:a@b>`:          errQuote,
		`a "b" <sip:a@b>`:       errURI,
		"a> <sip:a@b>":          errURI,
		"a, b <sip:a@b>":        errBare,
		"sip:a@b?x=y":           errBare,
		"<sip:a@b>;":            errParam,
		"<sip:a@b>;;x":          errParam,
		"<sip:a@b> x":           errTail,
		"<sip:a@b>, <sip:c@d>":  errTail,
		`<sip:a@b>;x="y`:        errQuote,
		"<sip:a@b>;tag=1<sip:c": errTail,
	} {
		_, err := ParseNameAddr([]byte(value))
		assert.Equal(t, want, err, "%q", value)
	}
}
