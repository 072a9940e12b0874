package message

import (
	"bytes"
	"errors"
)

// Framer finds the messages in a stream (RFC 3261 §18.3). Its zero value is ready; every connection has its own.
type Framer struct {
	Max int // bytes that a message may have; 0 stands for 65535

	crlf    int // CRLFs eaten since the last message or ping
	scanned int // bytes at the start of buf that hold no end of a header section
	length  int // of the message at the start of buf; 0 as long as it is not known
}

const defaultMax = 65535

var (
	errNoLength = errors.New("is missing, and a stream needs it")
	errStream   = errors.New("the stream does not start with a message")
)

// Next looks at the start of buf, which holds all bytes that were read and not consumed yet. It returns a message, or
// ping for a double CRLF between messages (RFC 5626 §3.5.1: answer it with one CRLF), or neither when more bytes are
// needed. rest is what is left: the next call must be given exactly that, with newly read bytes behind it. msg is a
// part of buf.
//
// After an error the stream has no boundary any more and must be closed. When msg comes with it, that is the header
// section of the message at fault: Parse reads it, so that it can be answered with the *Fault before.
func (f *Framer) Next(buf []byte) (msg, rest []byte, ping bool, err error) {
	if buf, ping = f.skipCRLF(buf); ping || len(buf) == 0 || string(buf) == "\r" {
		return nil, buf, ping, nil
	}
	if f.length == 0 {
		if msg, err = f.measure(buf); err != nil {
			return msg, buf, false, err
		}
	}
	if f.length == 0 || f.length > len(buf) {
		return nil, buf, false, nil
	}
	n := f.length
	f.crlf, f.scanned, f.length = 0, 0, 0
	return buf[:n:n], buf[n:], false, nil
}

// skipCRLF eats line ends before a message; two are a ping.
func (f *Framer) skipCRLF(buf []byte) (rest []byte, ping bool) {
	for bytes.HasPrefix(buf, []byte("\r\n")) {
		buf = buf[2:]
		if f.crlf++; f.crlf == 2 {
			f.crlf = 0
			return buf, true
		}
	}
	return buf, false
}

// measure sets f.length once the header section is there. It starts where it stopped the last time, so that a sender
// of single bytes costs no more than others.
func (f *Framer) measure(buf []byte) (msg []byte, err error) {
	limit := f.Max
	if limit <= 0 {
		limit = defaultMax
	}
	if classes[buf[0]]&tokenByte == 0 {
		return nil, badRequest("stream", errStream)
	}
	from := max(0, min(f.scanned, len(buf))-3)
	end := bytes.Index(buf[from:min(len(buf), limit)], []byte("\r\n\r\n"))
	if end < 0 {
		if len(buf) >= limit {
			return nil, tooLarge("header section")
		}
		f.scanned = len(buf)
		return nil, nil
	}
	section := buf[:from+end+4]
	body, err := contentLength(section)
	if err != nil {
		return section, badRequest(ContentLength.String(), err)
	}
	if len(section)+body > limit {
		return section, tooLarge("message")
	}
	f.length = len(section) + body
	return nil, nil
}

// contentLength reads with the same eyes as Parse: what one takes for the end of a message must be the end for both.
func contentLength(section []byte) (int, error) {
	at := bytes.Index(section, []byte("\r\n")) + 2
	length, err := 0, errNoLength
	for at < len(section)-2 {
		var e entry
		next, lineErr := headerLine(section, at, &e)
		if at = next; lineErr != nil || e.kind != ContentLength {
			continue
		}
		if err == nil {
			return 0, errTwice
		}
		n, ok := number(section[e.from:e.to], maxLength)
		if !ok {
			return 0, errNumber
		}
		length, err = int(n), nil
	}
	return length, err
}

func tooLarge(what string) *Fault {
	return &Fault{Code: 513, Phrase: "Message Too Large", Detail: what + " is larger than allowed here"}
}
