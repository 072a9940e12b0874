package message

import (
	"bytes"
	"net/netip"
	"strconv"
)

// What the next hop back is told about where a request came from: received (RFC 3261 §18.2.1) when that is not the
// sent-by address or rport was asked for, and rport (RFC 3581 §4) when it was asked for. A received that the sender
// wrote itself never stays.

// MarkReceived writes them into the topmost Via of what goes on. A source that is not valid leaves it as it is.
func (m *Message) MarkReceived(e *Edit, source netip.AddrPort) {
	if !source.IsValid() {
		return
	}
	v := &m.Via
	if v.RPort {
		e.Replace(v.RPortSpan, e.keep(appendRPort(e.text, source)))
	}
	if !v.ReceivedSpan.Empty() {
		e.Delete(v.ReceivedSpan)
	}
	if v.wantsReceived(source) {
		e.Insert(v.Element.End, e.keep(appendReceived(e.text, source)))
	}
}

// keep takes e.text with something appended and returns that. Earlier texts stay valid when the buffer moves.
func (e *Edit) keep(text []byte) []byte {
	from := len(e.text)
	e.text = text
	return text[from:len(text):len(text)]
}

// appendMarked writes raw[s.Start:s.End], which holds the topmost Via, with the same marks.
func (m *Message) appendMarked(dst []byte, s Span, source netip.AddrPort) []byte {
	v := &m.Via
	old := [2]Span{v.RPortSpan, v.ReceivedSpan}
	if old[1].Start < old[0].Start {
		old[0], old[1] = old[1], old[0]
	}
	at := s.Start
	for _, o := range old {
		if o.Empty() {
			continue
		}
		dst = append(dst, m.Raw[at:o.Start]...)
		if o == v.RPortSpan {
			dst = appendRPort(dst, source)
		}
		at = o.End
	}
	dst = append(dst, m.Raw[at:v.Element.End]...)
	if v.wantsReceived(source) {
		dst = appendReceived(dst, source)
	}
	return append(dst, m.Raw[v.Element.End:s.End]...)
}

// wantsReceived says whether the sent-by alone would lead an answer astray.
func (v *ViaParm) wantsReceived(source netip.AddrPort) bool {
	return v.RPort || !sameAddr(v.Host, source.Addr().Unmap().WithZone(""))
}

// sameAddr says whether host is addr. An IPv4 address is spelled in one way only, an IPv6 address in many.
func sameAddr(host []byte, addr netip.Addr) bool {
	var text [64]byte
	if bytes.Equal(host, addr.AppendTo(text[:0])) {
		return true
	}
	if bytes.IndexByte(host, ':') < 0 {
		return false
	}
	other, err := netip.ParseAddr(string(host))
	return err == nil && other.Unmap() == addr
}

func appendRPort(dst []byte, source netip.AddrPort) []byte {
	return strconv.AppendUint(append(dst, ";rport="...), uint64(source.Port()), 10)
}

func appendReceived(dst []byte, source netip.AddrPort) []byte {
	return source.Addr().Unmap().WithZone("").AppendTo(append(dst, ";received="...))
}
