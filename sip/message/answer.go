package message

import (
	"net/netip"
	"strconv"
)

// Answer is a response that we give ourselves.
type Answer struct {
	Status  int
	Phrase  string
	ToTag   string         // used when the request has none and Status is above 100
	Headers []byte         // complete lines with CRLF; may be nil
	Source  netip.AddrPort // where the request came from; the zero value leaves its Via as it is
}

// AppendAnswer writes the response to req behind dst (RFC 3261 §8.2.6).
func AppendAnswer(dst []byte, req *Message, a Answer) []byte {
	const around = 160 // status line, marks, tag, Content-Length
	dst = grow(dst, around+req.end-req.start+len(a.Phrase)+len(a.ToTag)+len(a.Headers))
	dst = append(dst, version+" "...)
	dst = strconv.AppendInt(dst, int64(a.Status), 10)
	dst = append(dst, ' ')
	dst = appendPhrase(dst, a.Phrase)
	dst = append(dst, "\r\n"...)
	dst = appendVias(dst, req, a.Source)
	dst = req.appendFirst(dst, From)
	dst = appendTo(dst, req, a)
	dst = req.appendFirst(dst, CallID)
	dst = req.appendFirst(dst, CSeq)
	if a.Status == 100 {
		dst = appendTimestamp(dst, req)
	}
	dst = append(dst, a.Headers...)
	return append(dst, "Content-Length: 0\r\n\r\n"...)
}

// appendPhrase writes no control byte: what a phrase is made of may have come from outside.
func appendPhrase(dst []byte, phrase string) []byte {
	for i := range len(phrase) {
		c := phrase[i]
		if c < ' ' || c == 0x7f {
			c = ' '
		}
		dst = append(dst, c)
	}
	return dst
}

// appendVias copies all Via headers in their order.
func appendVias(dst []byte, req *Message, source netip.AddrPort) []byte {
	top := source.IsValid()
	for i := range req.headers {
		e := &req.headers[i]
		if e.kind != Via {
			continue
		}
		if top {
			dst = req.appendMarked(dst, e.lineSpan(), source)
		} else {
			dst = append(dst, req.Bytes(e.lineSpan())...)
		}
		top = false
	}
	return dst
}

// appendFirst copies the first header of kind k. The only requests with two are those we answer 400.
func (m *Message) appendFirst(dst []byte, k Kind) []byte {
	if h, ok := m.Find(k); ok {
		dst = append(dst, m.Bytes(h.Line)...)
	}
	return dst
}

// appendTo copies To and adds our tag where the request has none.
func appendTo(dst []byte, req *Message, a Answer) []byte {
	if req.ToTag != nil || a.Status <= 100 || a.ToTag == "" {
		return req.appendFirst(dst, To)
	}
	h, ok := req.Find(To)
	if !ok {
		return dst
	}
	dst = append(dst, req.Raw[h.Line.Start:h.Value.End]...)
	dst = append(dst, ";tag="...)
	dst = append(dst, a.ToTag...)
	return append(dst, "\r\n"...)
}

// appendTimestamp: a 100 gives the Timestamp back (RFC 3261 §8.2.6.1).
func appendTimestamp(dst []byte, req *Message) []byte {
	value, ok := req.GetName("Timestamp")
	if !ok {
		return dst
	}
	dst = append(dst, "Timestamp: "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}
