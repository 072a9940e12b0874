// Package answer puts a decision that blocks into words that the other side understands: a status with a phrase for the
// phone, Reason for the PBX, Warning for people. Which status a PBX takes for "stop here" differs from make to make, so
// each has a profile of its own (builtin.go); a configuration may add more (custom.go).
package answer

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// Refusal is a response to a call that does not go out.
type Refusal struct {
	Status  int
	Phrase  string // ASCII: phones print it, and mangle anything else
	Headers string // complete lines
}

// Profile is how one peer is told of decisions.
type Profile struct {
	Name     string
	language string
	hidden   bool // the owner's id stays inside
	prepared map[gate.Reason]prepared

	incomplete prepared // invalid_number, where more digits may make a number of it

	served     code // a feature code, whatever came of it
	causeFirst bool
}

// prepared is a refusal as far as it does not depend on the call.
type prepared struct {
	Refusal
	named bool // phrase or headers hold ownerMark
}

// ownerMark stands in a text where the owner's id belongs.
const ownerMark = "{owner}"

// Refusal puts a decision that blocks into the peer's words. A reason without an answer of its own gets that of
// Undecided: nothing goes out, by no other way either.
func (p *Profile) Refusal(d *gate.Decision) Refusal {
	a, ok := p.prepared[d.Reason]
	if !ok {
		a = p.prepared[gate.Undecided]
	}
	if d.Reason == gate.InvalidNumber && d.Call.Dialled.Incomplete {
		a = p.incomplete
	}
	r := a.Refusal
	if a.named {
		inPhrase, inHeaders := somebody[english], somebody[p.language]
		if owner := string(d.Owner); !p.hidden && showable(owner) {
			inPhrase, inHeaders = owner, owner
		}
		r.Phrase = strings.ReplaceAll(r.Phrase, ownerMark, inPhrase)
		r.Headers = strings.ReplaceAll(r.Headers, ownerMark, inHeaders)
	}
	if seconds := int64((d.RetryAfter + time.Second - 1) / time.Second); seconds > 0 {
		r.Headers += "Retry-After: " + strconv.FormatInt(seconds, 10) + "\r\n"
	}
	return r
}

// maxOwner bounds what a rep's id, which came off the wire once, may add to a colleague's response, in bytes.
const maxOwner = 32

// showable: an id that can stand in a status line and a quoted string as it is. Any other is told as "a colleague".
func showable(owner string) bool {
	outside := func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' || r == '{' }
	return owner != "" && len(owner) <= maxOwner && !strings.ContainsFunc(owner, outside)
}

// prepare writes what does not depend on the call. RFC 3326 allows Reason in a response where its code says so, RFC 6432
// wherever the protocol is Q.850. FreeSWITCH looks at the first Reason only and wants Q.850 there; a phone that prints
// Reason prints the first as well, hence the short text in both.
func (f form) prepare() prepared {
	short, long := quoted(f.short), quoted(f.long)
	q850 := fmt.Sprintf("Reason: Q.850;cause=%d;text=%s\r\n", f.cause, short)
	sip := fmt.Sprintf("Reason: SIP;cause=%d;text=%s\r\n", f.status, short)
	if !f.causeFirst {
		q850, sip = sip, q850
	}
	headers := q850 + sip + "Warning: 399 ringfence " + long + "\r\n"
	if f.card != "" && f.status == rejected {
		headers += "Call-Info: <" + f.card + ">;purpose=jwscard\r\n"
	}
	r := Refusal{Status: f.status, Phrase: f.phrase, Headers: headers}
	return prepared{Refusal: r, named: strings.Contains(r.Phrase+r.Headers, ownerMark)}
}

// form is what a refusal is made of.
type form struct {
	code
	phrase      string // of the status line
	short, long string // of Reason, of Warning
	causeFirst  bool
	card        string // https address of the business card; "" when there is none
}

// quoted is a quoted-string (RFC 3261 §25.1) without anything that could end the line or the string.
func quoted(s string) string {
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '"' || r == '\\' {
			return -1
		}
		return r
	}, s)
	return `"` + clean + `"`
}
