package proxy

import (
	"strconv"
	"strings"
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transaction"
)

// refusal is a response of the proxy's own; refuse is the only place that writes one on the wire.
type refusal struct {
	Status  int
	Phrase  string
	Headers string // complete lines
}

func (p *Proxy) refuse(tx *transaction.Server, r refusal) {
	if tx.Finished() {
		return
	}
	method := tx.Request.Method
	tx.Answer(message.Answer{Status: r.Status, Phrase: r.Phrase, Headers: []byte(r.Headers)})
	p.Metrics.Response(method, r.Status)
}

// Profile is how a peer is told of a decision: each reason's status, and the texts in its language.
type Profile struct {
	Name  string
	texts map[gate.Reason]text
}

// text is what a refusal says. Owner stands for who owns the number.
type text struct {
	status int
	phrase string // ASCII: phones print it, and mangle anything else
	local  string // the same for Warning and Reason in the configured language
}

// ownerMark stands in a text where the owner's id belongs.
const ownerMark = "{owner}"

// statuses of the profile phone. A 4xx that no phone retries; 603 would do in a PBX what no caller wants (it ends the
// route search of some and not of others), 486 would lie.
var phone = map[gate.Reason]text{
	gate.DNC:           {403, "On do-not-call list", "号码在免打扰名单上"},
	gate.Refused:       {403, "Customer asked not to be called", "客户已拒绝来电"},
	gate.Owned:         {403, "Customer of " + ownerMark, "客户属于 " + ownerMark},
	gate.InFlight:      {403, ownerMark + " is calling this number now", ownerMark + " 正在拨打该号码"},
	gate.Frequency:     {403, "Called too often", "拨打过于频繁"},
	gate.Hours:         {403, "Outside calling hours", "不在允许拨打的时段"},
	gate.Territory:     {403, "Outside your territory", "不在您的区域内"},
	gate.Quota:         {403, "Quota used up", "配额已用完"},
	gate.InvalidNumber: {404, "Not a number that can be called", "无法识别的号码"},
	gate.UnknownRep:    {403, "Unknown caller", "未知的主叫"},
	gate.RegistryDown:  {503, "Registry unavailable, try again", "登记系统暂不可用，请稍后再试"},
}

// NewProfile finds a profile by its name in the configuration, for one of the languages en and zh.
func NewProfile(name, language string) (*Profile, bool) {
	if name != "" && name != "phone" {
		return nil, false
	}
	p := &Profile{Name: "phone", texts: map[gate.Reason]text{}}
	for reason, t := range phone {
		if language != "zh" {
			t.local = t.phrase
		}
		p.texts[reason] = t
	}
	return p, true
}

// refusal puts a decision that blocks into the peer's words.
func (p *Profile) refusal(d *gate.Decision) refusal {
	t, ok := p.texts[d.Reason]
	if !ok {
		// Undecided, or a reason without a text: nothing goes out.
		t = text{status: 500, phrase: "Not decided", local: "Not decided"}
	}
	owner := string(d.Owner)
	if owner == "" {
		owner = "a colleague"
	}
	phrase := strings.ReplaceAll(t.phrase, ownerMark, owner)
	local := quoted(strings.ReplaceAll(t.local, ownerMark, owner))
	h := "Reason: SIP;cause=" + strconv.Itoa(t.status) + ";text=" + local + "\r\n" +
		"Warning: 399 ringfence " + local + "\r\n"
	if retry := int64((d.RetryAfter + time.Second - 1) / time.Second); retry > 0 {
		h += "Retry-After: " + strconv.FormatInt(retry, 10) + "\r\n"
	}
	return refusal{Status: t.status, Phrase: phrase, Headers: h}
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
