package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
)

// longestAnnouncement is how long an announcement may play before it answers or ends: early media has no other end.
const longestAnnouncement = 30 * time.Second

// Announcement is what a blocked caller hears: an extension of a PBX, or a media server (RFC 4240 §3). The gate itself
// handles no media; it only sends the INVITE there.
type Announcement struct {
	Target
	Template string // URI with {reason} and {language} in it
	Language string // en, zh
}

// uri is the announcement about one reason, or one result of a feature code.
func (a *Announcement) uri(why fmt.Stringer) []byte {
	return []byte(strings.NewReplacer("{reason}", why.String(), "{language}", a.Language).Replace(a.Template))
}

// ParseAnnouncement reads a template and returns the URI of one announcement, which names the same host as all others.
func ParseAnnouncement(template string) (message.URI, error) {
	a := Announcement{Template: template, Language: "en"}
	u, err := message.ParseURI(a.uri(gate.Owned))
	switch {
	case bytes.ContainsAny(a.uri(gate.Owned), "{}"):
		return u, fmt.Errorf("%q: only {reason} and {language} can be filled in", template)
	case err != nil || u.Scheme != "sip" || len(u.User) == 0:
		return u, fmt.Errorf("%q is not of the form sip:USER@HOST:PORT, with {reason} and {language} where they belong", template)
	case len(u.Headers) > 0:
		return u, errors.New("an announcement's URI has no headers (the part after ?)")
	case protocolOf(u) == 0:
		return u, fmt.Errorf("%q: transport is udp, tcp or tls", template)
	}
	a.Language = "zh"
	other, err := message.ParseURI(a.uri(gate.DNC))
	if err != nil || !bytes.Equal(u.Host, other.Host) || u.Port != other.Port || protocolOf(u) != protocolOf(other) {
		return u, fmt.Errorf("%q: host, port and transport must be written out, since they are looked up at the start", template)
	}
	return u, nil
}

// block answers a call that may not go out (d says Block): with an announcement where the peer has one, else with the refusal itself.
// The rep's phone may be sent the reason as text besides.
func (p *Proxy) block(rc *responseContext, d *gate.Decision) {
	if rc.peer.Notify && !d.Repeated {
		words := rc.peer.Profile.refusal(d)
		p.notify(rc, d.Call.Rep, words.text())
	}
	if rc.announces() {
		rc.decision = d
	}
	p.say(rc, rc.peer.refusal(d), d.Reason)
}

// announces: the caller hears what is to be said.
func (rc *responseContext) announces() bool {
	return rc.peer.Announcement != nil && rc.peer.Mode.Carries() && rc.m != nil
}

// say ends a request with words, which the caller hears before where it can.
func (p *Proxy) say(rc *responseContext, words refusal, why fmt.Stringer) {
	if !rc.announces() {
		rc.answer(words)
		return
	}
	rc.announced = &words
	rc.groups = [][]outbound{{p.toAnnouncement(rc, &words, why)}}
	rc.forward()
}

// toAnnouncement is the caller's INVITE as the announcement gets it: the reason in the user part and in two headers
// (RFC 3326, and one for dial plans), in place of any of these names that the caller wrote. What was dialled is left in
// To, which no proxy may change (RFC 3261 §16.6), and is added nowhere.
func (p *Proxy) toAnnouncement(rc *responseContext, words *refusal, why fmt.Stringer) outbound {
	a := rc.peer.Announcement
	return outbound{
		uri: a.uri(why), at: &a.Target, record: true, announces: true,
		extra: told(words.Status, words.text(), why),
		strip: &rc.peer.strip,
	}
}

// unheard ends a call whose announcement did not answer, or has ended: the caller gets the refusal that it was about.
func (rc *responseContext) unheard() {
	if rc.cancelled {
		rc.answer(refusal{Status: 487, Phrase: "Request Terminated"})
		return
	}
	rc.answer(*rc.announced)
}

// patience is how long a branch may ring: Timer C, and for an announcement no longer than anybody listens. Before the
// first word of it, not longer than a trunk may stay silent.
func (rc *responseContext) patience(heard bool) time.Duration {
	switch t := &rc.p.Timers; {
	case rc.announced == nil:
		return t.C
	case heard:
		return min(longestAnnouncement, t.C)
	default:
		return min(t.NoAnswer, t.C)
	}
}
