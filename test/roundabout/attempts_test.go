package roundabout

import "strings"

// Who may be rung and who may not.
const (
	listed    = "+12125550100" // on the do-not-call list
	free      = "+13105550123"
	redirects = "+13105550177" // the trunk answers 302 to it, and names the listed one
)

// attempt is one way to have the listed number rung.
type attempt struct {
	name   string
	is     request
	in     string // "outside" or "inside": the dialog it is sent in; "" for none
	status int    // what the rep is told; 0: nothing
}

// attempts are the ways that reps, and those who help them, have tried most on other gates.
func attempts(trunk string) []attempt {
	far := "sip:" + listed + "@" + trunk
	double := "INVITE " + far + " SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.5:5099;branch=z9hG4bK-behind\r\nFrom: <sip:201@x>;tag=b\r\n" +
		"To: <" + far + ">\r\nCall-ID: behind\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
	return []attempt{
		{"as it is", request{uri: "sip:" + listed + "@gate"}, "", 403},
		{"escaped", request{uri: "sip:%2b1%32%31%32-555.0100;isub=1@gate;user=phone"}, "", 403},
		{"tel, with another number to route on", request{uri: "tel:2125550100;npdi;rn=+13105550123"}, "", 404},
		{"national, in a context", request{uri: "tel:5550100;phone-context=+1-212"}, "", 403},
		{"one digit more", request{uri: "sip:12125550100" + "7@gate"}, "", 404},
		{"caller id withheld", request{uri: "sip:*672125550100@gate"}, "", 404},
		{"emergency number before it", request{uri: "sip:91112125550100@gate"}, "", 404},
		{"emergency service below sos", request{uri: "urn:service:sos.12125550100", to: "<urn:service:sos>"}, "", 200},
		{"To", request{uri: "sip:" + free + "@gate", to: "<" + far + ">"}, "", 403},
		{"pre-loaded Route", request{uri: "sip:" + free + "@gate", lines: "Route: <" + far + ";lr>\r\n"}, "", 200},
		{"second callee", request{uri: "sip:" + free + "@gate", lines: "P-Called-Party-ID: <" + far + ">\r\n"}, "", 200},
		{"forged To-tag and token", request{uri: far, to: "<" + far + ">;tag=x", lines: "Route: <sip:GATE;lr;rf=12125550100.AAAAAAAAAAAAAAAA>\r\n"}, "", 403},
		{"doubled To", request{uri: "sip:" + free + "@gate", lines: "t: <" + far + ">\r\n"}, "", 400},
		{"bare line feed", request{uri: "sip:" + free + "@gate", lines: "X: y\nTo: <" + far + ">\r\n"}, "", 400},
		{"lower-case method", request{method: "invite", uri: far}, "", 501},
		{"behind another request", request{uri: "sip:" + free + "@gate", behind: double}, "", 200},
		{"re-INVITE of an outside call", request{uri: far}, "outside", 403},
		{"re-INVITE of an internal call", request{uri: far}, "inside", 403},
		{"UPDATE of an internal call", request{method: "UPDATE", uri: far}, "inside", 403},
		{"strict Route in a dialog", request{uri: "sip:x@" + trunk, lines: "Route: <" + far + ">\r\n"}, "outside", 404},
		{"REFER", request{method: "REFER", uri: "sip:x@" + trunk, lines: "r: <" + far + "?Replaces=a>\r\n"}, "outside", 403},
		{"REFER to an extension by way of it", request{method: "REFER", uri: "sip:x@" + trunk, lines: "Refer-To: <sip:305@x?Route=%3C" + strings.NewReplacer("+", "%2B", "@", "%40").Replace(far) + "%3E>\r\n"}, "outside", 400},
		{"REFER outside a dialog", request{method: "REFER", uri: "sip:305@gate", lines: "Refer-To: <" + far + ">\r\n"}, "", 403},
		{"redirection by the trunk", request{uri: "sip:" + redirects + "@gate"}, "", 302},
		{"from nobody's address", request{uri: far, stranger: true}, "", 0},
	}
}
