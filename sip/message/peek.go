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
