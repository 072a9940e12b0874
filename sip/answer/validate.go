package answer

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of what a configuration may put into a response, in bytes.
const (
	maxPhrase = 64
	maxText   = 256
)

// withMeaning are statuses that tell a caller's SIP stack to do something, or mean something else than a refusal: a
// challenge, a wish for another header, a transaction that went wrong. 607 says that the called person complained.
var withMeaning = []int{401, 407, 408, 420, 421, 422, 423, 424, 428, 429, 436, 437, 438, 439, 440, 469, 481, 482, 483, 487, 489, 491, 494, 607}

var profileName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// mistakes collects errors under their keys.
type mistakes []error

func (m *mistakes) wrong(key, format string, args ...any) {
	*m = append(*m, fmt.Errorf("%s: "+format, append([]any{key}, args...)...))
}

// Validate names every mistake in the custom profiles by its key under sip.answers.
func (p Profiles) Validate() error {
	var m mistakes
	for _, name := range slices.Sorted(maps.Keys(p.Custom)) {
		c := p.Custom[name]
		key := "sip.answers." + name
		if _, taken := builtin[name]; taken || !profileName.MatchString(name) {
			m.wrong(key, "a profile needs a name of its own: lower-case letters, digits, - and _, and none of %s", strings.Join(Names(), ", "))
		}
		c.validate(key, &m)
	}
	return errors.Join(m...)
}

func (c *Custom) validate(key string, m *mistakes) {
	if _, ok := builtin[c.BasedOn]; !ok && c.BasedOn != "" {
		m.wrong(key+".based_on", "unknown profile %q: use one of %s", c.BasedOn, strings.Join(Names(), ", "))
	}
	if c.Owner != "" && c.Owner != ownerShown && c.Owner != ownerHidden {
		m.wrong(key+".owner", "%q is neither shown nor hidden", c.Owner)
	}
	if c.Language != "" && c.Language != english && c.Language != chinese {
		m.wrong(key+".language", "%q is not known; write en or zh", c.Language)
	}
	overrides := c.overrides()
	for _, reason := range slices.Sorted(maps.Keys(overrides)) {
		overrides[reason].validate(key+"."+reason.String(), m)
	}
	c.Codes.validate(key+".codes", m)
	if c.Codes.Phrase != "" || c.Codes.Text != "" {
		m.wrong(key+".codes", "what is said of a feature code is what came of it; give a status and a cause only")
	}
}

func (o Override) validate(key string, m *mistakes) {
	if o.Status != 0 && (o.Status < 400 || o.Status > 699 || slices.Contains(withMeaning, o.Status)) {
		m.wrong(key+".status", "%d is no refusal; write 400 to 699, such as 403, 480, 486, 600 or 603, and none that asks the caller's software for something (401, 407, 42x, 48x but 480, 484 to 486 and 488) or speaks for the called person (607)", o.Status)
	}
	if o.Cause < 0 || o.Cause > 127 {
		m.wrong(key+".cause", "%d is no Q.850 cause; write 1 to 127, such as 17 (busy) or 21 (rejected)", o.Cause)
	}
	if len(o.Phrase) > maxPhrase || strings.ContainsFunc(o.Phrase, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
		m.wrong(key+".phrase", "write at most %d characters of ASCII: phones mangle others; what is Chinese belongs into text", maxPhrase)
	}
	if len(o.Text) > maxText || !utf8.ValidString(o.Text) || strings.ContainsFunc(o.Text, func(r rune) bool { return !unicode.IsPrint(r) || r == '"' || r == '\\' }) {
		m.wrong(key+".text", `write at most %d bytes of one line, without " and \`, maxText)
	}
}
