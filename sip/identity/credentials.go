package identity

import (
	"errors"
	"strings"

	"github.com/ringfence/ringfence/sip/message"
)

// credentials are a Proxy-Authorization of the scheme Digest (RFC 7616 §3.4). Values are as they came, without the quotes
// and with the escapes, since that is what is hashed.
type credentials struct {
	username, realm, nonce, uri, response string
	cnonce, nc, qop                       string
	algorithm                             string // "" is MD5
	userhash                              string
}

// Why credentials cannot be read; what they say is never repeated.
var (
	errSyntax    = errors.New("is no list of name=value")
	errParamName = errors.New("has a parameter twice")
	errTooMany   = errors.New("has too many parameters")
	errScheme    = errors.New("is of another scheme")
	errEscape    = errors.New("ends inside a quoted string")
)

// maxParams bounds the work on one header; RFC 7616 knows eleven.
const maxParams = 32

// parseCredentials reads the value of a Proxy-Authorization. errScheme means that it is no Digest at all.
func parseCredentials(value []byte) (c credentials, err error) {
	p := params{rest: string(value)}
	if scheme := p.token(); !strings.EqualFold(scheme, "Digest") || !p.blank() {
		return c, errScheme
	}
	var names [maxParams]string
	for n := 0; ; n++ {
		name, value, err := p.param()
		switch {
		case err != nil:
			return c, err
		case n == maxParams:
			return c, errTooMany
		}
		for _, before := range names[:n] {
			if strings.EqualFold(before, name) {
				return c, errParamName
			}
		}
		names[n] = name
		c.set(name, value)
		more, err := p.comma()
		if !more {
			return c, err
		}
	}
}

// set keeps the parameters that matter. opaque and whatever else there is (RFC 7616 §3.4: ignored) do not.
func (c *credentials) set(name, value string) {
	switch strings.ToLower(name) {
	case "username":
		c.username = value
	case "realm":
		c.realm = value
	case "nonce":
		c.nonce = value
	case "uri":
		c.uri = value
	case "response":
		c.response = value
	case "cnonce":
		c.cnonce = value
	case "nc":
		c.nc = value
	case "qop":
		c.qop = value
	case "algorithm":
		c.algorithm = value
	case "userhash":
		c.userhash = value
	}
}

// params reads forward through "name=value, name="value"".
type params struct{ rest string }

// blank skips LWS and says whether there was any.
func (p *params) blank() bool {
	trimmed := strings.TrimLeft(p.rest, " \t\r\n")
	skipped := len(trimmed) < len(p.rest)
	p.rest = trimmed
	return skipped
}

func (p *params) token() string {
	i := 0
	for i < len(p.rest) && message.IsToken(p.rest[i:i+1]) {
		i++
	}
	t := p.rest[:i]
	p.rest = p.rest[i:]
	return t
}

func (p *params) param() (name, value string, err error) {
	p.blank()
	name = p.token()
	p.blank()
	if name == "" || !strings.HasPrefix(p.rest, "=") {
		return "", "", errSyntax
	}
	p.rest = p.rest[1:]
	p.blank()
	if strings.HasPrefix(p.rest, `"`) {
		value, err = p.quoted()
		return name, value, err
	}
	if value = p.token(); value == "" {
		return "", "", errSyntax
	}
	return name, value, nil
}

func (p *params) quoted() (string, error) {
	for i := 1; i < len(p.rest); i++ {
		switch p.rest[i] {
		case '\\':
			i++
		case '"':
			value := p.rest[1:i]
			p.rest = p.rest[i+1:]
			return value, nil
		}
	}
	return "", errEscape
}

// comma says whether another parameter follows.
func (p *params) comma() (more bool, err error) {
	p.blank()
	switch {
	case p.rest == "":
		return false, nil
	case p.rest[0] != ',':
		return false, errSyntax
	}
	p.rest = p.rest[1:]
	return true, nil
}

// unquoted takes the escapes out of a quoted string's inside (RFC 3261 §25.1, quoted-pair).
func unquoted(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// find looks for the credentials of realm among the Proxy-Authorization headers of m (RFC 3261 §22.3: there is one for
// each realm). present is false when there are none; an error means that what may be ours cannot be read.
func find(m *message.Message, realm string) (c credentials, present bool, err error) {
	for _, h := range m.Headers() {
		if h.Kind != message.ProxyAuthorization {
			continue
		}
		one, err := parseCredentials(m.Bytes(h.Value))
		switch {
		case errors.Is(err, errScheme):
			continue
		case err != nil:
			return c, true, err
		case unquoted(one.realm) != realm:
			continue
		case present:
			return c, true, errParamName
		}
		c, present = one, true
	}
	return c, present, nil
}

// DropOurs takes the credentials of realm out of a copy, and those that cannot be read and so might be. Other realms'
// pass: they are for somebody behind the gate (RFC 3261 §22.3).
func DropOurs(e *message.Edit, m *message.Message, realm string) {
	for _, h := range m.Headers() {
		if h.Kind != message.ProxyAuthorization {
			continue
		}
		c, err := parseCredentials(m.Bytes(h.Value))
		if errors.Is(err, errScheme) || err == nil && unquoted(c.realm) != realm {
			continue
		}
		e.Delete(h.Line)
	}
}

// Challenges says whether a response asks for credentials of realm, or for any that cannot be told from them.
func Challenges(m *message.Message, realm string) bool {
	for _, h := range m.Headers() {
		if h.Kind != message.ProxyAuthenticate && h.Kind != message.WWWAuthenticate {
			continue
		}
		c, err := parseCredentials(m.Bytes(h.Value)) // a challenge has the same form
		if err != nil && !errors.Is(err, errScheme) || err == nil && unquoted(c.realm) == realm {
			return true
		}
	}
	return false
}
