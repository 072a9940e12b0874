package message

import (
	"bytes"
	"strconv"
	"strings"
)

// URI is a sip:, sips:, tel: or other URI, cut into its parts and not decoded.
type URI struct {
	Scheme  string // lower-case
	User    []byte // without the password; for schemes other than sip and sips everything after the colon
	Host    []byte // an IPv6 address without its brackets
	Port    uint16 // 0 when absent
	Params  []byte // without the leading ";"
	Headers []byte // without the leading "?"; nil when there is no "?"
}

// Param finds a URI parameter by its name, in any case.
func (u URI) Param(name string) (value []byte, ok bool) { return Param(u.Params, name) }

// HostPort is the host, an IPv6 address in its brackets, with the port if there is one.
func (u URI) HostPort() string {
	host := string(u.Host)
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if u.Port != 0 {
		host += ":" + strconv.Itoa(int(u.Port))
	}
	return host
}

// ParseURI reads b, all of it. Of sip and sips (RFC 3261 §19.1.1) it knows the parts; whether another scheme is one we
// serve is for its caller to say.
func ParseURI(b []byte) (URI, error) {
	colon := bytes.IndexByte(b, ':')
	if colon < 1 || !isLetter(b[0]) || !all(b[:colon], schemeByte) {
		return URI{}, errURI
	}
	u := URI{Scheme: scheme(b[:colon])}
	rest := b[colon+1:]
	if len(rest) == 0 || !all(rest, uriByte) {
		return URI{}, errURI
	}
	if u.Scheme != "sip" && u.Scheme != "sips" {
		u.User = rest
		return u, nil
	}
	if err := u.parse(rest); err != nil {
		return URI{}, err
	}
	return u, nil
}

var schemes = [...]string{"sip", "sips", "tel", "urn"}

// scheme is lower-case and costs no allocation for those we meet.
func scheme(b []byte) string {
	for _, known := range &schemes {
		if equalFold(b, known) {
			return known
		}
	}
	return strings.ToLower(string(b))
}

// parse reads [ userinfo "@" ] hostport [ ";" params ] [ "?" headers ].
func (u *URI) parse(rest []byte) (err error) {
	if at := bytes.IndexByte(rest, '@'); at >= 0 {
		if u.User = rest[:at]; !escaped(u.User) {
			return errUser
		}
		if colon := bytes.IndexByte(u.User, ':'); colon >= 0 {
			u.User = u.User[:colon]
		}
		if len(u.User) == 0 {
			return errUser
		}
		rest = rest[at+1:]
		if bytes.IndexByte(rest, '@') >= 0 {
			return errURI
		}
	}
	if q := bytes.IndexByte(rest, '?'); q >= 0 {
		rest, u.Headers = rest[:q], rest[q+1:]
	}
	c := cursor{b: rest}
	if u.Host, u.Port, err = c.hostPort(); err != nil {
		return err
	}
	u.Params, err = c.params()
	return err
}

// escaped says whether every "%" in b is followed by two hexadecimal digits.
func escaped(b []byte) bool {
	for {
		i := bytes.IndexByte(b, '%')
		if i < 0 {
			return true
		}
		if i+2 >= len(b) || !isHex(b[i+1]) || !isHex(b[i+2]) {
			return false
		}
		b = b[i+3:]
	}
}

func isHex(c byte) bool { return isDigit(c) || 'a' <= lower(c) && lower(c) <= 'f' }

// checkRequestURI holds a Request-URI to RFC 3261 §19.1.1, table 1: neither headers nor a method.
func checkRequestURI(b []byte) error {
	u, err := ParseURI(b)
	if err != nil {
		return err
	}
	if u.Headers != nil {
		return errURIHeaders
	}
	if u.Params == nil {
		return nil
	}
	if _, ok := u.Param("method"); ok {
		return errURIMethod
	}
	return nil
}
