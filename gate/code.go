package gate

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Code is what a rep asks for by a feature code, from the phone alone.
type Code uint8

// The codes.
const (
	NoCode      Code = iota
	CodeOwner        // who owns the number?
	CodeClaim        // it is to be mine
	CodeRelease      // it is to be mine no longer
	CodeRefused      // the customer said no; for so many days
	CodeRequest      // I ask whoever owns it for access
	CodePass         // I use the pass that I was given, with its PIN
	codeCount
)

var codeNames = [codeCount]string{"none", "owner", "claim", "release", "refused", "request", "pass"}

func (c Code) String() string { return nameOf(codeNames[:], uint8(c), "code") }

// MarshalText writes the name.
func (c Code) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// AllCodes lists every code, in the order of the constants.
func AllCodes() []Code {
	all := make([]Code, 0, codeCount-1)
	for c := NoCode + 1; c < codeCount; c++ {
		all = append(all, c)
	}
	return all
}

// Codes are the keys under sip.codes: what is dialled before a number. Each is off unless it is given.
type Codes struct {
	Owner   string `yaml:"owner"`   // off; such as "*81": who owns it?
	Claim   string `yaml:"claim"`   // off; such as "*82": claim it
	Release string `yaml:"release"` // off; such as "*83": release it to the pool
	Refused string `yaml:"refused"` // off; such as "*84": its customer said no, "*84*90*NUMBER" for 90 days
	Request string `yaml:"request"` // off; such as "*85": ask the owner for access
	Pass    string `yaml:"pass"`    // off; such as "*86": use a pass, "*86*PIN*NUMBER"
}

// dialledCode is one code as it is dialled.
type dialledCode struct {
	code Code
	text string
}

// given are the codes that are on.
func (c Codes) given() []dialledCode {
	var all []dialledCode
	for i, text := range []string{c.Owner, c.Claim, c.Release, c.Refused, c.Request, c.Pass} {
		if text != "" {
			all = append(all, dialledCode{Code(i + 1), text})
		}
	}
	return all
}

// codeForm begins with what no number, extension, emergency number or prefix of a dial plan can begin with, so that
// nothing that was one of these is ever taken for a code, nor a code for one of these.
var codeForm = regexp.MustCompile(`^[*#]{1,2}[0-9]{1,4}$`)

// validate names each mistake by its key. A pattern of extensions that fits a code, too, means that whoever wrote it has
// such a code ring at the PBX.
func (c Codes) validate(extension string) error {
	var mistakes []error
	wrong := func(code Code, format string, args ...any) {
		mistakes = append(mistakes, fmt.Errorf("sip.codes.%s: "+format, append([]any{code}, args...)...))
	}
	pattern, err := regexp.Compile(`^(?:` + extension + `)$`)
	if err != nil || extension == "" {
		pattern = nil // a wrong pattern is named by its own key
	}
	all := c.given()
	for i, one := range all {
		if !codeForm.MatchString(one.text) {
			wrong(one.code, `%q is no feature code; write * or # and 1 to 4 digits, such as "*81"`, clip(one.text))
			continue
		}
		if pattern != nil && (pattern.MatchString(one.text) || pattern.MatchString(one.text+"2125550100")) {
			wrong(one.code, "%q fits sip.extensions.pattern too; the gate keeps a code to itself and would never ring it there: make the pattern exact", one.text)
		}
		for _, other := range all[:i] {
			if strings.HasPrefix(one.text, other.text) || strings.HasPrefix(other.text, one.text) {
				wrong(one.code, "%q and sip.codes.%s (%q) begin alike, so that nobody can tell which was dialled; choose others", one.text, other.code, other.text)
			}
		}
	}
	return errors.Join(mistakes...)
}

// Longest code with its argument, number and separators, in characters.
const maxCoded = 4 + 2 + 1 + maxArgument + 1 + maxDigits + 2

// maxArgument bounds what stands between a code and its number: days, or a PIN.
const maxArgument = 8

// readCode reads CODE NUMBER, CODE*NUMBER and CODE*ARGUMENT*NUMBER, with a # at the end or without: some phones send the
// one that they were told to dial with. ok is false when it begins with no code. It is only asked about what is no number.
//
// Text is the code alone: what follows may be a PIN, and belongs in no record.
func (z *Normaliser) readCode(user string, plan Dialplan) (d Dialled, ok bool) {
	if len(z.codes) == 0 {
		return d, false
	}
	number, params, _ := strings.Cut(user, ";")
	dialled, why := codeString(number)
	for _, c := range z.codes {
		rest, begins := strings.CutPrefix(dialled, c.text)
		if !begins {
			continue
		}
		d = Dialled{Kind: FeatureCode, Code: c.code, Text: c.text}
		if d.Why = why; why == "" {
			z.readCoded(&d, rest, params, plan)
		}
		return d, true
	}
	return d, false
}

// readCoded reads what was dialled after a code.
func (z *Normaliser) readCoded(d *Dialled, rest, params string, plan Dialplan) {
	rest = strings.TrimSuffix(rest, "#")
	number, starred := strings.CutPrefix(rest, "*")
	if argument, after, both := strings.Cut(number, "*"); both && starred {
		d.Argument, number = argument, after
		if d.Why = whyNoArgument(d.Code, argument); d.Why != "" {
			return
		}
	}
	if number == "" {
		d.Why, d.Incomplete = "no number follows the code", true
		return
	}
	s := subscriber{}
	if s.digits, d.Why = dialString(number, false); d.Why == "" {
		d.Why = s.readParams(params)
	}
	if d.Why != "" {
		return
	}
	switch r := z.read("", s, plan); r.Kind {
	case External:
		d.Number = r.Number
	case EmergencyCall:
		d.Why = "an emergency number is dialled by itself, without a code"
	case Extension:
		d.Why = "an extension is no customer"
	default:
		d.Why, d.Incomplete = r.Why, r.Incomplete
	}
}

func whyNoArgument(c Code, argument string) (why string) {
	switch {
	case c != CodeRefused && c != CodePass:
		return "nothing but a number belongs after this code"
	case argument == "" || len(argument) > maxArgument || strings.Trim(argument, "0123456789") != "":
		return "what stands between the code and the number must be 1 to 8 digits"
	}
	return ""
}

// codeString is dialString for codes: * and # stay. What comes with a why is as far as it could be read, since that far it
// may be a code whose PIN nobody is to see.
func codeString(text string) (dialled, why string) {
	b := make([]byte, 0, maxCoded)
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '%' {
			if i+2 >= len(text) || !isHex(text[i+1]) || !isHex(text[i+2]) {
				return string(b), "it has a % that is not followed by two hexadecimal digits"
			}
			c = unhex(text[i+1])<<4 | unhex(text[i+2])
			i += 2
		}
		switch {
		case c >= '0' && c <= '9', c == '+', c == '*', c == '#':
			if len(b) == maxCoded {
				return string(b), "it has too many digits"
			}
			b = append(b, c)
		case c == '-', c == '.', c == '(', c == ')':
		default:
			return string(b), whyNot(c)
		}
	}
	return string(b), ""
}
