package gate

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Normaliser reads what was dialled, and what stands in lists and commands, into one canonical number each. It is the
// only maker of Numbers, and safe for concurrent use.
type Normaliser struct {
	region    string
	emergency map[string]bool
	extension *regexp.Regexp // nil: there are no extensions
	home      homePlan
	codes     []dialledCode // see WithCodes
}

// NewNormaliser builds a normaliser for a region (ISO 3166), its exact emergency numbers and the pattern of internal
// numbers ("" for none). All mistakes come joined, named by the key of the configuration they come from.
func NewNormaliser(region string, emergency []string, extension string) (*Normaliser, error) {
	z := &Normaliser{region: region, emergency: make(map[string]bool, len(emergency))}
	var mistakes []error
	if !phonenumbers.GetSupportedRegions()[region] {
		mistakes = append(mistakes, fmt.Errorf("region: %q is not a region with telephone numbers; write its ISO 3166 code in capitals, such as US or CN", clip(region)))
	} else {
		z.home = newHomePlan(region)
	}
	if len(emergency) == 0 {
		mistakes = append(mistakes, errors.New("rules.emergency: the list is empty; name at least one number, or leave the key out for the region's own"))
	}
	for _, number := range emergency {
		if len(number) < 2 || len(number) > 8 || !isDialString(number) || number[0] == '+' {
			mistakes = append(mistakes, fmt.Errorf("rules.emergency: %q is not an emergency number; allowed are 2 to 8 digits", clip(number)))
		}
		z.emergency[number] = true
	}
	if extension != "" {
		var err error
		if z.extension, err = z.compileExtension(extension); err != nil {
			mistakes = append(mistakes, fmt.Errorf("sip.extensions.pattern: %w", err))
		}
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	return z, nil
}

// WithCodes is z with feature codes, or what is wrong with these. extension is the pattern of internal numbers.
func (z *Normaliser) WithCodes(c Codes, extension string) (*Normaliser, error) {
	if err := c.validate(extension); err != nil {
		return nil, err
	}
	with := *z
	with.codes = c.given()
	return &with, nil
}

// compileExtension anchors the pattern and refuses one that takes outside numbers for extensions: those would pass
// without a decision.
func (z *Normaliser) compileExtension(pattern string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, fmt.Errorf("%q is not a regular expression: %w", clip(pattern), err)
	}
	anchored, err := regexp.Compile(`^(?:` + pattern + `)$`)
	if err != nil {
		return nil, fmt.Errorf("%q is not a regular expression: %w", clip(pattern), err)
	}
	for _, example := range z.home.examples {
		if anchored.MatchString(example) {
			return nil, fmt.Errorf("%q fits outside numbers such as %s too, which would pass undecided; make it exact, such as ^[2-8][0-9]{2,3}$",
				clip(pattern), example)
		}
	}
	return anchored, nil
}

// Read reads a Request-URI: its scheme (sip, sips, tel, urn) and its user part, still escaped and with its parameters;
// for tel and urn everything after the colon. The order is: emergency as dialled, dial plan, emergency, extension,
// number, feature code.
func (z *Normaliser) Read(scheme, user string, plan Dialplan) Dialled {
	text := user
	if len(text) > maxText {
		text = text[:maxText]
	}
	switch {
	case strings.EqualFold(scheme, "urn"):
		return readURN(text, user)
	case dialling(scheme):
		s, why := readSubscriber(user, false)
		if why == "" {
			return z.read(text, s, plan)
		}
		if d, ok := z.readCode(user, plan); ok {
			return d
		}
		return Dialled{Text: text, Why: why}
	default:
		return Dialled{Text: text, Why: "its URI scheme is none of sip, sips, tel and urn:service:sos"}
	}
}

// readURN knows urn:service:sos and what stands below it, such as sos.police (RFC 5031 §4.2). Case does not matter. What
// is below goes on only as far as it is words: a digit in it could be a number that is to be rung undecided. The rest is
// left out, which asks for the parent service.
func readURN(text, urn string) Dialled {
	const sos = "service:sos"
	if len(urn) < len(sos) || len(urn) > maxText || !strings.EqualFold(urn[:len(sos)], sos) {
		return Dialled{Text: text, Why: whyNoURN}
	}
	service, below := sos, strings.ToLower(urn[len(sos):])
	if below != "" && below[0] != '.' {
		return Dialled{Text: text, Why: whyNoURN}
	}
	for label := range strings.SplitSeq(strings.TrimPrefix(below, "."), ".") {
		if label == "" || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz-") != "" {
			break
		}
		service += "." + label
	}
	return Dialled{Kind: EmergencyCall, Text: text, Local: "urn:" + service}
}

const whyNoURN = "it is a URN other than urn:service:sos"

// dialling: URIs of this scheme hold what was dialled.
func dialling(scheme string) bool {
	return strings.EqualFold(scheme, "sip") || strings.EqualFold(scheme, "sips") || strings.EqualFold(scheme, "tel")
}

// Emergency says whether Read would read it as an emergency call. It looks no further, so that it costs next to nothing.
func (z *Normaliser) Emergency(scheme, user string, plan Dialplan) bool {
	switch {
	case strings.EqualFold(scheme, "urn"):
		return readURN("", user).Kind == EmergencyCall
	case !dialling(scheme):
		return false
	}
	s, why := readSubscriber(user, false)
	return why == "" && (z.emergency[s.digits] || z.emergency[s.planned(plan)])
}

// planned is what the dial plan makes of a number that was not dialled in global form.
func (s subscriber) planned(plan Dialplan) string {
	switch {
	case s.digits[0] != '+' && s.global():
		return s.context + s.digits
	case !s.global():
		return plan.apply(s.digits)
	}
	return s.digits
}

func (z *Normaliser) read(text string, s subscriber, plan Dialplan) Dialled {
	d := Dialled{Text: text}
	if z.emergency[s.digits] {
		d.Kind, d.Local = EmergencyCall, s.digits
		return d
	}
	digits := s.planned(plan)
	switch {
	case !isDialString(digits):
		d.Why = "the dial plan leaves no digits of it"
	case z.emergency[digits]:
		d.Kind, d.Local = EmergencyCall, digits
	case s.routing == "" && z.FitsExtension(digits):
		d.Kind, d.Local = Extension, digits
	default:
		d.Number, d.Why = z.readNumber(digits, s.routing)
		d.Incomplete = d.Why == tooFew || d.Why == arealess
		if d.Why == "" {
			d.Kind = External
		}
	}
	return d
}

// readNumber reads an outside number. A routing number (rn) that means another one would be what a gateway further on
// rings, so both must agree.
func (z *Normaliser) readNumber(digits, routing string) (n Number, why string) {
	if n, why = z.e164(digits); why != "" || routing == "" {
		return n, why
	}
	if routed, _ := z.e164(routing); routed != n {
		return "", "it carries another number for routing (rn)"
	}
	return n, ""
}

// Number reads a line of a list or an argument of a command by the same rules, without a dial plan and with blanks
// allowed. Emergency numbers and extensions are errors here: no list may hold them.
func (z *Normaliser) Number(text string) (Number, error) {
	line := strings.TrimSpace(text)
	if len(line) > 4 && strings.EqualFold(line[:4], "tel:") {
		line = line[4:]
	}
	s, why := readSubscriber(line, true)
	if why == "" {
		switch d := z.read("", s, nil); d.Kind {
		case External:
			return d.Number, nil
		case EmergencyCall:
			why = "it is an emergency number, which is never decided on"
		case Extension:
			why = "it is an extension, which is never decided on"
		default:
			why = d.Why
		}
	}
	return "", fmt.Errorf("%q is not a telephone number: %s; write it like +12125550100", Mask(clip(line)), why)
}

// FitsExtension says whether digits are an internal number: then a rep of that id can be rung there.
func (z *Normaliser) FitsExtension(digits string) bool {
	return z.extension != nil && isDialString(digits) && digits[0] != '+' && z.extension.MatchString(digits)
}
