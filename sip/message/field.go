package message

// The values of the single headers.

// via reads the elements of a Via header, and keeps the topmost of the message. Those below are looked at because each is
// the topmost for somebody on the way back: an answer that cannot be passed on is better refused here.
func (p *parser) via(value Span) error {
	for rest, more := value, true; more; {
		var e Span
		e, rest, more = cutElement(p.Raw, rest)
		if e.Empty() && p.Vias > 0 {
			return errElement
		}
		v, err := parseVia(p.Raw, e)
		if p.Vias++; p.Vias == 1 {
			p.Via = v
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// addressTag reads a From or To. Its tag is part of what names a dialog, so it must be clear.
func addressTag(value []byte) ([]byte, error) {
	n, err := ParseNameAddr(value)
	if err != nil {
		return nil, err
	}
	return tagOf(n.Params)
}

// callID is a word, or two with "@" between (RFC 3261 §25.1). Whatever is printable and has no blank is taken: it is
// only ever compared.
func callID(value []byte) ([]byte, error) {
	if len(value) == 0 {
		return nil, errEmpty
	}
	for _, c := range value {
		if c <= ' ' || c >= 0x7f {
			return nil, errBlank
		}
	}
	return value, nil
}

// cseq is a number below 2^31 and a method (RFC 3261 §8.1.1.5). The method is kept even if the number is too large,
// so that the request can be answered.
func (p *parser) cseq(value []byte) error {
	c := cursor{b: value}
	digits := c.run(tokenByte)
	blank := c.lws()
	method := c.run(tokenByte)
	if !blank || len(method) == 0 || !c.done() || !allDigits(digits) {
		return errCSeq
	}
	if p.CSeqMethod = p.Method; string(method) != p.Method {
		p.CSeqMethod = methodName(method)
	}
	n, ok := number(digits, 1<<31-1)
	if !ok {
		return errNumber
	}
	p.CSeq = uint32(n)
	return nil
}

func maxForwards(value []byte) (int, error) {
	n, ok := number(value, 255)
	if !ok {
		return -1, errNumber
	}
	return int(n), nil
}

func maxBreadth(value []byte) (int, error) {
	n, ok := number(value, 1<<31-1)
	if !ok {
		return -1, errNumber
	}
	return int(n), nil
}

// addresses looks at the elements of a Route, Record-Route or Contact of a request: each must hold a URI. In a
// response they are the callee's and none of our business; a call must not fail because of them.
func (p *parser) addresses(e *entry) error {
	if !p.Request || e.kind == Contact && string(p.Bytes(e.valueSpan())) == "*" {
		return nil
	}
	for rest, more := e.valueSpan(), true; more; {
		var s Span
		s, rest, more = cutElement(p.Raw, rest)
		if s.Empty() {
			return errElement
		}
		if _, err := ParseNameAddr(p.Bytes(s)); err != nil {
			return err
		}
	}
	return nil
}
