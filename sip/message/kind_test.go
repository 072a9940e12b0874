package message

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestKinds(t *testing.T) {
	for k := Other + 1; k < kindCount; k++ {
		assert.Equal(t, k, kindOf([]byte(k.String())))
		assert.Equal(t, k, kindOf([]byte(strings.ToUpper(k.String()))))
	}
	for letter, want := range map[string]Kind{
		"i": CallID, "m": Contact, "l": ContentLength, "c": ContentType, "f": From, "k": Supported, "t": To, "v": Via,
		"r": ReferTo, "b": ReferredBy, "x": SessionExpires, "s": Other, "e": Other, "z": Other, "~": Other,
	} {
		assert.Equal(t, want, kindOf([]byte(letter)), letter)
		assert.Equal(t, want, kindOf([]byte(strings.ToUpper(letter))), letter)
	}
	for _, name := range []string{"", "Vi", "Via2", "Subject", strings.Repeat("x", 1000)} {
		assert.Equal(t, Other, kindOf([]byte(name)), name)
	}
	assert.Equal(t, "header", Kind(200).String())
}

// Every byte at every offset of a word, with each neighbour that could borrow from it.
func TestNextControl(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			for _, fill := range []byte{' ', 'a', 0x80, 0xff, 0x1f, 0x7f} {
				b := []byte(strings.Repeat("x", 24))
				b[at] = byte(c)
				for i := at + 1; i < len(b); i++ {
					b[i] = fill
				}
				want := 0
				for want < len(b) && b[want] >= ' ' && b[want] != 0x7f {
					want++
				}
				if got := nextControl(b, 0); got != want {
					t.Fatalf("byte %#x at %d before %#x: got %d, want %d", c, at, fill, got, want)
				}
			}
		}
	}
	assert.Equal(t, 5, nextControl([]byte("\nabc \n"), 1))
	assert.Equal(t, 3, nextControl([]byte("abc"), 3))
}

func TestHeadersByName(t *testing.T) {
	m := parse(t, strings.Replace(options, "CSeq", "S: one\nsubject: two\nX-Rep: 7\nk: a,  b\nSupported: c\nCSeq", 1))
	for name, want := range map[string]string{"Subject": "one", "SUBJECT": "one", "s": "one", "x-rep": "7", "Supported": "a,  b", "K": "a,  b"} {
		got, ok := m.GetName(name)
		assert.True(t, ok, name)
		assert.Equal(t, want, string(got), name)
	}
	_, ok := m.GetName("X")
	assert.False(t, ok)
	_, ok = m.Get(Require)
	assert.False(t, ok)
	assert.Equal(t, 2, m.Count(Supported))
	assert.Equal(t, []string{"a", "b", "c"}, elements(m, Supported))
	for range m.Elements(Supported) {
		break // an iterator that goes on after this panics
	}
}

func TestElements(t *testing.T) {
	for value, want := range map[string][]string{
		"":                          nil,
		",":                         nil,
		"a,,b,":                     {"a", "b"},
		`"a,b", c`:                  {`"a,b"`, "c"},
		`"a\",b",c`:                 {`"a\",b"`, "c"},
		"<sip:a,b>,<sip:c>":         {"<sip:a,b>", "<sip:c>"},
		`"<,"<sip:a,b>;x="," , c`:   {`"<,"<sip:a,b>;x=","`, "c"},
		`a,"open,b`:                 {"a", `"open,b`},
		"a,<open,b":                 {"a", "<open,b"},
		"a\n ,\n b":                 {"a", "b"},
		`<sip:a>;q="\\",<sip:b>`:    {`<sip:a>;q="\\"`, "<sip:b>"},
		"Digest a=\"x,y\", b=\"z\"": {"Digest a=\"x,y\"", "b=\"z\""},
	} {
		m := parse(t, strings.Replace(options, "CSeq", "Path: "+value+"\nCSeq", 1))
		assert.Equal(t, want, elements(m, Path), "%q", value)
	}
}

func TestSentBy(t *testing.T) {
	v := ViaParm{Transport: "UDP", Host: []byte("Example.com")}
	assert.True(t, v.SentBy("example.COM", 5060))
	assert.True(t, v.SentBy("example.com", 0))
	assert.False(t, v.SentBy("example.com", 5061))
	v = ViaParm{Transport: "TLS", Host: []byte("example.com")}
	assert.True(t, v.SentBy("example.com", 5061))
	assert.False(t, v.SentBy("example.org", 5061))
}
