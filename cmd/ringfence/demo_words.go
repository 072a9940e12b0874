package main

// demoText is a text in both languages: English, Chinese.
type demoText [2]string

// demoHeads of the table's columns: who dialled what, what it means, what was decided and why, how long that took, and
// what the phone was told.
var demoHeads = []demoText{
	{"Rep", "坐席"},
	{"dialled", "拨打"},
	{"number", "号码"},
	{"verdict", "裁决"},
	{"reason", "原因"},
	{"took", "耗时"},
	{"the phone was told", "话机收到"},
}

var (
	demoAnswered = demoText{"%s picked up", "%s 接听"}

	// Where the gate listens, min_talk, the registry's URL.
	demoIntroduction = demoText{
		`Ringfence is guarding %s.
Reps 201 to 204 have phones, 202 owns a customer, one customer said no, one number is on a do-not-call list.
Every call below is real SIP through the gate to a built-in callee. A customer becomes owned after %s of talk
here, not after 10s, so that nobody has to wait.
The registry lives in this process and keeps nothing: %s`,
		`Ringfence 正在守护 %s。
坐席 201 至 204 各有一部话机；202 拥有一位客户，一位客户已拒绝，一个号码在免打扰名单上。
以下每通呼叫都是真实的 SIP 信令，经网关到达内置被叫。为免久等，这里通话满 %s 即归属，而非 10 秒。
登记库在本进程内，不保存任何数据：%s`,
	}

	demoAllWell    = demoText{"All %d calls came out as expected.", "全部 %d 通呼叫均符合预期。"}
	demoNotAllWell = demoText{"Not as expected: %d, marked ✗ above.", "不符合预期：%d 处，见上方 ✗。"}

	// UDP and TCP server, user name, five numbers, min_talk, the registry's URL.
	demoSoftphoneHelp = demoText{
		`
The gate goes on serving. Point a softphone at it:

  server     %[1]s over UDP, %[2]s over TCP
  user name  %[3]s, or 201 to 204 to take that rep's place; any password
  dial       %[4]s    201's customer: 201 rings
             %[5]s    202's customer: 202 rings
             %[6]s    said no
             %[7]s    on the do-not-call list
             %[8]s    free: talk for %[9]s and it is yours
             202             a colleague

Other commands reach its registry:

  ringfence owner show %[4]s --set region=US --set registry.url=%[10]s

Ctrl-C ends it.`,
		`
网关继续运行。可用软电话连接：

  服务器    %[1]s（UDP），%[2]s（TCP）
  用户名    %[3]s，或用 201 至 204 顶替该坐席；密码任意
  拨打      %[4]s    201 的客户：201 振铃
            %[5]s    202 的客户：202 振铃
            %[6]s    已拒绝
            %[7]s    在免打扰名单上
            %[8]s    无主：通话满 %[9]s 即归您
            202             同事分机

其他命令可访问其登记库：

  ringfence owner show %[4]s --set region=US --set registry.url=%[10]s

按 Ctrl-C 结束。`,
	}
)
