package message

import "errors"

// entry is a Header as it is kept. Every message brings about twenty, and as ints they would be most of the memory that
// a message takes.
type entry struct {
	kind       Kind
	start, end uint32 // of the line
	name       uint32 // end of the name, which starts the line
	from, to   uint32 // the value
}

// usualHeaders is how many headers fit without another allocation.
const usualHeaders = 24

func (e *entry) lineSpan() Span  { return Span{int(e.start), int(e.end)} }
func (e *entry) nameSpan() Span  { return Span{int(e.start), int(e.name)} }
func (e *entry) valueSpan() Span { return Span{int(e.from), int(e.to)} }

func (e *entry) header() Header {
	return Header{Kind: e.kind, Name: e.nameSpan(), Value: e.valueSpan(), Line: e.lineSpan()}
}

// headerLine reads the header that starts at raw[at], with its continuation lines (RFC 3261 §7.3.1), into e. next is
// where the line after it starts; with errUnended there is none. After other errors next is right and the header is not.
func headerLine(raw []byte, at int, e *entry) (next int, err error) {
	c := cursor{b: raw, i: at}
	name := c.run(tokenByte)
	for c.at(' ') || c.at('\t') {
		c.i++
	}
	end, err := lineEnd(raw, c.i)
	if errors.Is(err, errUnended) {
		return len(raw), err
	}
	next = end + 2
	if err != nil {
		return next, err
	}
	if len(name) == 0 || !c.at(':') {
		return next, errName
	}
	value := trim(raw, Span{c.i + 1, end})
	*e = entry{
		kind: kindOf(name), start: uint32(at), end: uint32(next), name: uint32(at + len(name)),
		from: uint32(value.Start), to: uint32(value.End),
	}
	return next, nil
}

// lineEnd is where the CRLF lies that ends the header line, seen from raw[at] inside it. A CRLF before a blank is a fold
// and part of the header. A control byte stands only as a quoted-pair in a quoted string (RFC 3261 §25.1); any other is
// reported, but does not end the line, since nobody may take what is behind it for a header of its own.
func lineEnd(raw []byte, at int) (end int, err error) {
	q := quoting{b: raw, i: at}
	for i := at; ; i++ {
		i = nextControl(raw, i)
		switch {
		case i+1 >= len(raw):
			return len(raw), errUnended
		case raw[i] == '\t':
		case raw[i] == '\r' && raw[i+1] == '\n':
			if i+2 >= len(raw) || raw[i+2] != ' ' && raw[i+2] != '\t' {
				return i, err
			}
			i += 2
		case raw[i] == '\r' || raw[i] == '\n' || !q.pair(i):
			err = errControl
		}
	}
}

// quoting follows the quoted strings of one header. It only moves forward, so that a header full of escapes costs no
// more than its length.
type quoting struct {
	b       []byte
	i       int
	inside  bool
	escaped bool // b[i] is the second half of a quoted-pair
}

// pair says whether b[at] is the second half of a quoted-pair.
func (q *quoting) pair(at int) bool {
	for ; q.i < at; q.i++ {
		switch c := q.b[q.i]; {
		case q.escaped:
			q.escaped = false
		case q.inside && c == '\\':
			q.escaped = true
		case c == '"':
			q.inside = !q.inside
		}
	}
	return q.escaped
}
