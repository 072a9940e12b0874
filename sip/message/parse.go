package message

import "errors"

// parser is a Message while it is read, and the first thing found wrong with it. Reading goes on behind a fault, since
// a request is answered when enough of it can be read.
type parser struct {
	*Message
	fault *Fault
	seen  uint64 // bit per Kind
}

// Parse reads one message that fills raw, and takes raw over. A body longer than Content-Length is cut off; without
// Content-Length the body reaches to the end, as in a datagram (RFC 3261 §18.3).
//
// The error is a *Fault. With it comes the message when it is a request that can be answered: it is no ACK, and its
// topmost Via names a host, so that a sender can tell which request was refused (RFC 4475 §3.3.1 wants that even where
// From, To, Call-ID or CSeq is missing). Such a message is good for AppendAnswer and for nothing else.
func Parse(raw []byte) (*Message, error) {
	if len(raw) > maxLength {
		return nil, tooLarge("message")
	}
	p := parser{Message: &Message{Raw: raw, MaxForwards: -1, MaxBreadth: -1}}
	p.headers = make([]entry, 0, usualHeaders)
	if !p.startLine() {
		return nil, p.fault
	}
	p.headerSection()
	p.mandatory()
	p.body()
	if p.fault == nil {
		return p.Message, nil
	}
	if p.answerable() {
		return p.Message, p.fault
	}
	return nil, p.fault
}

// fail keeps the first fault, and returns false for its callers to return.
func (p *parser) fail(where string, what error) bool {
	if p.fault == nil {
		p.fault = badRequest(where, what)
	}
	return false
}

// headerSection indexes the headers up to the empty line and types the few that matter.
func (p *parser) headerSection() {
	at := p.start
	for {
		if at+1 < len(p.Raw) && p.Raw[at] == '\r' && p.Raw[at+1] == '\n' {
			p.end, p.Body = at, Span{at + 2, len(p.Raw)}
			return
		}
		n := len(p.headers)
		p.headers = append(p.headers, entry{})
		next, err := headerLine(p.Raw, at, &p.headers[n])
		if err != nil {
			p.fail("header section", err)
			p.headers = p.headers[:n]
		} else {
			p.typed(&p.headers[n])
		}
		if errors.Is(err, errUnended) {
			p.end, p.Body = at, Span{next, next}
			return
		}
		at = next
	}
}

// once are the kinds that must not stand twice: readers differ on which of two counts.
const once = 1<<From | 1<<To | 1<<CallID | 1<<CSeq | 1<<MaxForwards | 1<<MaxBreadth | 1<<ContentLength | 1<<ContentType |
	1<<Expires | 1<<ReferredBy | 1<<Replaces | 1<<SessionExpires

// typed reads the value of one header.
func (p *parser) typed(e *entry) {
	bit := uint64(1) << e.kind
	if p.seen&bit&once != 0 {
		p.fail(e.kind.String(), errTwice)
		return
	}
	p.seen |= bit
	value := p.Bytes(e.valueSpan())
	var err error
	switch e.kind {
	case Via:
		err = p.via(e.valueSpan())
	case From:
		p.FromTag, err = addressTag(value)
	case To:
		p.ToTag, err = addressTag(value)
	case CallID:
		p.CallID, err = callID(value)
	case CSeq:
		err = p.cseq(value)
	case MaxForwards:
		p.MaxForwards, err = maxForwards(value)
	case MaxBreadth:
		p.MaxBreadth, err = maxBreadth(value)
	case Route, RecordRoute, Contact:
		err = p.addresses(e)
	}
	if err != nil {
		p.fail(e.kind.String(), err)
	}
}

// mandatory looks for what RFC 3261 §8.1.1 wants in every message. Max-Forwards may be missing (§16.3): older phones
// leave it out, and we add it.
func (p *parser) mandatory() {
	for _, k := range [...]Kind{Via, From, To, CallID, CSeq} {
		if p.seen&(1<<k) == 0 {
			p.fail(k.String(), errMissing)
		}
	}
	if !p.Request {
		p.Method = p.CSeqMethod
	} else if p.CSeqMethod != "" && p.CSeqMethod != p.Method {
		p.fail(CSeq.String(), errCSeqMethod)
	}
}

// body fits the body to Content-Length.
func (p *parser) body() {
	value, ok := p.Get(ContentLength)
	if !ok {
		return
	}
	n, ok := number(value, maxLength)
	switch {
	case !ok:
		p.fail(ContentLength.String(), errNumber)
	case int(n) > p.Body.End-p.Body.Start:
		p.fail(ContentLength.String(), errShort)
	default:
		p.Body.End = p.Body.Start + int(n)
		p.Raw = p.Raw[:p.Body.End]
	}
}

// maxLength is more than any message may have: it keeps offsets and the arithmetic of lengths far from overflow.
const maxLength = 1 << 30

// answerable says whether an answer would be recognised, by its Via. An ACK is never answered.
func (p *parser) answerable() bool {
	return p.Request && p.Method != "ACK" && len(p.Via.Host) > 0
}
