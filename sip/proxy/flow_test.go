package proxy

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

const gruu = "sip:201@office.invalid;gr=urn:uuid:1"

// A phone whose Contact leads nowhere by itself is reached by UDP, too, where its INVITE came from (RFC 5626 §5.3); one
// that somebody else speaks for is not.
func TestFlowOfTheCallerByUDP(t *testing.T) {
	bye := func(w *world, target string, invite *message.Message) {
		w.deliver(trunkA, fmt.Sprintf("BYE %s SIP/2.0\nVia: SIP/2.0/UDP 10.1.0.1:5060;branch=z9hG4bK-callee\nMax-Forwards: 70\n%s"+
			"From: <sip:+12125550100@10.0.0.1>;tag=callee\nTo: <sip:201@10.0.0.1>;tag=caller\nCall-ID: call-1\nCSeq: 9 BYE\nContent-Length: 0\n\n",
			target, routeSet(invite, false)))
	}
	for _, target := range []string{gruu, "sip:201@192.168.1.1:5060;ob"} {
		inWorld(t, setUp{}, func(w *world) {
			invite, _ := w.up(ask{more: "Contact: <" + target + ">\n"})
			bye(w, target, invite)
			w.expectMethod(desk, "BYE")
		})
	}
	for name, more := range map[string]string{
		"a Contact that leads to the phone": "Contact: <sip:201@10.0.0.9:5070>\n",
		"a PBX between":                     "Contact: <" + gruu + ">\nVia: SIP/2.0/UDP 192.168.1.1;branch=z9hG4bK-phone\n",
	} {
		inWorld(t, setUp{}, func(w *world) {
			invite, _ := w.up(ask{more: more})
			require.NotContains(t, value(invite, message.RecordRoute), "@", name)
		})
	}
}

// A phone that registered by UDP is asked in calls, too, where its REGISTER came from, whatever Contact it answers with.
func TestFlowOfTheCalleeByUDP(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.ask(ask{method: "REGISTER", uri: "sip:10.0.0.1"})
		path := value(w.expectMethod(pbx, "REGISTER"), message.Path)
		w.ask(ask{uri: "sip:201@10.0.0.9:5070", from: "305", callID: "in", source: pbx, more: "Route: " + path + "\n"})
		w.expectStatus(pbx, 100)
		w.replyFrom(desk, w.expectMethod(desk, "INVITE"), 200, gruu, "")
		q := within("BYE", gruu, "z9hG4bK-bye", w.expectStatus(pbx, 200))
		q.callID, q.from, q.source = "in", "305", pbx
		w.ask(q)
		w.expectMethod(desk, "BYE")
	})
}

// A registrar by RFC 3327 §5.3 refuses a Path (420) unless REGISTER says that it is supported, once.
func TestPathIsSupported(t *testing.T) {
	for _, more := range []string{"", "Supported: outbound, gruu\n", "Supported: gruu, Path\n", "k: path\n"} {
		inWorld(t, setUp{}, func(w *world) {
			w.ask(ask{method: "REGISTER", uri: "sip:10.0.0.1", more: more})
			register := w.expectMethod(pbx, "REGISTER")
			said := 0
			for s := range register.Elements(message.Supported) {
				if strings.EqualFold(string(register.Bytes(s)), "path") {
					said++
				}
			}
			require.Equal(t, 1, said, "%s", register.Raw)
		})
	}
}

// The flow of a phone behind the PBX is no number, however many digits it happens to have; and a number is no flow.
func TestFlowIsNoNumber(t *testing.T) {
	inWorld(t, setUp{}, func(w *world) {
		w.ask(ask{uri: "sip:305@10.0.0.1"})
		w.expectStatus(desk, 100)
		w.reply(pbx, w.expectMethod(pbx, "INVITE"), 200, "")
		ok := w.expectStatus(desk, 200)
		flow := ""
		for port := uint16(1); !dialled([]byte(flow)); port++ {
			phone := transport.Address{Protocol: transport.TCP, AddrPort: netip.AddrPortFrom(desk.Addr(), port)}
			flow = w.proxy.Keys.signCallFlow(phone, calleeSide, []byte("call-1"))
		}
		info := func(branch, hop string) {
			w.ask(ask{
				method: "INFO", uri: "sip:305@10.0.0.9:5070", branch: branch, cseq: 2, toTag: "callee",
				more: routeSet(ok, true) + "Route: <sip:10.0.0.5;lr>\nRoute: <sip:" + hop + ";lr>\n",
			})
		}
		info("z9hG4bK-flow", flow+"@10.0.0.1:5060")
		w.expectMethod(pbx, "INFO")
		for i, hop := range []string{flow + "@10.0.0.5:5060", "+12125550100@10.0.0.1:5060", flow[:len(flow)-1] + "!@10.0.0.1:5060"} {
			info(fmt.Sprint("z9hG4bK-number", i), hop)
			w.expectStatus(desk, 403)
		}
	})
}
