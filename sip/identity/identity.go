// Package identity says who is dialling: it turns what a peer's request carries into a rep's id, as far as the
// configuration trusts that peer.
//
// What a trusted peer says in a header is read by Source.Rep. The others prove who they are: with a password (Digest), a
// client certificate (FromCertificate), or by the flow that they registered over (Flows). What those peers say about
// themselves in headers is taken away before anybody behind the gate could believe it (Strip).
package identity

import (
	"fmt"
	"strings"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
)

// Source is where a peer's requests name the rep.
type Source struct {
	Kind   Kind
	header string
}

// Kind is how a peer's rep is known.
type Kind uint8

// The kinds. The first four are read from a header of the request, the others are proven.
const (
	From        Kind = iota // the user part of From
	Asserted                // P-Asserted-Identity (RFC 3325)
	RemoteParty             // Remote-Party-ID, P-Asserted-Identity's forerunner
	Header                  // a header that the configuration names
	Password                // digest credentials (RFC 7616)
	Certificate             // the TLS client certificate (RFC 5922)
	Registered              // the flow that a REGISTER came over
)

var words = map[string]Kind{
	"": From, "from": From, "asserted": Asserted, "remote_party": RemoteParty,
	"digest": Password, "certificate": Certificate, "flow": Registered,
}

// Parse reads the configuration's word.
func Parse(s string) (Source, error) {
	if kind, ok := words[s]; ok {
		return Source{Kind: kind}, nil
	}
	name, isHeader := strings.CutPrefix(s, "header:")
	if !isHeader || name == "" {
		return Source{}, fmt.Errorf("%q names no identity: use from, asserted, remote_party, digest, certificate, flow or header:NAME", s)
	}
	if !message.IsToken(name) || len(name) == 1 || message.KindOf(name) != message.Other {
		return Source{}, fmt.Errorf("%q: %s cannot be a header of your own: choose a name that SIP does not use, such as X-Rep", s, name)
	}
	return Source{Kind: Header, header: name}, nil
}

// Trusted says whether the peer is inside the trust domain (RFC 3325 §2.4): what it says about who calls may pass on.
func (s Source) Trusted() bool { return s.Kind == Asserted || s.Kind == RemoteParty }

// Proven says whether the rep is known by proof, and by nothing that the request says of itself.
func (s Source) Proven() bool { return s.Kind >= Password }

// Header is the header that names the rep, when it is not one of SIP's own; "" otherwise.
func (s Source) Header() string { return s.header }

// Rep is the rep that m names; "" when it names none, or when the peer's reps are to prove who they are.
func (s Source) Rep(m *message.Message) gate.Rep {
	switch s.Kind {
	case From:
		v, _ := m.Get(message.From)
		return user(v)
	case Asserted:
		// RFC 3325 §9.1 allows one sip: and one tel: identity; the one that has a user part first in order wins.
		for span := range m.Elements(message.PAssertedIdentity) {
			if rep := user(m.Bytes(span)); rep != "" {
				return rep
			}
		}
	case RemoteParty:
		return remoteParty(m)
	case Header:
		v, _ := m.GetName(s.header)
		return gate.Rep(strings.TrimSpace(string(v)))
	}
	return ""
}

// remoteParty is the first Remote-Party-ID that speaks of the caller: draft-ietf-sip-privacy-04 §5 lets a request carry
// others, such as party=called, and takes one without party for the caller's.
func remoteParty(m *message.Message) gate.Rep {
	for span := range m.Elements(message.RemotePartyID) {
		a, err := message.ParseNameAddr(m.Bytes(span))
		if err != nil {
			continue
		}
		if party, ok := a.Param("party"); ok && !strings.EqualFold(string(party), "calling") {
			continue
		}
		if rep := userOf(a.URI); rep != "" {
			return rep
		}
	}
	return ""
}

// user is the user part of a name-addr.
func user(nameAddr []byte) gate.Rep {
	a, err := message.ParseNameAddr(nameAddr)
	if err != nil {
		return ""
	}
	return userOf(a.URI)
}

// userOf is the user part of a URI without its parameters. A "+" stays: a rep may be known by a number.
func userOf(uri []byte) gate.Rep {
	u, err := message.ParseURI(uri)
	if err != nil {
		return ""
	}
	id, _, _ := strings.Cut(string(u.User), ";")
	return gate.Rep(id)
}
