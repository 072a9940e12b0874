package phone

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Outcome is what became of a call, as its caller saw it.
type Outcome struct {
	CallID     string
	Status     int           // of the final response
	Phrase     string        // as it came on the wire
	Reason     string        // text of the Reason header (RFC 3326), or the whole header when it has none
	Warning    string        // the Warning header, whole
	RetryAfter time.Duration // 0: the answer did not say
	Rang       bool          // a provisional response above 100 came first
	AnsweredBy string        // who picked up: name or user of the answer's Contact
	SetUp      time.Duration // from the INVITE to its final response
	Talk       time.Duration // from the answer to the end; 0 while the call is up
}

// Answered says whether somebody picked up.
func (o *Outcome) Answered() bool { return o.Status/100 == 2 }

var reasonText = regexp.MustCompile(`(?i);\s*text\s*=\s*"((?:[^"\\]|\\.)*)"`)

// read takes from a final response what the caller's display would show.
func (o *Outcome) read(res *sip.Response) {
	o.Status, o.Phrase = res.StatusCode, res.Reason
	o.Reason = value(res, "Reason")
	if m := reasonText.FindStringSubmatch(o.Reason); m != nil {
		o.Reason = unquote(m[1])
	}
	o.Warning = value(res, "Warning")
	// RFC 3261 §20.33: delta-seconds, perhaps followed by a comment or parameters.
	digits := strings.TrimSpace(value(res, "Retry-After"))
	if i := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		digits = digits[:i]
	}
	if s, err := strconv.ParseUint(digits, 10, 31); err == nil {
		o.RetryAfter = time.Duration(s) * time.Second
	}
	if c := res.Contact(); c != nil && o.Answered() {
		if o.AnsweredBy = unquote(c.DisplayName); o.AnsweredBy == "" {
			o.AnsweredBy = c.Address.User
		}
	}
}

// value is the first header of that name, "" when there is none.
func value(m sip.Message, name string) string {
	if all := m.GetHeaders(name); len(all) > 0 {
		return all[0].Value()
	}
	return ""
}

// unquote undoes the quoted pairs of a quoted string, RFC 3261 §25.1.
func unquote(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	escaped := false
	for _, r := range s {
		if r == '\\' && !escaped {
			escaped = true
			continue
		}
		escaped = false
		b.WriteRune(r)
	}
	return b.String()
}
