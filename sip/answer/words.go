package answer

import "github.com/ringfence/ringfence/gate"

// The languages of texts.
const (
	english = "en"
	chinese = "zh"
)

// somebody is who owns the number when the id is not shown.
var somebody = map[string]string{english: "a colleague", chinese: "同事"}

// text is what reps read about one reason in one language.
type text struct {
	short string // for displays of 20 columns: Aastra cuts there
	long  string
}

// words says each reason in each language. The English short text is the phrase of the status line too.
var words = map[gate.Reason]map[string]text{
	gate.Undecided: {
		english: {"Not decided", "The gate could not decide about this call"},
		chinese: {"无法判定", "网关未能判定该呼叫，请联系管理员"},
	},
	gate.DNC: {
		english: {"On do-not-call list", "This number is on a do-not-call list"},
		chinese: {"号码在免打扰名单上", "该号码在免打扰名单上，不得拨打"},
	},
	gate.Refused: {
		english: {"Customer said no", "The customer asked not to be called"},
		chinese: {"客户已拒绝来电", "客户已拒绝来电，冷静期内不得拨打"},
	},
	gate.Owned: {
		english: {"Customer of " + ownerMark, "Customer of " + ownerMark},
		chinese: {"客户属于 " + ownerMark, "该客户属于 " + ownerMark},
	},
	gate.InFlight: {
		english: {ownerMark + " is calling now", ownerMark + " is calling this number now"},
		chinese: {ownerMark + " 正在拨打", ownerMark + " 正在拨打该号码"},
	},
	gate.Frequency: {
		english: {"Called too often", "This number has been called too often"},
		chinese: {"拨打过于频繁", "该号码拨打过于频繁，请稍后再试"},
	},
	gate.Hours: {
		english: {"Outside call hours", "Outside the hours in which this number may be called"},
		chinese: {"不在可拨打时段", "当前不在该号码的可拨打时段"},
	},
	gate.Territory: {
		english: {"Not your territory", "This number is outside your territory"},
		chinese: {"不在您的区域内", "该号码不在您的区域内"},
	},
	gate.Quota: {
		english: {"Quota used up", "Your quota of calls is used up"},
		chinese: {"配额已用完", "您的拨打配额已用完"},
	},
	gate.InvalidNumber: {
		english: {"Not a valid number", "What was dialled is not a number that can be called"},
		chinese: {"号码无法识别", "所拨内容不是可以拨打的号码"},
	},
	gate.UnknownRep: {
		english: {"Unknown caller", "The gate cannot tell who is calling"},
		chinese: {"主叫身份未知", "网关无法识别主叫身份，请联系管理员"},
	},
	gate.RegistryDown: {
		english: {"Try again shortly", "The registry does not answer; try again shortly"},
		chinese: {"登记系统暂不可用", "登记系统暂不可用，请稍后再试"},
	},
}

// digitsMissing is said of an invalid number that more digits may make valid.
var digitsMissing = map[string]text{
	english: {"Number incomplete", "What was dialled lacks digits"},
	chinese: {"号码不完整", "所拨号码位数不足"},
}
