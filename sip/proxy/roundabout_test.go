package proxy

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/gate/registrytest"
	"github.com/ringfence/ringfence/gate/spellingtest"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

// The property: whatever a rep sends, and whatever the trunk answers, no request that could ring leaves the gate for a
// number that was not allowed in that call. It is judged by what arrives at the far ends, with a reading of numbers that
// shares nothing with the gate's.

// attempt is what a path needs: one spelling of the listed number, and a number that may be rung.
type attempt struct {
	*world
	spelling spellingtest.Spelling
	uri      string // the spelling, at the gate
	far      string // the spelling, at the trunk
	free     string // URI of a number that may be rung
	id       string // Call-ID and branch of this attempt
	region   string
	dialog   dialogs
}

// dialogs are those that the rep has up when it tries to get round.
type dialogs struct{ outside, inside, incoming []string } // route sets, as Route lines

// pathsRound are the ways to have a number rung, or to have it stand where a switch might look for it.
var pathsRound = []struct {
	name  string
	plain bool // the number, when it may be rung, arrives at a trunk by this path
	try   func(a attempt)
}{
	{"initial INVITE", true, func(a attempt) { a.send(ask{uri: a.uri}) }},
	{"foreign host", true, func(a attempt) { a.send(ask{uri: a.far}) }},
	{"To that is not rung", false, func(a attempt) { a.send(ask{uri: a.free, to: "<" + a.uri + ">"}) }},
	{"To of an extension", false, func(a attempt) { a.send(ask{uri: "sip:305@10.0.0.1", to: "<" + a.uri + ">"}) }},
	{"To that may be rung", true, func(a attempt) { a.send(ask{uri: a.uri, to: "<" + a.free + ">"}) }},
	{"pre-loaded Route to the trunk", true, func(a attempt) { a.send(ask{uri: a.uri, more: routeTo(trunkA)}) }},
	{"pre-loaded Route elsewhere", true, func(a attempt) { a.send(ask{uri: a.uri, more: routeTo(nobody)}) }},
	{"pre-loaded Route with the number", false, func(a attempt) { a.send(ask{uri: a.free, more: "Route: <" + a.far + ">\n"}) }},
	{"our Route, then the number", false, func(a attempt) {
		a.send(ask{uri: a.free, more: "Route: <sip:10.0.0.1:5060;lr>\nRoute: <" + a.far + ">\n"})
	}},
	{"strict router's swap", false, func(a attempt) {
		a.send(ask{uri: "sip:10.0.0.1:5060;rf=0.x", to: "<" + a.free + ">", more: "Route: <" + a.far + ">\n"})
	}},
	{"forged To-tag", true, func(a attempt) { a.send(ask{uri: a.uri, toTag: "forged"}) }},
	{"forged token", true, func(a attempt) {
		a.send(ask{uri: a.far, toTag: "forged", more: "Route: <sip:10.0.0.1:5060;lr;rf=0.AAAAAAAAAAAAAAAA>\n"})
	}},
	{"CSeq game", false, func(a attempt) {
		a.send(ask{uri: a.free})
		a.send(ask{uri: a.uri, cseq: 2, branch: "z9hG4bK-again" + a.id})
		a.send(ask{uri: a.uri, cseq: 1, branch: "z9hG4bK-same" + a.id})
	}},
	{"same branch", false, func(a attempt) {
		a.send(ask{uri: a.free})
		a.send(ask{uri: a.uri})
	}},
	{"in-dialog INVITE, outside call", false, a2dialog("INVITE", outsideCall)},
	{"in-dialog INVITE, extension's call", false, a2dialog("INVITE", insideCall)},
	{"in-dialog INVITE, call from outside", false, a2dialog("INVITE", incomingCall)},
	{"in-dialog UPDATE", false, a2dialog("UPDATE", outsideCall)},
	{"in-dialog UPDATE, extension's call", false, a2dialog("UPDATE", insideCall)},
	{"in-dialog PRACK", false, a2dialog("PRACK", insideCall)},
	{"in-dialog INFO", false, a2dialog("INFO", incomingCall)},
	{"in-dialog NOTIFY", false, a2dialog("NOTIFY", outsideCall)},
	{"in-dialog MESSAGE", false, a2dialog("MESSAGE", insideCall)},
	{"in-dialog unknown method", false, a2dialog("DIAL", outsideCall)},
	{"in-dialog lower case", false, a2dialog("invite", outsideCall)},
	{"number to route on", false, func(a attempt) {
		a.send(ask{uri: strings.Replace(a.free, "@", ";rn="+a.spelling.User+"@", 1), to: "<" + a.free + ">"})
	}},
	{"in-dialog number to route on", false, func(a attempt) {
		free := "sip:" + free[a.region] + ";rn=" + a.spelling.User + "@" + trunkA.AddrPort.String()
		a.inDialog("INVITE", free, outsideCall, "")
		a.inDialog("UPDATE", free, outsideCall, "")
	}},
	{"in-dialog strict Route", false, func(a attempt) {
		a.inDialog("INVITE", "sip:callee@"+callee.AddrPort.String(), outsideCall, "Route: <"+a.far+">\n")
	}},
	{"in-dialog loose Route", false, func(a attempt) {
		a.inDialog("INVITE", "sip:callee@"+callee.AddrPort.String(), outsideCall, "Route: <"+withLR(a.far)+">\n")
	}},
	{"in-dialog unsigned", false, func(a attempt) {
		for i, method := range []string{"UPDATE", "PRACK", "INFO", "NOTIFY", "MESSAGE", "DIAL", "REFER"} {
			a.send(ask{method: method, uri: a.far, toTag: "x", branch: fmt.Sprint("z9hG4bK-u", i, a.id)})
		}
	}},
	{"REFER in the dialog", false, a2refer("Refer-To: <%s>\n", outsideCall)},
	{"REFER, compact, extension's call", false, a2refer("r: <%s>\n", insideCall)},
	{"REFER to a bare URI", false, a2refer("Refer-To: %s\n", incomingCall)},
	{"REFER with Replaces", false, a2refer("Refer-To: <%s?Replaces=a%%3Bto-tag%%3Db%%3Bfrom-tag%%3Dc>\n", outsideCall)},
	{"REFER to an extension by Route", false, a2refer("Refer-To: <sip:305@10.0.0.1?Route=%%3C%s%%3E>\n", outsideCall)},
	{"REFER to an extension with To", false, a2refer("Refer-To: <sip:305@10.0.0.1?To=%%3C%s%%3E>\n", outsideCall)},
	{"REFER twice", false, a2refer("Refer-To: <sip:305@10.0.0.1>\nr: <%s>\n", outsideCall)},
	{"REFER of a list", false, func(a attempt) {
		list := `<list><entry uri="` + a.uri + `"/></list>`
		a.inDialog("REFER", "sip:callee@"+callee.AddrPort.String(), outsideCall, "Refer-To: <cid:l@x>\nRequire: multiple-refer\nContent-Type: application/resource-lists+xml\n", list)
		a.inDialog("REFER", "sip:callee@"+callee.AddrPort.String(), outsideCall, "Refer-To: <sip:305@x>\nRequire: multiple-refer\nContent-Type: application/resource-lists+xml\n", list)
		a.inDialog("REFER", "sip:callee@"+callee.AddrPort.String(), outsideCall, "Refer-To: <sip:305@x>\nContent-Type: application/resource-lists+xml\n", list)
	}},
	{"REFER by Target-Dialog", false, func(a attempt) {
		a.send(ask{method: "REFER", uri: "sip:305@10.0.0.1", more: "Target-Dialog: x;local-tag=y;remote-tag=z\nRefer-To: <" + a.uri + ">\n"})
	}},
	{"REFER outside a dialog", false, func(a attempt) {
		a.send(ask{method: "REFER", uri: "sip:305@10.0.0.1", more: "Refer-To: <" + a.uri + ">\n"})
		a.send(ask{method: "REFER", uri: a.uri, more: "Refer-To: <sip:305@10.0.0.1>\n", branch: "z9hG4bK-r2" + a.id})
		a.send(ask{method: "REFER", uri: "sip:x@" + trunkA.AddrPort.String(), toTag: "y", more: "r: <" + a.uri + ">\n", branch: "z9hG4bK-r3" + a.id})
	}},
	{"REFER by the extensions", false, func(a attempt) {
		a.send(ask{method: "REFER", uri: "sip:x@" + trunkA.AddrPort.String(), toTag: "y", source: pbx, more: "Refer-To: <" + a.uri + ">\n"})
	}},
	{"Replaces", true, func(a attempt) { a.send(ask{uri: a.uri, more: "Replaces: call-1;to-tag=callee;from-tag=caller\n"}) }},
	{"Join", true, func(a attempt) { a.send(ask{uri: a.uri, more: "Join: call-1;to-tag=callee;from-tag=caller\n"}) }},
	{"lower-case method", false, func(a attempt) {
		for i, method := range []string{"invite", "Invite", "INVITe", "refer", "message"} {
			a.send(ask{method: method, uri: a.uri, branch: fmt.Sprint("z9hG4bK-l", i, a.id)})
		}
	}},
	{"method of another kind", false, func(a attempt) {
		a.send(ask{method: "DIAL", uri: a.uri})
		a.send(ask{method: "MESSAGE", uri: a.uri, branch: "z9hG4bK-m" + a.id})
	}},
	{"method of CSeq", false, func(a attempt) {
		a.sendText(desk, strings.Replace(a.text(ask{method: "OPTIONS", uri: a.far}), "1 OPTIONS", "1 INVITE", 1))
		a.sendText(desk, strings.Replace(a.text(ask{uri: a.far}), "1 INVITE", "1 BYE", 1))
	}},
	{"second request behind the first", false, func(a attempt) {
		first, second := a.text(ask{uri: a.free}), a.text(ask{uri: a.far, callID: "second" + a.id})
		a.sendText(desk, first+second)
		a.sendText(desk, strings.Replace(strings.ReplaceAll(first, a.id, "n"+a.id), "Content-Length: 0\n", "", 1)+second)
	}},
	{"bare line feed", false, func(a attempt) {
		raw := crlf(a.text(ask{uri: a.free, more: "X: y\x01To: <" + a.uri + ">\n"}))
		a.sendRaw(desk, strings.Replace(raw, "\x01", "\n", 1))
		a.sendRaw(desk, strings.Replace(raw, "\x01", "\r", 1))
		a.sendRaw(desk, strings.Replace(raw, "\x01", "\x00", 1))
	}},
	{"doubled headers", false, func(a attempt) {
		for i, header := range []string{"To: <" + a.uri + ">", "t: <" + a.uri + ">", "To\x01: <" + a.uri + ">", "To : <" + a.uri + ">"} {
			a.sendText(desk, a.text(ask{uri: a.free, more: header + "\n", branch: fmt.Sprint("z9hG4bK-h", i, a.id)}))
		}
	}},
	{"headers that name a callee", false, func(a attempt) {
		a.send(ask{uri: a.free, more: "P-Called-Party-ID: <" + a.uri + ">\np-called-party-id : " + a.uri + "\n"})
	}},
	{"emergency spoof", false, func(a attempt) {
		digits := strings.TrimPrefix(a.spelling.User, "+")
		for i, uri := range []string{
			"urn:service:sos." + digits, "urn:service:sos.police." + digits, "urn:service:sosx", "sip:911" + digits + "@10.0.0.1",
			"sip:112%20" + digits + "@10.0.0.1", "sip:110;rn=" + digits + "@10.0.0.1", "sip:911;phone-context=" + digits + "@10.0.0.1", "sip:112@10.0.0.1;x=" + digits,
		} {
			a.send(ask{uri: uri, branch: fmt.Sprint("z9hG4bK-e", i, a.id), to: "<sip:112@10.0.0.1>", more: "Route: <" + a.far + ">\n"})
		}
	}},
	{"from the PBX's address, another port", false, func(a attempt) {
		a.send(ask{uri: a.uri, source: at("udp", "10.0.0.5:5999")})
		a.send(ask{uri: a.far, toTag: "x", source: at("udp", "10.0.0.5:5999"), branch: "z9hG4bK-p2" + a.id})
	}},
	{"from a trunk's address, another port", false, func(a attempt) {
		a.send(ask{uri: a.far, source: at("udp", "10.1.0.1:5999")})
		a.send(ask{uri: a.far, toTag: "x", source: at("udp", "10.1.0.1:5999"), branch: "z9hG4bK-t2" + a.id})
	}},
	{"the rep's own Contact", false, func(a attempt) {
		a.sendText(desk, strings.Replace(a.text(ask{uri: "sip:305@10.0.0.1"}), "Contact: <sip:201@10.0.0.9:5070>", "Contact: <"+a.far+">", 1))
		a.eachSent(pbx, func(invite *message.Message) {
			a.sendText(desk, a.text(ask{uri: a.far, from: "202", toTag: "y", branch: "z9hG4bK-c" + a.id, more: routeSet(invite, false)}))
			a.sendText(trunkA, a.text(ask{uri: a.far, from: "202", toTag: "y", branch: "z9hG4bK-d" + a.id, more: routeSet(invite, false), source: trunkA}))
		})
	}},
	{"behind a feature code", false, func(a attempt) {
		for i, code := range []string{"*81", "%2A82", "*83*", "*84*30*", "*86*4711*", "*8-5"} {
			id := fmt.Sprint(i, a.id)
			uri, far := strings.Replace(a.uri, ":", ":"+code, 1), strings.Replace(a.far, ":", ":"+code, 1)
			a.send(ask{uri: uri, branch: "z9hG4bK-f1" + id})
			a.send(ask{method: "MESSAGE", uri: uri, branch: "z9hG4bK-f2" + id})
			a.send(ask{method: "DIAL", uri: far, branch: "z9hG4bK-f3" + id})
			a.send(ask{uri: a.free, to: "<" + uri + ">", branch: "z9hG4bK-f4" + id})
			a.send(ask{uri: "sip:305@10.0.0.1", to: "<" + uri + ">", branch: "z9hG4bK-f5" + id})
			a.inDialog("INVITE", far, outsideCall, "X: "+id+"\n")
			a.inDialog("REFER", "sip:callee@"+callee.AddrPort.String(), outsideCall, "Refer-To: <"+uri+">\nX: "+id+"\n")
		}
	}},
	{"3xx from the trunk", false, func(a attempt) {
		a.send(ask{uri: a.free})
		a.eachSent(trunkA, func(invite *message.Message) {
			a.replyText(trunkA, invite, 302, "Contact: <"+a.far+">;q=0.5, <"+a.far+">\nm: "+a.far+"\n")
		})
	}},
	{"3xx from the extensions", false, func(a attempt) {
		a.send(ask{uri: "sip:305@10.0.0.1"})
		a.eachSent(pbx, func(invite *message.Message) { a.replyText(pbx, invite, 300, "Contact: <"+a.far+">\n") })
	}},
	{"3xx to a trunk", false, func(a attempt) {
		a.send(ask{uri: "sip:305@10.0.0.1", source: trunkB, from: "+442079460000"})
		a.eachSent(pbx, func(invite *message.Message) { a.replyText(pbx, invite, 301, "Contact: <"+a.far+">\n") })
	}},
}

func routeTo(a transport.Address) string { return "Route: <sip:" + a.AddrPort.String() + ";lr>\n" }

// withLR makes a loose router of a URI.
func withLR(uri string) string { return uri + ";lr" }

type whichDialog uint8

const (
	outsideCall whichDialog = iota
	insideCall
	incomingCall
)

// a2dialog is a request within a dialog whose Request-URI is the spelling at the trunk.
func a2dialog(method string, which whichDialog) func(attempt) {
	return func(a attempt) { a.inDialog(method, a.far, which, "") }
}

// a2refer is a REFER within a dialog to where it belongs, whose Refer-To is the spelling.
func a2refer(header string, which whichDialog) func(attempt) {
	return func(a attempt) {
		uri := "sip:callee@" + callee.AddrPort.String()
		a.inDialog("REFER", uri, which, fmt.Sprintf(header, a.far))
	}
}

// inDialog sends a request within one of the dialogs that are up.
func (a attempt) inDialog(method, uri string, which whichDialog, more string, body ...string) {
	q := ask{method: method, uri: uri, to: "<sip:x@10.0.0.1>;tag=callee", branch: "z9hG4bK-" + a.id + method + fmt.Sprint(len(more)), cseq: 7, body: strings.Join(body, "")}
	switch which {
	case outsideCall:
		q.callID, q.more = "outside", strings.Join(a.dialog.outside, "")+more
	case insideCall:
		q.callID, q.more = "inside", strings.Join(a.dialog.inside, "")+more
	default: // the caller's tag is the trunk's
		q.callID, q.more, q.to = "incoming", strings.Join(a.dialog.incoming, "")+more, "<sip:x@10.0.0.1>;tag=caller"
		a.sendText(desk, strings.Replace(q.text(), ";tag=caller\nTo", ";tag=callee\nTo", 1))
		return
	}
	a.sendText(desk, q.text())
}

func (a attempt) text(q ask) string {
	if q.callID == "" {
		q.callID = a.id
	}
	if q.branch == "" {
		q.branch = "z9hG4bK-" + a.id
	}
	return q.text()
}

func (a attempt) send(q ask) {
	if !q.source.IsValid() {
		q.source = desk
	}
	a.sendText(q.source, a.text(q))
}

func (a attempt) sendText(from transport.Address, text string) { a.sendRaw(from, crlf(text)) }

// sendRaw is deliver for what may be malformed.
func (a attempt) sendRaw(from transport.Address, raw string) {
	m, err := message.Parse([]byte(raw))
	var fault *message.Fault
	switch source := (transport.Source{Address: from}); {
	case err == nil:
		a.layer.Receive(m, source)
	case m != nil:
		fault, _ = err.(*message.Fault) //nolint:errorlint // Parse returns it bare
		a.echoes = true
		a.proxy.Malformed(m, source, fault)
		a.echoes = false
	}
	synctest.Wait()
}

// eachSent is called for what was sent to an address so far.
func (a attempt) eachSent(to transport.Address, f func(*message.Message)) {
	a.mu.Lock()
	all := slices.Clone(a.queue[to])
	a.mu.Unlock()
	for _, m := range all {
		if m.Request && m.Method == "INVITE" && string(m.CallID) == a.id {
			f(m)
		}
	}
}

// replyText is reply with a header that the reader may refuse.
func (a attempt) replyText(from transport.Address, to *message.Message, status int, more string) {
	var vias strings.Builder
	for _, h := range to.Headers() {
		if h.Kind == message.Via {
			vias.Write(to.Bytes(h.Line))
		}
	}
	a.sendText(from, fmt.Sprintf("SIP/2.0 %d Moved\n%sFrom: %s\nTo: %s;tag=moved\nCall-ID: %s\nCSeq: %d INVITE\n%sContent-Length: 0\n\n",
		status, strings.ReplaceAll(vias.String(), "\r\n", "\n"), value(to, message.From), value(to, message.To), to.CallID, to.CSeq, more))
}

// notary is a registry that notes which numbers it allowed in which call.
type notary struct {
	*registrytest.Memory
	mu      sync.Mutex
	allowed map[string]map[gate.Number]bool // Call-ID → numbers
}

func (n *notary) Decide(ctx context.Context, q gate.Question) (gate.Answer, error) {
	a, err := n.Memory.Decide(ctx, q)
	if err == nil && a.Verdict == gate.Allow {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.allowed[q.CallID] == nil {
			n.allowed[q.CallID] = map[gate.Number]bool{}
		}
		n.allowed[q.CallID][q.Number] = true
	}
	return a, err
}

// free is a number of each region that may be rung.
var free = map[string]string{"US": "+13105550123", "CN": "+8613900139000", "BR": "+5521987654321"}

// TestNoWayRound tries many spellings by every path while the number is on a do-not-call list, and then with the number
// free, which shows that the plain paths do lead to the trunk.
func TestNoWayRound(t *testing.T) {
	for _, subject := range spellingtest.Subjects() {
		for i, path := range pathsRound {
			for _, listed := range []bool{true, false} {
				if !listed && !path.plain {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/listed %v", subject.Region, path.name, listed), func(t *testing.T) {
					e := notary{allowed: map[string]map[gate.Number]bool{}}
					codes := everyCode
					if i%2 == 0 && path.name != "behind a feature code" {
						codes = gate.Codes{}
					}
					inWorld(t, setUp{region: subject.Region, codes: codes, registry: func(m *registrytest.Memory) gate.Registry { e.Memory = m; return &e }}, func(w *world) {
						n := gate.Number(subject.Number)
						switch {
						case listed && i%2 == 0:
							w.registry.LoadDNC(gate.Listing{List: "national", Version: "1"}, n)
						case listed:
							w.registry.AddDNC(n, "company")
						}
						w.round(&e, subject, path.plain && !listed, path.try)
					})
				})
			}
		}
	}
}

// round tries one path by all spellings.
func (w *world) round(e *notary, subject spellingtest.Subject, arrives bool, try func(attempt)) {
	freeURI := "sip:" + free[subject.Region] + "@10.0.0.1"
	d := w.dialogs(freeURI)
	rung := 0
	all := subject.Spellings()
	share := 200 // of the spellings, evenly; gate tries all of them
	if subject.Region != "US" {
		share = 60 // what differs between regions is the gate's business
	}
	for i, s := range all {
		if i%(len(all)/share) != 0 {
			continue
		}
		a := attempt{world: w, spelling: s, uri: s.URI("10.0.0.1"), far: s.URI(trunkA.AddrPort.String()), free: freeURI, id: fmt.Sprint("id", i), region: subject.Region, dialog: d}
		try(a)
		for to, m := range w.takeAll() {
			w.judge(e, subject, s, to, m, arrives)
			if m.Request && m.Method == "INVITE" && to == trunkA && strings.Contains(string(m.Bytes(m.RequestURI)), subject.Number+"@") {
				rung++
			}
		}
	}
	if arrives {
		require.Greater(w.t, rung, share/4, "the number may be rung, and most spellings of it should be")
	}
}

// takeAll yields what was sent so far, and forgets it.
func (w *world) takeAll() func(yield func(transport.Address, *message.Message) bool) {
	synctest.Wait()
	w.mu.Lock()
	all := w.queue
	w.queue = map[transport.Address][]*message.Message{}
	w.mu.Unlock()
	return func(yield func(transport.Address, *message.Message) bool) {
		for to, messages := range all {
			for _, m := range messages {
				if !yield(to, m) {
					return
				}
			}
		}
	}
}

// dialogs brings up one call to a free number, one to an extension and one from outside.
func (w *world) dialogs(freeURI string) (d dialogs) {
	_, ok := w.up(ask{uri: freeURI, callID: "outside"})
	d.outside = []string{routeSet(ok, true)}
	w.ask(ask{uri: "sip:305@10.0.0.1", callID: "inside", branch: "z9hG4bK-in"})
	w.expectStatus(desk, 100)
	w.reply(pbx, w.expectMethod(pbx, "INVITE"), 200, "")
	d.inside = []string{routeSet(w.expectStatus(desk, 200), true)}
	w.ask(ask{uri: "sip:305@10.0.0.1", callID: "incoming", branch: "z9hG4bK-ex", source: trunkA, from: "+442079460000"})
	w.expectStatus(trunkA, 100)
	invite := w.expectMethod(pbx, "INVITE")
	w.reply(pbx, invite, 200, "")
	w.expectStatus(trunkA, 200)
	d.incoming = []string{routeSet(invite, false)}
	return d
}

// rings says whether a method could make a switch ring, write to or connect anybody.
func couldRing(method string) bool {
	switch method {
	case "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "SUBSCRIBE", "PUBLISH":
		return false
	}
	return true
}

// judge looks at one message that left the gate.
func (w *world) judge(e *notary, subject spellingtest.Subject, s spellingtest.Spelling, to transport.Address, m *message.Message, arrives bool) {
	if !m.Request {
		if to == desk || to == trunkB {
			for span := range m.Elements(message.Contact) {
				contact := string(m.Bytes(span))
				require.Falsef(w.t, m.Status/100 == 3 && couldReach(subject, contact) && !strings.HasPrefix(contact, "<sip:+"+subject.Number[1:]+"@10.0.0.1:5060>"),
					"a redirection away from the gate went up:\n%s", m.Raw)
			}
		}
		return
	}
	require.Equalf(w.t, 1, m.Count(message.ContentLength), "in a stream its body would be a request of its own:\n%s", m.Raw)
	if to.Addr() == desk.Addr() || !couldRing(m.Method) {
		return
	}
	for _, text := range routedOn(m, s) {
		require.Falsef(w.t, !arrives && couldReach(subject, text), "%v could be rung by %q:\n%s", subject.Number, text, m.Raw)
	}
	uri := string(m.Bytes(m.RequestURI))
	if m.Method != "INVITE" || to.Addr() != trunkA.Addr() && to.Addr() != trunkB.Addr() && to.Addr() != nobody.Addr() {
		return
	}
	require.Contains(w.t, []transport.Address{trunkA, trunkB}, to)
	e.mu.Lock()
	defer e.mu.Unlock()
	n, _, _ := strings.Cut(strings.TrimPrefix(uri, "sip:"), "@")
	emergency := slices.Contains([]string{"911", "112", "110", "190", "119", "120", "122", "192", "193"}, n) || strings.HasPrefix(uri, "urn:service:sos")
	require.Truef(w.t, emergency || e.allowed[string(m.CallID)][gate.Number(n)], "%s was rung and not allowed in call %s", uri, m.CallID)
}

// routedOn is everything in a request that some switch might route on. A To that means another number by its own words,
// such as a context, is rung as that one.
func routedOn(m *message.Message, s spellingtest.Spelling) []string {
	all := []string{string(m.Bytes(m.RequestURI))}
	if m.Method == "REFER" {
		all = append(all, string(m.Bytes(m.Body)))
	}
	if s.Reading != spellingtest.Another {
		all = append(all, value(m, message.To))
	}
	for _, h := range m.Headers() {
		switch name := strings.ToLower(string(m.Bytes(h.Name))); name {
		case "route", "refer-to", "r", "p-called-party-id":
			all = append(all, string(m.Bytes(h.Value)))
		}
	}
	return all
}

// canonicalURI is a Request-URI or Refer-To with a whole E.164 number, which every exchange reads alike.
var canonicalURI = regexp.MustCompile(`^<?(?:sip:|tel:)(\+[1-9]\d+)(?:@|>|$)`)

// couldReach is this test's own reading: could anybody, who decodes and cleans up text in whatever way, ring the number
// by it? Its host is no part of it.
func couldReach(subject spellingtest.Subject, text string) bool {
	national := subject.Plain[len(subject.Plain)-1]
	if e164 := canonicalURI.FindStringSubmatch(text); e164 != nil {
		return strings.HasPrefix(e164[1], subject.Number)
	}
	for range 3 {
		if plain, err := url.PathUnescape(text); err == nil {
			text = plain
		}
	}
	text = strings.ReplaceAll(strings.ReplaceAll(text, trunkA.AddrPort.String(), ""), "10.0.0.1", "")
	digits := strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9':
			return r
		case r >= '\uff10' && r <= '\uff19':
			return r - '\uff10' + '0'
		case r >= '\u0660' && r <= '\u0669':
			return r - '\u0660' + '0'
		case r == 'O' || r == 'o':
			return '0'
		case r == 'l' || r == 'I':
			return '1'
		default:
			return -1
		}
	}, text)
	return strings.Contains(digits, national)
}
