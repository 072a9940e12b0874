package message

import "bytes"

// Peek is the method of the request that raw begins with, for a look before anything else is read; "" when raw begins
// with a response or with something else. It promises nothing: Parse alone says whether raw is a message.
func Peek(raw []byte) string {
	const longest = len("SUBSCRIBE")
	i := bytes.IndexByte(raw[:min(len(raw), longest+1)], ' ')
	if i < 0 {
		return ""
	}
	for _, known := range &methods {
		if string(raw[:i]) == known {
			return known
		}
	}
	return ""
}

// PeekNew is the Request-URI of a request that raw begins with, as long as it is certain that raw belongs to no dialog:
// that its To has no tag. Where that takes more than a look, ok is false, and Parse has to say.
func PeekNew(raw []byte) (uri []byte, ok bool) {
	line, rest, _ := bytes.Cut(raw, lineBreak)
	_, line, _ = bytes.Cut(line, space)
	uri, _, ok = bytes.Cut(line, space)
	for ok && len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, lineBreak)
		if len(line) == 0 {
			return nil, false
		}
		name, value, _ := bytes.Cut(line, colon)
		if name = bytes.TrimRight(name, " \t"); !bytes.EqualFold(name, toName) && !bytes.EqualFold(name, toName[:1]) {
			continue
		}
		folded := len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t')
		return uri, !folded && !mentionsTag(value)
	}
	return nil, false
}

var lineBreak, space, colon, toName = []byte("\r\n"), []byte(" "), []byte(":"), []byte("To")

// mentionsTag says whether "tag" stands anywhere in b, a name or a user of that spelling included.
func mentionsTag(b []byte) bool {
	for i := 0; i+len("tag") <= len(b); i++ {
		if b[i]|0x20 == 't' && b[i+1]|0x20 == 'a' && b[i+2]|0x20 == 'g' {
			return true
		}
	}
	return false
}
