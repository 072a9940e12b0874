package message

import (
	"bytes"
	"strings"
)

const version = "SIP/2.0"

// startLine reads the first line (RFC 3261 §7.1, §7.2). It returns false when what follows cannot be read as the
// message of anybody: nothing is answered then.
func (p *parser) startLine() bool {
	end := nextControl(p.Raw, 0)
	for end < len(p.Raw) && p.Raw[end] == '\t' {
		end = nextControl(p.Raw, end+1)
	}
	if !bytes.HasPrefix(p.Raw[end:], []byte("\r\n")) {
		if end+1 >= len(p.Raw) {
			return p.fail("start line", errUnended)
		}
		return p.fail("start line", errControl)
	}
	p.start = end + 2
	if end > 4 && equalFold(p.Raw[:4], "SIP/") {
		return p.statusLine(end)
	}
	return p.requestLine(end)
}

// requestLine is Method SP Request-URI SP SIP-Version, with exactly these two blanks.
func (p *parser) requestLine(end int) bool {
	c := cursor{b: p.Raw[:end]}
	method := c.run(tokenByte)
	if len(method) == 0 || !c.at(' ') {
		return p.fail("request line", errMethod)
	}
	p.Request = true
	p.Method = methodName(method)
	p.RequestURI = Span{c.i + 1, end}
	if sp := bytes.IndexByte(c.b[c.i+1:], ' '); sp >= 0 {
		p.RequestURI.End = c.i + 1 + sp
	}
	if v := p.Raw[min(p.RequestURI.End+1, end):end]; !equalFold(v, version) {
		p.failVersion(v)
	}
	if err := checkRequestURI(p.Bytes(p.RequestURI)); err != nil {
		p.fail("Request-URI", err)
	}
	return true
}

// failVersion answers 505 to what is a version, though not ours, and 400 to what is none.
func (p *parser) failVersion(v []byte) {
	p.fail("request line", errVersion)
	major, minor, ok := bytes.Cut(v[min(4, len(v)):], []byte("."))
	if ok && equalFold(v[:4], "SIP/") && allDigits(major) && allDigits(minor) {
		p.fault.Code, p.fault.Phrase = 505, "Version Not Supported"
	}
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if !isDigit(c) {
			return false
		}
	}
	return len(b) > 0
}

// statusLine is SIP-Version SP Status-Code SP Reason-Phrase; the phrase and the blank before it may be missing.
func (p *parser) statusLine(end int) bool {
	line := p.Raw[:end]
	if len(line) < len(version)+4 || !equalFold(line[:len(version)], version) || line[len(version)] != ' ' {
		return p.fail("status line", errVersion)
	}
	digits := len(version) + 1
	status, ok := number(line[digits:digits+3], 699)
	if !ok || status < 100 {
		return p.fail("status line", errStatus)
	}
	p.Status = int(status)
	p.Phrase = Span{end, end}
	if rest := line[digits+3:]; len(rest) > 0 {
		if rest[0] != ' ' {
			return p.fail("status line", errStatus)
		}
		p.Phrase.Start = digits + 4
	}
	return true
}

// methodName is the method as a string; those of the RFCs cost no allocation. Methods are case-sensitive.
func methodName(b []byte) string {
	for _, known := range &methods {
		if string(b) == known {
			return known
		}
	}
	return string(b)
}

// methods, the frequent ones first.
var methods = [...]string{
	"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "UPDATE", "INFO", "REFER", "NOTIFY", "SUBSCRIBE",
	"MESSAGE", "PUBLISH",
}

// Miscased says whether a method differs from one of the RFCs' by the case of its letters alone.
func Miscased(method string) bool {
	for _, known := range &methods {
		if len(method) == len(known) && method != known && strings.EqualFold(method, known) {
			return true
		}
	}
	return false
}
