package identity

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/transport"
)

func udpFlow(port uint16) transport.Flow {
	at := transport.Address{Protocol: transport.UDP, AddrPort: netip.AddrPortFrom(phone, port)}
	return transport.Source{Address: at}.Flow()
}

func register(t *testing.T, user, headers string) *message.Message {
	return parsed(t, "REGISTER sip:pbx SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1\nFrom: <sip:"+user+"@pbx>;tag=a\nTo: <sip:"+user+"@pbx>\n"+
		"Call-ID: c\nCSeq: 1 REGISTER\n"+headers+"\n")
}

func registered(t *testing.T, headers string) *message.Message {
	return parsed(t, "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1\nFrom: <sip:201@pbx>;tag=a\nTo: <sip:201@pbx>;tag=b\n"+
		"Call-ID: c\nCSeq: 1 REGISTER\n"+headers+"\n")
}

// How long a registration binds its flow: as long as the registrar says that it keeps the contact.
func TestRegistered(t *testing.T) {
	const contact = "Contact: <sip:201@10.0.0.9:5070>"
	for name, c := range map[string]struct {
		asks, says string
		seconds    int // 0: not at all
	}{
		"parameter":                      {contact + "\n", contact + ";expires=60\n", 60},
		"header":                         {contact + "\nExpires: 90\n", contact + "\nExpires: 60\n", 60},
		"parameter beats header":         {contact + "\n", contact + ";expires=60\nExpires: 600\n", 60},
		"as asked, header":               {contact + "\nExpires: 60\n", contact + "\n", 60},
		"as asked, parameter":            {contact + ";expires=60\n", contact + "\n", 60},
		"nobody says":                    {contact + "\n", contact + "\n", 3600},
		"among others":                   {contact + "\n", "Contact: <sip:201@other>;expires=20, <sip:201@10.0.0.9:5070>;expires=60\n", 60},
		"rewritten":                      {contact + "\n", "Contact: <sip:201@rewritten>;expires=60\nm: <sip:201@x>;expires=70\n", 60},
		"kept none":                      {contact + "\n", "Expires: 600\n", 0},
		"unregistered, header":           {contact + "\nExpires: 0\n", "", 0},
		"unregistered, others left":      {contact + ";expires=0\n", "Contact: <sip:201@other>;expires=600\n", 0},
		"unregistered, star":             {"Contact: *\nExpires: 0\n", "", 0},
		"only asked":                     {"", contact + ";expires=600\n", 0},
		"granted 0":                      {contact + "\n", contact + ";expires=0\n", 0},
		"expires that cannot be read":    {contact + "\n", contact + ";expires=soon\n", 3600},
		"expires that goes beyond sense": {contact + "\n", contact + ";expires=4294967295\n", longestBinding},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(1_800_000_000, 0)
			f := NewFlows(func() time.Time { return now })
			f.Registered(Registering(register(t, "201", c.asks), udpFlow(5070)), registered(t, c.says))
			invite := request(t, "From: <sip:305@forged>;tag=a\n")
			if c.seconds == 0 {
				require.Empty(t, f.Rep(udpFlow(5070), invite))
				return
			}
			now = now.Add(time.Duration(c.seconds)*time.Second - 1)
			require.Equal(t, gate.Rep("201"), f.Rep(udpFlow(5070), invite), "From is not believed")
			require.Empty(t, f.Rep(udpFlow(5071), invite), "another flow")
			now = now.Add(1)
			require.Empty(t, f.Rep(udpFlow(5070), invite))
		})
	}
}

func bind(t *testing.T, f *Flows, flow transport.Flow, user string, seconds int) {
	contact := fmt.Sprintf("Contact: <sip:%s@10.0.0.9>;expires=%d\n", user, seconds)
	f.Registered(Registering(register(t, user, contact), flow), registered(t, contact))
}

// Several lines on one flow: From chooses among them, and nobody else.
func TestSeveralLines(t *testing.T) {
	f := NewFlows(time.Now)
	bind(t, f, udpFlow(1), "201", 60)
	bind(t, f, udpFlow(1), "202", 60)
	require.Equal(t, gate.Rep("202"), f.Rep(udpFlow(1), request(t, "From: <sip:202@pbx>;tag=a\n")))
	require.Empty(t, f.Rep(udpFlow(1), request(t, "From: <sip:305@pbx>;tag=a\n")))
	bind(t, f, udpFlow(1), "202", 0)
	require.Equal(t, gate.Rep("201"), f.Rep(udpFlow(1), request(t, "From: <sip:202@pbx>;tag=a\n")))
}

// However many register, from wherever, the table stays within its bounds, and what expires is forgotten.
func TestFlowsBounded(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	f := NewFlows(func() time.Time { return now })
	f.max = 100
	for i := range 500 {
		bind(t, f, udpFlow(uint16(i+1)), fmt.Sprint(i), 60)
	}
	require.Equal(t, 100, f.count)
	now = now.Add(time.Minute)
	for range 5 {
		bind(t, f, udpFlow(1), "201", 0)
		bind(t, f, udpFlow(1), "201", 1)
	}
	require.Equal(t, 1, f.count)
	for i := range 100 {
		bind(t, f, udpFlow(uint16(i+1)), "202", 60)
	}
	require.Len(t, f.byRep["202"], maxFlowsOfRep)
	for i := range 200 {
		bind(t, f, udpFlow(9), fmt.Sprint(i), 60)
	}
	require.Len(t, f.byFlow[udpFlow(9)], maxRepsOfFlow)
	n := 0
	for _, bs := range f.byFlow {
		n += len(bs)
	}
	require.Equal(t, f.count, n)
}
