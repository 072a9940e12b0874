package message

import "bytes"

// NameAddr is the value of a From, To, Contact, Route and their like: a display name, a URI and parameters.
type NameAddr struct {
	Display []byte // without its quotes, escapes untouched
	URI     []byte // without its angle brackets
	Params  []byte // of the header, not of the URI; without the leading semicolon
}

// Param finds a parameter of the header by its name.
func (n NameAddr) Param(name string) (value []byte, ok bool) { return Param(n.Params, name) }

// ParseNameAddr reads one list element. Without angle brackets everything behind the first semicolon belongs to the
// header (RFC 3261 §20.10).
func ParseNameAddr(b []byte) (NameAddr, error) {
	var n NameAddr
	c := cursor{b: b}
	c.lws()
	err := c.display(&n)
	if err != nil {
		return NameAddr{}, err
	}
	if c.at('<') {
		n.URI, err = c.bracketed()
	} else {
		n.URI, err = c.bare()
	}
	if err != nil {
		return NameAddr{}, err
	}
	n.Params, err = c.params()
	if err != nil {
		return NameAddr{}, err
	}
	return n, nil
}

// display reads what stands before "<". An unquoted name should be tokens; other text is taken too, since many phones
// send it, but nothing that has a meaning of its own.
func (c *cursor) display(n *NameAddr) (err error) {
	if c.at('"') {
		if n.Display, err = c.quoted(); err != nil {
			return err
		}
		if c.lws(); !c.at('<') {
			return errAngle
		}
		return nil
	}
	for i := c.i; i < len(c.b); i++ {
		switch c.b[i] {
		case '<':
			s := trim(c.b, Span{c.i, i})
			n.Display = c.b[s.Start:s.End:s.End]
			c.i = i
			return nil
		case '"', ',', ';', '>':
			// Whether this is a bare URI or a broken name, bare tells.
			return nil
		}
	}
	return nil
}

func (c *cursor) bracketed() ([]byte, error) {
	end := bytes.IndexByte(c.b[c.i:], '>')
	if end < 0 {
		return nil, errAngle
	}
	uri := c.b[c.i+1 : c.i+end : c.i+end]
	if !plausible(uri) {
		return nil, errURI
	}
	c.i += end + 1
	return uri, nil
}

func (c *cursor) bare() ([]byte, error) {
	from := c.i
	for c.i < len(c.b) && c.b[c.i] != ';' && !isLWS(c.b[c.i]) {
		if c.b[c.i] == ',' || c.b[c.i] == '?' {
			return nil, errBare
		}
		c.i++
	}
	uri := c.b[from:c.i:c.i]
	if !plausible(uri) {
		return nil, errURI
	}
	return uri, nil
}

// plausible says whether uri has a scheme, something behind it, and nothing that no URI holds. Bytes above ASCII are
// not held against the address of a person who is only named; what is dialled is read by ParseURI.
func plausible(uri []byte) bool {
	colon := bytes.IndexByte(uri, ':')
	if colon < 1 || colon+1 == len(uri) || !isLetter(uri[0]) || !all(uri[:colon], schemeByte) {
		return false
	}
	for _, c := range uri[colon+1:] {
		if classes[c]&uriByte == 0 && c < 0x80 {
			return false
		}
	}
	return true
}
