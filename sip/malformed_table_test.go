package sip_test

import (
	"fmt"
	"strings"
)

// dialled belongs to a colleague of the caller: a request that is read and decided comes back with 403, and rings nobody.
const dialled = "+12125550100"

// sound is an INVITE with one instance of everything that it needs; the tables change one thing in it. {PROTO}, {HOST} and
// {N} become the transport, the sender's address and a number that no other message has.
const sound = `INVITE sip:+12125550100@127.0.0.1 SIP/2.0
Via: SIP/2.0/{PROTO} {HOST};rport;branch=z9hG4bK-{N}
Max-Forwards: 70
From: "Li" <sip:201@example.com>;tag=a-{N}
To: <sip:+12125550100@example.com>
Call-ID: call-{N}
CSeq: 1 INVITE
Contact: <sip:201@{HOST}>
Content-Type: application/sdp
Content-Length: 4

v=<>`

// fate is what becomes of a message.
type fate struct {
	status  int  // of the final response; 0: none
	closed  bool // the stream is closed
	perhaps int  // a status that comes when it is fast enough
}

var (
	dropped = fate{}
	decided = fate{status: 403}
)

func refused(status int) fate     { return fate{status: status} }
func closedAfter(status int) fate { return fate{status: status, closed: true} }

// change is what a row does to the sound message: old, new.
type change [2]string

func without(line string) change          { return change{line, ""} }
func doubled(line string) change          { return change{line, line + line} }
func ahead(lines string) change           { return change{"Max-Forwards", lines + "Max-Forwards"} }
func changed(before, after string) change { return change{before, after} }
func whole(text string) change            { return change{sound, text} }

// octets go out as they are; every other line ends in CRLF.
func octets(b string) change { return change{sound, rawMark + b} }

const rawMark = "{RAW}"

func body(length int) change {
	return change{"Content-Length: 4\n\nv=<>", fmt.Sprintf("Content-Length: %d\n\n%s", length, strings.Repeat("v", length))}
}

type malformation struct {
	name     string
	change   change
	udp, tcp fate
}

var malformed = []malformation{
	// Each mandatory header removed. Max-Forwards is added where it is missing (RFC 3261 §16.3); Contact and Content-Type
	// are between the ends.
	{"no Via", without("Via: SIP/2.0/{PROTO} {HOST};rport;branch=z9hG4bK-{N}\n"), dropped, dropped},
	{"no Max-Forwards", without("Max-Forwards: 70\n"), decided, decided},
	{"no From", without("From: \"Li\" <sip:201@example.com>;tag=a-{N}\n"), refused(400), refused(400)},
	{"no To", without("To: <sip:+12125550100@example.com>\n"), refused(400), refused(400)},
	{"no Call-ID", without("Call-ID: call-{N}\n"), refused(400), refused(400)},
	{"no CSeq", without("CSeq: 1 INVITE\n"), refused(400), refused(400)},
	{"no Contact", without("Contact: <sip:201@{HOST}>\n"), decided, decided},
	{"no Content-Type", without("Content-Type: application/sdp\n"), decided, decided},
	{"no Content-Length", without("Content-Length: 4\n"), decided, closedAfter(400)},

	// Each header that may stand once, twice.
	{"two Max-Forwards", doubled("Max-Forwards: 70\n"), refused(400), refused(400)},
	{"two From", doubled("From: \"Li\" <sip:201@example.com>;tag=a-{N}\n"), refused(400), refused(400)},
	{"two From, one compact", changed("From:", "f: <sip:202@example.com>;tag=b\nFrom:"), refused(400), refused(400)},
	{"two To", doubled("To: <sip:+12125550100@example.com>\n"), refused(400), refused(400)},
	{"two To, one with an empty tag", changed("To:", "To: <sip:+12125550199@example.com>;tag=\nTo:"), refused(400), refused(400)},
	{"two Call-ID", doubled("Call-ID: call-{N}\n"), refused(400), refused(400)},
	{"two CSeq", doubled("CSeq: 1 INVITE\n"), refused(400), refused(400)},
	{"two Content-Type", doubled("Content-Type: application/sdp\n"), refused(400), refused(400)},
	{"two Content-Length", doubled("Content-Length: 4\n"), refused(400), closedAfter(400)},
	{"two Content-Length that differ", ahead("l: 0\n"), refused(400), closedAfter(400)},
	{"two Expires", ahead("Expires: 1\nExpires: 2\n"), refused(400), refused(400)},
	{"two Replaces", ahead("Replaces: a;to-tag=b;from-tag=c\nReplaces: d;to-tag=e;from-tag=f\n"), refused(400), refused(400)},
	{"two Session-Expires", ahead("x: 90\nSession-Expires: 1800\n"), refused(400), refused(400)},
	{"two Referred-By", ahead("b: <sip:1@a>\nReferred-By: <sip:2@a>\n"), refused(400), refused(400)},
	{"two Vias", doubled("Via: SIP/2.0/{PROTO} {HOST};rport;branch=z9hG4bK-{N}\n"), decided, decided},

	// Numbers.
	{"CSeq of another method", changed("1 INVITE", "1 BYE"), refused(400), refused(400)},
	{"CSeq in another case", changed("1 INVITE", "1 invite"), refused(400), refused(400)},
	{"CSeq 2^31-1", changed("1 INVITE", "2147483647 INVITE"), decided, decided},
	{"CSeq 2^31", changed("1 INVITE", "2147483648 INVITE"), refused(400), refused(400)},
	{"CSeq 2^32+1", changed("1 INVITE", "4294967297 INVITE"), refused(400), refused(400)},
	{"CSeq negative", changed("1 INVITE", "-1 INVITE"), refused(400), refused(400)},
	{"Max-Forwards -1", changed("70", "-1"), refused(400), refused(400)},
	{"Max-Forwards 256", changed("70", "256"), refused(400), refused(400)},
	{"Max-Forwards abc", changed("70", "abc"), refused(400), refused(400)},
	{"Max-Forwards 0", changed("70", "0"), refused(483), refused(483)},
	{"Max-Forwards 1", changed("70", "1"), decided, decided},
	{"Content-Length too small", changed("Length: 4", "Length: 2"), decided, fate{closed: true, perhaps: 403}}, // the decision may come first
	{"Content-Length too large", changed("Length: 4", "Length: 5"), refused(400), decided},                     // the ping gives the missing byte
	{"Content-Length negative", changed("Length: 4", "Length: -4"), refused(400), closedAfter(400)},
	{"Content-Length 2^32+4", changed("Length: 4", "Length: 4294967300"), refused(400), closedAfter(400)},
	{"Content-Length 2^64+4", changed("Length: 4", "Length: 18446744073709551620"), refused(400), closedAfter(400)},
	{"Content-Length in words", changed("Length: 4", "Length: four"), refused(400), closedAfter(400)},
	{"port 0", changed("@127.0.0.1 SIP", "@127.0.0.1:0 SIP"), refused(400), refused(400)},
	{"port 99999", changed("@127.0.0.1 SIP", "@127.0.0.1:99999 SIP"), refused(400), refused(400)},
	{"port -5", changed("@127.0.0.1 SIP", "@127.0.0.1:-5 SIP"), refused(400), refused(400)},
	{"Via port 99999", changed("{HOST};rport", "192.0.2.1:99999;rport"), refused(400), refused(400)},

	// Start line.
	{"SIP/7.0", changed("SIP/2.0\nVia", "SIP/7.0\nVia"), refused(505), refused(505)},
	{"SIP/2.00", changed("SIP/2.0\nVia", "SIP/2.00\nVia"), refused(505), refused(505)},
	{"HTTP/1.1", changed("SIP/2.0\nVia", "HTTP/1.1\nVia"), refused(400), refused(400)},
	{"no version", changed(" SIP/2.0\nVia", "\nVia"), refused(400), refused(400)},
	{"unknown scheme", changed("INVITE sip:", "INVITE http:"), refused(416), refused(416)},
	{"no scheme", changed("INVITE sip:", "INVITE "), refused(400), refused(400)},
	{"URI with headers", changed("@127.0.0.1 SIP", "@127.0.0.1?Route=%3Csip:x%3E SIP"), refused(400), refused(400)},
	{"URI with a method", changed("@127.0.0.1 SIP", "@127.0.0.1;method=BYE SIP"), refused(400), refused(400)},
	{"URI with two @", changed("@127.0.0.1 SIP", "@a@127.0.0.1 SIP"), refused(400), refused(400)},
	{"URI with full-width digits", changed("sip:+12125550100@127", "sip:＋１２１２@127"), refused(400), refused(400)},
	{"method with a CTL", changed("INVITE sip", "INV\x01ITE sip"), dropped, dropped},
	{"tab for a blank", changed("INVITE sip", "INVITE\tsip"), dropped, dropped},

	// What a server must support.
	{"Require", ahead("Require: rocket\n"), decided, decided}, // between the ends (RFC 3261 §20.32)
	{"Proxy-Require", ahead("Proxy-Require: rocket\n"), refused(420), refused(420)},

	// Bytes.
	{"non-ASCII header name", ahead("Prioritätßß: x\n"), refused(400), refused(400)},
	{"header name with a CTL", changed("To:", "To\x01:"), refused(400), refused(400)},
	{"header name with a blank", ahead("Foo Bar: x\n"), refused(400), refused(400)},
	{"header name with brackets", ahead("Foo(Bar): x\n"), refused(400), refused(400)},
	{"header without a colon", ahead("Foobar\n"), refused(400), refused(400)},
	{"header without a name", ahead(": x\n"), refused(400), refused(400)},
	{"NUL in a value", ahead("Subject: a\x00b\n"), refused(400), refused(400)},
	{"bell in a value", ahead("Subject: a\ab\n"), refused(400), refused(400)},
	{"DEL in a value", ahead("Subject: a\x7fb\n"), refused(400), refused(400)},
	{"bare LF in a value", ahead("Subject: a{LF}Via: SIP/2.0/UDP evil;branch=z9hG4bKx\n"), refused(400), refused(400)},
	{"bare CR in a value", ahead("Subject: a{CR}Via: SIP/2.0/UDP evil;branch=z9hG4bKx\n"), refused(400), refused(400)},
	{"UTF-8 in a display name", changed(`"Li"`, `"李"`), decided, decided},
	{"open quote", changed(`"Li" <`, `"Li <`), refused(400), refused(400)},
	{"folded headers", changed(`From: "Li" <`, "From:\n \"Li\"\n\t<"), decided, decided},
	{"fold before any header", changed("Via:", " x\nVia:"), refused(400), refused(400)},
	{"compact forms", changed("From: \"Li\"", "f : \"Li\""), decided, decided},
	{"all names in capitals", changed("Max-Forwards:", "MAX-FORWARDS:"), decided, decided},
	{"empty Via parameter", changed(";rport", ";;rport"), refused(400), refused(400)},
	{"Via of commas", changed("SIP/2.0/{PROTO} {HOST};rport;branch=z9hG4bK-{N}", "SIP/2.0/{PROTO} {HOST};;,;,,"), refused(400), refused(400)},
	{"branch that is all cookie", changed("z9hG4bK-{N}", "z9hG4bK"), refused(400), refused(400)},
	{"To with two tags", changed("To: <sip:+12125550100@example.com>", "To: <sip:+12125550100@example.com>;tag=1;tag=2"), refused(400), refused(400)},

	// Sizes. 64 KiB is the most that a message may have.
	{"Call-ID of 4 KiB", changed("call-{N}", strings.Repeat("x", 4<<10)), decided, decided},
	{"10,000 headers", ahead(strings.Repeat("Z: 1\n", 10_000)), decided, decided},
	{"message of 64 KiB", body(64<<10 - 500), decided, decided},
	{"message of 128 KiB", body(128 << 10), dropped, closedAfter(513)}, // no datagram holds it
	{"endless header", whole("INVITE sip:a@b SIP/2.0\nZ: " + strings.Repeat("z", 70<<10)), dropped, fate{closed: true}},

	// No SIP at all.
	{"empty", octets(""), dropped, dropped},
	{"keep-alive", octets("\r\n\r\n"), dropped, dropped}, // a stream gets its pong (RFC 5626 §3.5.1)
	{"STUN", octets("\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl"), dropped, fate{closed: true}},
	{"TLS", octets("\x16\x03\x01\x02\x00\x01\x00\x01"), dropped, fate{closed: true}},
	{"HTTP", whole("GET / HTTP/1.1\nHost: a\n\n"), dropped, fate{closed: true}},
	{"a response to nothing", changed("INVITE sip:+12125550100@127.0.0.1 SIP/2.0", "SIP/2.0 200 OK"), dropped, dropped},
}
