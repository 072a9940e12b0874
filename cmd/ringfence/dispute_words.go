package main

import (
	"fmt"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// disputeWords are the texts of a dispute's table and page in one language.
type disputeWords struct {
	language    string // of the page, BCP 47
	title       string
	heading     string // number, time of the result, owner then, version of the rules
	standIn     string // version that is not known
	division    string
	nobody      string
	nobodyOwner string
	reps        string
	repHeads    []string
	byAgreement string // when, by whom
	byTalk      string
	byHelp      string // answered calls
	story       string
	spoke       string // rep, talk
	spokeLater  string
	began       string // rep, why
	ended       string
	agreed      string // rep, percent, by
	refusal     string // what, by, note
	pass        string
	footing     string // records, oldest
	noRecords   string
	names       map[string]string // of causes; one that is missing is shown as it is
	percent     string
	rule        string
	signature   string
}

// talk writes seconds of talk.
func (disputeWords) talk(seconds int64) string {
	return (time.Duration(seconds) * time.Second).String()
}

func (w disputeWords) name(key string) string {
	if text, ok := w.names[key]; ok {
		return text
	}
	return key
}

// why says why a rep gets a part.
func (w disputeWords) why(p partReport) string {
	switch p.Basis {
	case gate.BasisAgreement:
		return fmt.Sprintf(w.byAgreement, cellOf(p.Agreed), p.By)
	case gate.BasisTalk:
		return fmt.Sprintf(w.byTalk, w.talk(p.Talk))
	case gate.BasisHelper:
		return fmt.Sprintf(w.byHelp, p.Calls)
	default:
		return w.name(string(p.Basis))
	}
}

// disputeWordsOf chooses the language: the flag's, else the configuration's.
func disputeWordsOf(flag, configured string) (disputeWords, error) {
	switch flag {
	case "":
		flag = configured
	case "en", "zh":
	default:
		return disputeWords{}, usagef("--language %q is not one of en, zh", flag)
	}
	if flag == "zh" {
		return disputeChinese, nil
	}
	return disputeEnglish, nil
}

var disputeEnglish = disputeWords{
	language: "en", title: "Who has this customer?",
	heading:  "%s · result of %s · owned then by %s · rules %s",
	standIn:  "The rules of that day (%s) are not known here; today's stand in for them.",
	division: "How the result divides", nobody: "  nobody spoke with the customer and nobody owned the number", nobodyOwner: "nobody",
	reps: "What each rep did until then", repHeads: []string{"REP", "FIRST CONTACT", "ANSWERED", "TALK", "DIALLED", "NOT LET OUT"},
	byAgreement: "agreed on %s, written down by %s", byTalk: "talked longest, %s", byHelp: "helped: %d answered calls",
	story: "What happened", spoke: "%s spoke with the customer, %s", spokeLater: "%s spoke with the customer, %s (after the result: does not count)",
	began: "%s became owner (%s)", ended: "%s ceased to be owner (%s)", agreed: "a share for %s was agreed on: %d %%, written down by %s",
	refusal: "%s, heard or noted by %s %s", pass: "%s, %s %s",
	footing: "%d records; nothing before %s is known.", noRecords: "There is no record of this number.",
	percent: "Percent", rule: "Rule", signature: "Settled by (name, date)",
	names: map[string]string{
		"call": "by an answered call", "claim": "claimed by command", "transfer": "transferred", "release": "released",
		"recycle": "into the pool", "lapsed": "the protection had ended",
		"refused": "the customer said no", "refuse": "refusal noted", "lift": "refusal lifted",
		"owner": "owned the number then", "first_contact": "spoke with the customer first", "last_contact": "spoke with the customer last",
		"grant": "pass granted", "use": "pass used", "revoke": "pass revoked",
	},
}

var disputeChinese = disputeWords{
	language: "zh", title: "这位客户归谁？",
	heading:  "%s · 成交时间 %s · 当时归属 %s · 规则版本 %s",
	standIn:  "当天的规则（%s）在此查不到，以现行规则代替。",
	division: "业绩如何分配", nobody: "  无人与客户通过话，号码也无人归属", nobodyOwner: "无人",
	reps: "截至当时各坐席的跟进", repHeads: []string{"坐席", "首次接通", "接通次数", "通话时长", "拨打次数", "被拦截"},
	byAgreement: "%s 约定，由 %s 登记", byTalk: "通话最久，%s", byHelp: "协助：接通 %d 次",
	story: "经过", spoke: "%s 与客户通话 %s", spokeLater: "%s 与客户通话 %s（成交之后，不计）",
	began: "%s 成为归属人（%s）", ended: "%s 不再是归属人（%s）", agreed: "约定 %s 分成 %d %%，由 %s 登记",
	refusal: "%s，%s %s", pass: "%s，%s %s",
	footing: "共 %d 条记录；%s 之前的情况查不到。", noRecords: "该号码没有任何记录。",
	percent: "比例", rule: "依据", signature: "裁定人（姓名、日期）",
	names: map[string]string{
		"call": "通话接通", "claim": "命令认领", "transfer": "转移", "release": "释放",
		"recycle": "回收到公海", "lapsed": "保护期已过",
		"refused": "客户拒绝", "refuse": "登记拒绝", "lift": "解除拒绝",
		"owner": "当时的归属人", "first_contact": "最先与客户通话", "last_contact": "最后与客户通话",
		"grant": "发放通行", "use": "使用通行", "revoke": "收回通行",
	},
}
