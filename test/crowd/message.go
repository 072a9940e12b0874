package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
)

// header is the line of m that begins with name, without its end; nil when there is none. Names are spelled as the gate
// and both ends of this program spell them.
func header(m []byte, name string) []byte {
	i := bytes.Index(m, []byte("\r\n"+name+": "))
	if i < 0 {
		return nil
	}
	line := m[i+2:]
	if end := bytes.IndexByte(line, '\r'); end >= 0 {
		line = line[:end]
	}
	return line
}

// value is what header has after the name.
func value(m []byte, name string) []byte {
	line := header(m, name)
	return line[min(len(line), len(name)+2):]
}

// method is CSeq's.
func method(m []byte) string {
	_, name, _ := bytes.Cut(value(m, "CSeq"), []byte(" "))
	return string(name)
}

// status of a response.
func status(m []byte) int {
	if len(m) < 12 {
		return 0
	}
	n, _ := strconv.Atoi(string(m[8:11])) // 0 is none
	return n
}

// serial is the number that a Call-ID of ours begins with; -1 when it is not ours.
func serial(m []byte) int {
	digits, _, _ := bytes.Cut(value(m, "Call-ID"), []byte("-"))
	n, err := strconv.Atoi(string(digits))
	if err != nil {
		return -1
	}
	return n
}

const sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"

// parties is what all messages of one offering have in common.
type parties struct {
	at, gate netip.AddrPort
	run      int64 // tells offerings apart
}

func (p parties) start(b []byte, method, uri, branch string, n int) []byte {
	return fmt.Appendf(b, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %v;rport;branch=z9hG4bK%s%d-%x\r\nMax-Forwards: 70\r\n", method, uri, p.at, branch, n, p.run)
}

func (p parties) invite(b []byte, n int, number uint64) []byte {
	b = p.start(b, "INVITE", fmt.Sprintf("sip:+%d@%v", number, p.gate), "i", n)
	return fmt.Appendf(b, "From: <sip:201@%v>;tag=%d\r\nTo: <sip:+%d@%v>\r\nCall-ID: %d-%x@crowd\r\nCSeq: 1 INVITE\r\nContact: <sip:201@%v>\r\n"+
		"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", p.at.Addr(), n, number, p.gate.Addr(), n, p.run, p.at, len(sdp), sdp)
}

// acknowledge is the ACK of a refusal (RFC 3261 §17.1.1.3), whose response is given.
func (p parties) acknowledge(b []byte, n int, number uint64, response []byte) []byte {
	b = p.start(b, "ACK", fmt.Sprintf("sip:+%d@%v", number, p.gate), "i", n)
	return finish(b, response, "1 ACK")
}

// within is a request of the call that the response has made (§12.2.1.1): there is one proxy in its route set.
func (p parties) within(b []byte, method string, cseq, n int, response []byte) []byte {
	target := bytes.Trim(value(response, "Contact"), "<>")
	b = p.start(b, method, string(target), method, n)
	if route := value(response, "Record-Route"); route != nil {
		b = fmt.Appendf(b, "Route: %s\r\n", route)
	}
	return finish(b, response, fmt.Sprintf("%d %s", cseq, method))
}

func finish(b, response []byte, cseq string) []byte {
	return fmt.Appendf(b, "%s\r\n%s\r\n%s\r\nCSeq: %s\r\nContent-Length: 0\r\n\r\n",
		header(response, "From"), header(response, "To"), header(response, "Call-ID"), cseq)
}
