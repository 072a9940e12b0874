// Package message reads SIP messages strictly and builds what goes out by splicing their bytes, so that everything a
// proxy does not have to touch leaves as it came.
//
// Parse indexes where the headers lie and types only what a proxy needs (RFC 3261 §7, §16.3, §20, §25). It refuses what
// two readers could understand in two ways: doubled headers, bare line ends, control bytes, lengths that do not fit.
// Edit splices; AppendAnswer, AppendAck and AppendCancel build what a proxy says in its own name; Framer finds the
// messages in a stream.
package message

import "iter"

// Span is the half-open range of offsets in Message.Raw from Start up to End.
type Span struct{ Start, End int }

// Empty says whether there is nothing between the ends.
func (s Span) Empty() bool { return s.Start >= s.End }

// Header is where one header lies.
type Header struct {
	Kind  Kind
	Name  Span // as it was written
	Value Span // without blanks at its ends; folds are still inside
	Line  Span // from the name to the CRLF, both included, with its continuation lines
}

// Message is one SIP message. Its byte slices are parts of Raw, which must not be changed while any of them is used.
type Message struct {
	Raw        []byte // ends where Content-Length says
	Request    bool
	Method     string // of the request; for a response the CSeq method
	RequestURI Span   // request only
	Status     int    // response only
	Phrase     Span   // response only

	CSeq        uint32
	CSeqMethod  string
	CallID      []byte
	FromTag     []byte  // nil when absent
	ToTag       []byte  // nil when absent
	Via         ViaParm // the topmost
	Vias        int     // how many there are in all Via headers
	MaxForwards int     // -1 when absent
	MaxBreadth  int     // -1 when absent (RFC 5393 §5)
	Body        Span

	start, end int // header section: after the start line, before the empty line
	headers    []entry
}

// Bytes is what lies in s.
func (m *Message) Bytes(s Span) []byte { return m.Raw[s.Start:s.End:s.End] }

// Headers are all headers in their order, with their numbers.
func (m *Message) Headers() iter.Seq2[int, Header] {
	return func(yield func(int, Header) bool) {
		for i := range m.headers {
			if !yield(i, m.headers[i].header()) {
				return
			}
		}
	}
}

// HeadersStart is just after the start line: what is inserted there becomes the topmost header.
func (m *Message) HeadersStart() int { return m.start }

// HeadersEnd is just before the empty line: what is inserted there becomes the last header.
func (m *Message) HeadersEnd() int { return m.end }

// Find is the first header of kind k.
func (m *Message) Find(k Kind) (Header, bool) {
	for i := range m.headers {
		if m.headers[i].kind == k {
			return m.headers[i].header(), true
		}
	}
	return Header{}, false
}

// Get is the value of the first header of kind k, folds still inside.
func (m *Message) Get(k Kind) ([]byte, bool) {
	h, ok := m.Find(k)
	if !ok {
		return nil, false
	}
	return m.Bytes(h.Value), true
}

// GetName is the value of the first header of that name, in any case and also in its compact form.
func (m *Message) GetName(name string) ([]byte, bool) {
	full := fullName(name)
	for i := range m.headers {
		if m.named(&m.headers[i], full) {
			return m.Bytes(m.headers[i].valueSpan()), true
		}
	}
	return nil, false
}

// Count is how many headers of kind k there are.
func (m *Message) Count(k Kind) int {
	n := 0
	for i := range m.headers {
		if m.headers[i].kind == k {
			n++
		}
	}
	return n
}

// named says whether e bears the full name, or the compact form of it.
func (m *Message) named(e *entry, full string) bool {
	name := m.Bytes(e.nameSpan())
	if len(name) != 1 {
		return equalFold(name, full)
	}
	for _, c := range compact {
		if c.letter == lower(name[0]) {
			return equalFold([]byte(c.name), full)
		}
	}
	return equalFold(name, full)
}

// namedAny says whether e bears one of the names, which are no compact forms.
func (m *Message) namedAny(e *entry, names []string) bool {
	for _, name := range names {
		if m.named(e, name) {
			return true
		}
	}
	return false
}
