package message

import (
	"bytes"
	"net/netip"
)

// cursor reads forward through b. The end of b is the end of what may be read, so that offsets in a message stay
// offsets in its Raw.
type cursor struct {
	b []byte
	i int
}

func (c *cursor) done() bool { return c.i >= len(c.b) }

// at says whether ch comes next.
func (c *cursor) at(ch byte) bool { return c.i < len(c.b) && c.b[c.i] == ch }

// lws skips blanks and folds and says whether there were any.
func (c *cursor) lws() bool {
	i := c.i
	for i < len(c.b) && isLWS(c.b[i]) {
		i++
	}
	skipped := i > c.i
	c.i = i
	return skipped
}

// separator eats ch with the blanks round it (SLASH, SEMI, EQUAL, COLON of §25.1). Without ch it eats nothing.
func (c *cursor) separator(ch byte) bool {
	i := c.i
	for i < len(c.b) && isLWS(c.b[i]) {
		i++
	}
	if i == len(c.b) || c.b[i] != ch {
		return false
	}
	c.i = i + 1
	c.lws()
	return true
}

// run reads bytes of a class; the result may be empty.
func (c *cursor) run(class uint8) []byte {
	from, i := c.i, c.i
	for i < len(c.b) && classes[c.b[i]]&class != 0 {
		i++
	}
	c.i = i
	return c.b[from:i:i]
}

// quoted reads a quoted string, which must come next, and returns it without its quotes and with its escapes.
func (c *cursor) quoted() ([]byte, error) {
	from := c.i + 1
	for i := from; i < len(c.b); i++ {
		switch c.b[i] {
		case '\\':
			i++
		case '"':
			c.i = i + 1
			return c.b[from:i:i], nil
		}
	}
	return nil, errQuote
}

// param is one parameter of a header or URI.
type param struct {
	name   []byte
	value  []byte // nil when there is none; without quotes
	quoted bool
}

// param reads name, name=value or name="value". The semicolon has been read already.
func (c *cursor) param() (p param, err error) {
	if p.name = c.run(paramByte); len(p.name) == 0 {
		return p, errParam
	}
	if !c.separator('=') {
		return p, nil
	}
	if c.at('"') {
		p.quoted = true
		p.value, err = c.quoted()
		return p, err
	}
	if p.value = c.value(); len(p.value) == 0 {
		return p, errParam
	}
	return p, nil
}

// value reads an unquoted value, which unlike a name may hold "=" (as base64 does).
func (c *cursor) value() []byte {
	from, i := c.i, c.i
	for i < len(c.b) && (classes[c.b[i]]&paramByte != 0 || c.b[i] == '=') {
		i++
	}
	c.i = i
	return c.b[from:i:i]
}

// hostPort reads host [ ":" port ] with the blanks that a Via allows; an IPv6 host comes without its brackets.
func (c *cursor) hostPort() (host []byte, port uint16, err error) {
	if c.at('[') {
		host, err = c.ipv6()
	} else if host = c.run(hostByte); len(host) == 0 {
		err = errHost
	}
	if err != nil || !c.separator(':') {
		return host, 0, err
	}
	n, ok := number(c.run(tokenByte), 65535)
	if !ok || n == 0 {
		return host, 0, errPort
	}
	return host, uint16(n), nil
}

func (c *cursor) ipv6() ([]byte, error) {
	end := bytes.IndexByte(c.b[c.i:], ']')
	if end < 0 {
		return nil, errHost
	}
	host := c.b[c.i+1 : c.i+end : c.i+end]
	addr, err := netip.ParseAddr(string(host))
	if err != nil || !addr.Is6() || addr.Zone() != "" {
		return nil, errHost
	}
	c.i += end + 1
	return host, nil
}

// number reads b, all of it, as a decimal number up to limit. Leading zeros are legal in SIP.
func number(b []byte, limit uint64) (uint64, bool) {
	if len(b) == 0 {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		if !isDigit(c) {
			return 0, false
		}
		if n = n*10 + uint64(c-'0'); n > limit {
			return 0, false
		}
	}
	return n, true
}
