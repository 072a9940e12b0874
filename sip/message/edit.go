package message

// Edit is a list of changes to the bytes of one message. Its zero value is ready for Reset, and it may be used again
// and again; spans and offsets are those of the message, and the bytes given to it must stay as they are until Append.
//
// Edits come in any order. Where two overlap, everything is gone that either of them removes, and of their texts only
// the one that starts first goes in (of two that start together, the one called first); what is inserted into the
// inside of something removed goes with it. Text inserted at the start of something removed stays.
type Edit struct {
	m       *Message
	splices []splice
	popped  [kindCount]uint16 // elements that PopElement has taken
	text    []byte            // what MarkReceived writes
}

// splice puts with in the place of the span.
type splice struct {
	Span
	with []byte
}

// Reset forgets all changes and makes m the message.
func (e *Edit) Reset(m *Message) {
	if e.splices == nil {
		e.splices = make([]splice, 0, 16)
	}
	*e = Edit{m: m, splices: e.splices[:0], text: e.text[:0]}
}

// Replace puts with in the place of s.
func (e *Edit) Replace(s Span, with []byte) { e.splices = append(e.splices, splice{s, with}) }

// Insert puts with before the byte at offset at. Several at one place keep the order of the calls.
func (e *Edit) Insert(at int, with []byte) { e.Replace(Span{at, at}, with) }

// Delete takes s away.
func (e *Edit) Delete(s Span) { e.Replace(s, nil) }

// Drop takes away all headers of kind k.
func (e *Edit) Drop(k Kind) {
	for i := range e.m.headers {
		if e.m.headers[i].kind == k {
			e.Delete(e.m.headers[i].lineSpan())
		}
	}
}

// DropName takes away all headers of that name, in any case and also in their compact form.
func (e *Edit) DropName(name string) {
	full := fullName(name)
	for i := range e.m.headers {
		if e.m.named(&e.m.headers[i], full) {
			e.Delete(e.m.headers[i].lineSpan())
		}
	}
}

// Kinds is a set of kinds: the bit 1<<k for each. Other is in no set.
type Kinds uint64

// DropAll takes away all headers of the kinds and of the names, as Drop and DropName do, looking at each header once.
func (e *Edit) DropAll(kinds Kinds, names []string) {
	for i := range e.m.headers {
		h := &e.m.headers[i]
		if kinds>>h.kind&1 == 1 && h.kind != Other || e.m.namedAny(h, names) {
			e.Delete(h.lineSpan())
		}
	}
}

// PopElement takes away the first list element of the headers of kind k; called again, the next one. With its last
// element the whole line goes. It returns false when there is none left.
func (e *Edit) PopElement(k Kind) bool {
	skip := int(e.popped[k])
	for i := range e.m.headers {
		h := &e.m.headers[i]
		if h.kind != k {
			continue
		}
		for rest, more := h.valueSpan(), true; more; skip-- {
			from := rest.Start
			_, rest, more = cutElement(e.m.Raw, rest)
			if skip > 0 {
				continue
			}
			e.popped[k]++
			if more {
				e.Delete(Span{from, rest.Start})
			} else {
				e.Delete(h.lineSpan())
			}
			return true
		}
	}
	return false
}

// Append writes the changed message behind dst. It may be called more than once.
func (e *Edit) Append(dst []byte) []byte {
	raw := e.m.Raw
	e.sort()
	dst = grow(dst, e.size())
	at := 0
	for i := range e.splices {
		s := &e.splices[i]
		if s.Start >= at {
			dst = append(dst, raw[at:s.Start]...)
			dst = append(dst, s.with...)
		}
		at = max(at, s.End)
	}
	return append(dst, raw[at:]...)
}

// size is the length of the changed message, bytes; the splices are in order. Responses are kept for half a minute, so
// that what is allocated for one is no longer than it.
func (e *Edit) size() int {
	n, at := len(e.m.Raw), 0
	for i := range e.splices {
		s := &e.splices[i]
		if s.Start >= at {
			n += len(s.with) - (s.End - s.Start)
		} else {
			n -= max(0, s.End-at)
		}
		at = max(at, s.End)
	}
	return n
}

// grow makes room for n more bytes, once and no more than that.
func grow(dst []byte, n int) []byte {
	if cap(dst)-len(dst) >= n {
		return dst
	}
	return append(make([]byte, 0, len(dst)+n), dst...)
}

// sort orders by place, insertions first, and keeps the order of the calls. There are about ten, mostly in order.
func (e *Edit) sort() {
	for i := 1; i < len(e.splices); i++ {
		for j := i; j > 0 && e.splices[j].before(&e.splices[j-1]); j-- {
			e.splices[j], e.splices[j-1] = e.splices[j-1], e.splices[j]
		}
	}
}

func (s *splice) before(t *splice) bool {
	if s.Start != t.Start {
		return s.Start < t.Start
	}
	return s.Empty() && !t.Empty()
}
