package proxy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/sip/message"
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
