package answer

import (
	"strconv"
	"strings"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// Marks in the texts about codes, beside ownerMark.
const (
	untilMark = "{until}"
	leftMark  = "{left}"
)

// outcomes says each result of a feature code in each language. The English long text is the phrase of the status line.
var outcomes = map[gate.Result]map[string]text{
	gate.Free: {
		english: {"Nobody's customer", "Nobody owns this number"},
		chinese: {"号码无人归属", "该号码目前无人归属"},
	},
	gate.Yours: {
		english: {"Yours to " + untilMark, "Your customer until " + untilMark},
		chinese: {"您的客户", "这是您的客户，保护期至 " + untilMark},
	},
	gate.Theirs: {
		english: {"Customer of " + ownerMark, "Owned by " + ownerMark + " until " + untilMark},
		chinese: {"客户属于 " + ownerMark, "该客户属于 " + ownerMark + "，保护期至 " + untilMark},
	},
	gate.SaidNo: {
		english: {"Customer said no", "The customer said no, until " + untilMark},
		chinese: {"客户已拒绝来电", "客户已拒绝来电，冷静期至 " + untilMark},
	},
	gate.Claimed: {
		english: {"Claimed", "Claimed until " + untilMark},
		chinese: {"报备成功", "报备成功，保护期至 " + untilMark},
	},
	gate.Barred: {
		english: {"Not before " + untilMark, "You had it last; claim it again after " + untilMark},
		chinese: {"暂不可再次报备", "该客户刚由您释放，" + untilMark + " 后方可再次报备"},
	},
	gate.HoldsTooMany: {
		english: {"You hold too many", "You hold as many numbers as you may"},
		chinese: {"客户数已达上限", "您持有的客户数已达上限"},
	},
	gate.ClaimedEnough: {
		english: {"Claims used up today", "You have claimed as many numbers today as you may"},
		chinese: {"今日报备已达上限", "您今日的报备次数已达上限"},
	},
	gate.Released: {
		english: {"Released", "Released to the pool"},
		chinese: {"已释放到公海", "该客户已释放到公海"},
	},
	gate.NotYours: {
		english: {"Customer of " + ownerMark, "Not yours: owned by " + ownerMark},
		chinese: {"客户属于 " + ownerMark, "不是您的客户，该客户属于 " + ownerMark},
	},
	gate.NoteTaken: {
		english: {"Refusal noted", "Refusal noted until " + untilMark},
		chinese: {"已登记拒绝", "已登记客户拒绝，冷静期至 " + untilMark},
	},
	gate.Asked: {
		english: {"Asked " + ownerMark, "Asked the owner " + ownerMark},
		chinese: {"已向 " + ownerMark + " 申请", "已向归属人 " + ownerMark + " 提交申请"},
	},
	gate.AskedBefore: {
		english: {"Asked before", "Asked before; " + ownerMark + " has not answered yet"},
		chinese: {"已申请，等待答复", "您已申请过，" + ownerMark + " 尚未答复"},
	},
	gate.PassReady: {
		english: {"Pass ready, call now", "Pass ready until " + untilMark + "; call the number now"},
		chinese: {"通行证已生效", "通行证已生效，请在 " + untilMark + " 前拨打该号码"},
	},
	gate.WrongPIN: {
		english: {"Wrong PIN", "Wrong PIN; tries left: " + leftMark},
		chinese: {"密码错误", "密码错误，还可再试 " + leftMark + " 次"},
	},
	gate.PassBurnt: {
		english: {"Pass withdrawn", "Too many wrong PINs; the pass is withdrawn"},
		chinese: {"通行证已作废", "密码错误次数过多，通行证已作废"},
	},
	gate.NoPass: {
		english: {"No pass for it", "You have no pass for this number"},
		chinese: {"没有通行证", "您没有该号码的通行证"},
	},
	gate.PINMissing: {
		english: {"PIN missing", "This pass has a PIN; dial it between the code and the number"},
		chinese: {"缺少密码", "该通行证有密码，请在代码和号码之间输入"},
	},
	gate.NotOffered: {
		english: {"Not set up here", "This is not set up on this gate"},
		chinese: {"此功能未启用", "本网关未启用此功能"},
	},
}

// Outcome puts the result of a feature code into the peer's words: a refusal in the code after which a PBX tries no other
// trunk and a phone does not dial again. Which result it is stands in the words alone. An unserved one is answered like a
// call that is blocked for the same reason.
func (p *Profile) Outcome(o gate.Outcome, c gate.Call, now time.Time) Refusal {
	said, ok := outcomes[o.Result]
	if !ok {
		d := o.Decision(c)
		return p.Refusal(&d)
	}
	own := said[p.language]
	return form{
		code:   p.served,
		phrase: p.fill(said[english].long, english, o, now),
		short:  p.fill(own.short, p.language, o, now), long: p.fill(own.long, p.language, o, now),
		causeFirst: p.causeFirst,
	}.prepare().Refusal
}

func (p *Profile) fill(text, language string, o gate.Outcome, now time.Time) string {
	owner := somebody[language]
	if id := string(o.Owner); !p.hidden && showable(id) {
		owner = id
	}
	return strings.NewReplacer(ownerMark, owner, untilMark, until(o.Until, now, language), leftMark, strconv.Itoa(o.Left)).Replace(text)
}

// fartherThanAnybodyPlans is when a time is no date any more but stands for "for ever".
const fartherThanAnybodyPlans = 100 * 365 * 24 * time.Hour

// until is a time as a person would say it: the hour when it is today, else the day, with its year when that is another.
// Its zone is that of at.
func until(at, now time.Time, language string) string {
	now = now.In(at.Location())
	layouts := map[string][3]string{english: {"15:04", "2 Jan", "2 Jan 2006"}, chinese: {"15:04", "1月2日", "2006年1月2日"}}[language]
	switch {
	case (at.IsZero() || at.Sub(now) > fartherThanAnybodyPlans) && language == chinese:
		return "另行通知"
	case at.IsZero() || at.Sub(now) > fartherThanAnybodyPlans:
		return "further notice"
	case at.Year() != now.Year():
		return at.Format(layouts[2])
	case at.YearDay() != now.YearDay():
		return at.Format(layouts[1])
	}
	return at.Format(layouts[0])
}
