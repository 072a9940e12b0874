package message

import "strconv"

// AppendAck writes the ACK for a final response above 299 to sent, the INVITE as we sent it (RFC 3261 §17.1.1.3). If
// sent is no INVITE, dst comes back as it was.
func AppendAck(dst, sent []byte, final *Message) []byte {
	invite, err := Parse(sent)
	if err != nil || invite.Method != "INVITE" {
		return dst
	}
	return appendHopByHop(dst, invite, final, "ACK")
}

// AppendCancel writes the CANCEL of sent, the request as we sent it (RFC 3261 §9.1). If sent is no request, dst comes
// back as it was.
func AppendCancel(dst, sent []byte) []byte {
	req, err := Parse(sent)
	if err != nil || !req.Request {
		return dst
	}
	return appendHopByHop(dst, req, req, "CANCEL")
}

// appendHopByHop writes a request that belongs to the transaction of sent at the next hop: same Request-URI, topmost
// Via, Route, From, Call-ID and CSeq number. To is taken from the message to.
func appendHopByHop(dst []byte, sent, to *Message, method string) []byte {
	dst = append(dst, method...)
	dst = append(dst, ' ')
	dst = append(dst, sent.Bytes(sent.RequestURI)...)
	dst = append(dst, " "+version+"\r\nVia: "...)
	dst = append(dst, sent.Bytes(sent.Via.Element)...)
	dst = append(dst, "\r\n"...)
	for i := range sent.headers {
		if sent.headers[i].kind == Route {
			dst = append(dst, sent.Bytes(sent.headers[i].lineSpan())...)
		}
	}
	dst = append(dst, "Max-Forwards: 70\r\n"...)
	dst = sent.appendFirst(dst, From)
	dst = to.appendFirst(dst, To)
	dst = sent.appendFirst(dst, CallID)
	dst = append(dst, "CSeq: "...)
	dst = strconv.AppendUint(dst, uint64(sent.CSeq), 10)
	dst = append(dst, ' ')
	dst = append(dst, method...)
	return append(dst, "\r\nContent-Length: 0\r\n\r\n"...)
}
