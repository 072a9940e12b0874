// Package identity says who is dialling: it turns what a peer's request carries into a rep's id, as far as the
// configuration trusts that peer.
package identity

import (
	"fmt"
	"strings"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
)

// Source is where a peer's requests name the rep.
type Source struct {
	kind   kind
	header string
}

type kind uint8

const (
	from kind = iota
	asserted
	header
)

// Parse reads the configuration's word: from, asserted or header:NAME.
func Parse(s string) (Source, error) {
	switch name, isHeader := strings.CutPrefix(s, "header:"); {
	case s == "" || s == "from":
		return Source{kind: from}, nil
	case s == "asserted":
		return Source{kind: asserted}, nil
	case isHeader && name != "":
		return Source{kind: header, header: name}, nil
	}
	return Source{}, fmt.Errorf("%q names no identity: use from, asserted or header:NAME", s)
}

// Trusted says whether the peer's P-Asserted-Identity is believed, and so may pass on.
func (s Source) Trusted() bool { return s.kind == asserted }

// Header is the header that names the rep, when it is not one of SIP's own; "" otherwise.
func (s Source) Header() string { return s.header }

// Rep is the rep who sent m; "" when m does not say.
func (s Source) Rep(m *message.Message) gate.Rep {
	switch s.kind {
	case asserted:
		// RFC 3325 §9.1 allows one sip: and one tel: identity; the one that has a user part first in order wins.
		for span := range m.Elements(message.PAssertedIdentity) {
			if rep := user(m.Bytes(span)); rep != "" {
				return rep
			}
		}
		return ""
	case header:
		v, _ := m.GetName(s.header)
		return gate.Rep(strings.TrimSpace(string(v)))
	default:
		v, _ := m.Get(message.From)
		return user(v)
	}
}

// user is the user part of a name-addr without its parameters. A "+" stays: a rep may be known by a number.
func user(nameAddr []byte) gate.Rep {
	a, err := message.ParseNameAddr(nameAddr)
	if err != nil {
		return ""
	}
	u, err := message.ParseURI(a.URI)
	if err != nil {
		return ""
	}
	id, _, _ := strings.Cut(string(u.User), ";")
	return gate.Rep(id)
}
