package gate

import "strings"

const (
	maxText   = 256 // longest user part that is looked at, bytes
	maxDigits = 32  // longest string of digits that is looked at; E.164 allows 15 and prefixes come before them
)

// subscriber is a dialled user part taken apart, RFC 3966 §3: the digits and the parameters that change which number
// they mean. Every other parameter (ext, isub, postd, npdi, ...) concerns what lies behind the number and is left out.
type subscriber struct {
	digits  string // digits, with a + before them at most
	context string // phone-context: "+86", a domain, or "" when there is none
	routing string // rn, RFC 4694: the number a gateway further on would route on in place of the digits
}

// global says whether the context is the beginning of an international number, so that no dial plan has a say.
func (s subscriber) global() bool { return strings.HasPrefix(s.context, "+") }

// readSubscriber takes a user part apart. blanks are allowed between digits in lists and commands, never on the wire.
// When it cannot, why says what is wrong.
func readSubscriber(user string, blanks bool) (s subscriber, why string) {
	if len(user) > maxText {
		return s, "it is longer than any telephone number"
	}
	// Split before the escapes are decoded: an escaped semicolon is no separator (RFC 3986 §2.2), just a wrong character.
	number, params, _ := strings.Cut(user, ";")
	if s.digits, why = dialString(number, blanks); why != "" {
		return s, why
	}
	why = s.readParams(params)
	return s, why
}

func (s *subscriber) readParams(params string) (why string) {
	var routingContext string
	for params != "" {
		var param string
		param, params, _ = strings.Cut(params, ";")
		name, value, _ := strings.Cut(param, "=")
		switch strings.ToLower(name) {
		case "phone-context":
			why = setOnce(&s.context, value, readContext)
		case "rn":
			why = setOnce(&s.routing, value, func(v string) (string, string) { return dialString(v, false) })
		case "rn-context":
			why = setOnce(&routingContext, value, readContext)
		case "cic":
			why = "it names a carrier (cic), which the gate does not pass on"
		}
		if why != "" {
			return why
		}
	}
	if strings.HasPrefix(routingContext, "+") && s.routing != "" && s.routing[0] != '+' {
		s.routing = routingContext + s.routing
	}
	return ""
}

// setOnce reads a parameter that may come only once: of two, another reader might believe the other one.
func setOnce(field *string, value string, read func(string) (string, string)) (why string) {
	if *field != "" {
		return "it has the same parameter twice"
	}
	*field, why = read(value)
	return why
}

// readContext reads the value of phone-context: global digits or a domain name.
func readContext(value string) (context, why string) {
	if strings.HasPrefix(value, "+") || strings.HasPrefix(value, "%") {
		context, why = dialString(value, false)
		if why == "" && !strings.HasPrefix(context, "+") {
			why = "its phone-context is neither + and digits nor a domain"
		}
		return context, why
	}
	if value == "" || strings.Trim(strings.ToLower(value), "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" {
		return "", "its phone-context is neither + and digits nor a domain"
	}
	return value, ""
}

// dialString decodes each %XX once, drops the visual separators -.() and refuses all but digits after that, with a +
// before them at most. Anything it let pass here would be guessed at further on.
func dialString(text string, blanks bool) (digits, why string) {
	if len(text) <= maxDigits && isDialString(text) {
		return text, ""
	}
	var buffer [maxDigits]byte
	n := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '%' {
			if i+2 >= len(text) || !isHex(text[i+1]) || !isHex(text[i+2]) {
				return "", "it has a % that is not followed by two hexadecimal digits"
			}
			c = unhex(text[i+1])<<4 | unhex(text[i+2])
			i += 2
		}
		switch {
		case c >= '0' && c <= '9', c == '+' && n == 0:
			if n == maxDigits {
				return "", "it has too many digits"
			}
			buffer[n] = c
			n++
		case c == '-', c == '.', c == '(', c == ')', c == ' ' && blanks:
		default:
			return "", whyNot(c)
		}
	}
	if digits = string(buffer[:n]); !isDialString(digits) {
		return "", "it has no digits"
	}
	return digits, ""
}

// whyNot says why a character cannot stand in a number.
func whyNot(c byte) string {
	switch {
	case c|0x20 >= 'a' && c|0x20 <= 'z':
		return "it has a letter in it"
	case c == '*' || c == '#':
		return "it has * or # in it: a service code, not a number"
	case c == ',':
		return "it has a pause (,) in it"
	case c == '+':
		return "it has a + after its beginning"
	case c == ' ':
		return "it has a blank in it"
	case c >= 0x80:
		return "it has a character in it that is not ASCII, such as a full-width digit"
	default:
		return "it has a character in it that no number has"
	}
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// unhex is the value of a hexadecimal digit; isHex has been asked before.
func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}
