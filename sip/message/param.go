package message

// Param finds a parameter by its name, in any case, among params as URI and NameAddr hold them: without the leading
// semicolon, divided by semicolons outside quotes. The value of a quoted one comes without its quotes and with its
// escapes; a parameter without a value gives nil and true. Of several with one name the first counts.
func Param(params []byte, name string) (value []byte, ok bool) {
	c := cursor{b: params}
	c.lws()
	for !c.done() {
		p, err := c.param()
		if err != nil {
			return nil, false
		}
		if equalFold(p.name, name) {
			return p.value, true
		}
		if !c.separator(';') {
			return nil, false
		}
	}
	return nil, false
}

// params reads everything up to the end as ";" parameters and returns them without the first semicolon.
func (c *cursor) params() ([]byte, error) {
	var list Span
	for first := true; ; first = false {
		if !c.separator(';') {
			break
		}
		if first {
			list.Start = c.i
		}
		if _, err := c.param(); err != nil {
			return nil, err
		}
		list.End = c.i
	}
	if c.lws(); !c.done() {
		return nil, errTail
	}
	if list.Empty() {
		return nil, nil
	}
	return c.b[list.Start:list.End:list.End], nil
}

// tagOf is the tag among a From's or To's params, nil when there is none. A second or an empty one is a fault: readers
// differ on which of two counts.
func tagOf(params []byte) (tag []byte, err error) {
	c := cursor{b: params}
	for !c.done() {
		p, err := c.param()
		if err != nil {
			return nil, err
		}
		if equalFold(p.name, "tag") {
			if tag != nil || len(p.value) == 0 || p.quoted || !all(p.value, tokenByte) {
				return nil, errTag
			}
			tag = p.value
		}
		if !c.separator(';') {
			break
		}
	}
	return tag, nil
}
