package message

import (
	"bytes"
	"iter"
)

// Elements are the list elements of all headers of kind k in their order, divided by commas outside quotes and angle
// brackets, without the blanks round them. Empty ones are left out.
func (m *Message) Elements(k Kind) iter.Seq[Span] {
	return func(yield func(Span) bool) {
		for i := range m.headers {
			if m.headers[i].kind != k {
				continue
			}
			for rest, more := m.headers[i].valueSpan(), true; more; {
				var e Span
				e, rest, more = cutElement(m.Raw, rest)
				if !e.Empty() && !yield(e) {
					return
				}
			}
		}
	}
}

// HasToken says whether token is an element of a header of kind k, in any case: an option tag of Supported, say.
func (m *Message) HasToken(k Kind, token string) bool {
	for e := range m.Elements(k) {
		if equalFold(m.Bytes(e), token) {
			return true
		}
	}
	return false
}

// cutElement cuts the first element off the list s. more is false when it was the last; behind a comma that ends the
// list there is one more, and it is empty. A quote or bracket that nothing closes keeps the rest together.
func cutElement(raw []byte, s Span) (e, rest Span, more bool) {
	last := Span{s.End, s.End}
	if bytes.IndexByte(raw[s.Start:s.End], ',') < 0 {
		return s, last, false
	}
	for c := (cursor{b: raw[:s.End], i: s.Start}); !c.done(); c.i++ {
		switch c.b[c.i] {
		case '"':
			if _, err := c.quoted(); err != nil {
				return s, last, false
			}
			c.i--
		case '<':
			end := bytes.IndexByte(c.b[c.i:], '>')
			if end < 0 {
				return s, last, false
			}
			c.i += end
		case ',':
			return trim(raw, Span{s.Start, c.i}), trim(raw, Span{c.i + 1, s.End}), true
		}
	}
	return s, last, false
}
