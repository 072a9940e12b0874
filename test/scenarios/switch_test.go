package scenarios

import (
	"context"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/site"
)

// A Kamailio that carries calls itself asks the gate first, in each of the ways in which one can ask. What the gate
// allows reaches the carrier from the switch; what it refuses reaches the caller as it was said, and nobody else.
func TestSwitchAsksFirst(t *testing.T) {
	t.Parallel()
	binary := built(t)
	for _, test := range []struct {
		mode, number, script string
		caller, carrier      Flow
	}{
		{"redirect", freeNumber, "caller-hangs-up", callerHears, calleeHears},
		{"redirect", site.BlockedNumber, "caller-fails", Flow{"403 INVITE"}, nil},
		{"teleblock", freeNumber, "caller-hangs-up", callerHears, calleeHears},
		{"teleblock", site.BlockedNumber, "caller-fails", Flow{"403 INVITE"}, nil},
		{"galaxtel", freeNumber, "caller-hangs-up", callerHears, calleeHears},
		{"galaxtel", site.BlockedNumber, "caller-fails", Flow{"403 INVITE"}, nil},
	} {
		t.Run(test.mode+" "+test.number, func(t *testing.T) {
			t.Parallel()
			h := newSwitchHouse(t, binary, test.mode)
			caller, carrier := h.call(test.script, test.number, test.carrier != nil)
			assert.Equal(t, test.caller.String(), caller.String(), "caller")
			assert.Equal(t, test.carrier.String(), carrier.String(), "carrier")
		})
	}
}

// switchHouse is a gate, a switch that asks it, a carrier and a caller.
type switchHouse struct {
	*testing.T
	dir     string
	asked   netip.AddrPort
	carrier netip.AddrPort
}

// switchCallers is where the switch's own callers are: to the gate the switch is the only peer.
var switchCallers = netip.MustParseAddr("127.0.0.6")

func newSwitchHouse(t *testing.T, binary, mode string) *switchHouse {
	h := &switchHouse{T: t, dir: t.TempDir()}
	h.asked, h.carrier = h.free(phoneHost), h.free(trunkHost)
	timers := site.Timers{T1: 200 * time.Millisecond, C: time.Minute, NoAnswer: 5 * time.Second}
	trunks := []site.Trunk{{At: h.carrier, Protocol: site.UDP}}
	gatePlan := site.Plan{
		Gate: h.free(gateHost), Phones: netip.PrefixFrom(phoneHost, phoneHost.BitLen()), Trunks: trunks, PBX: h.free(pbxHost),
		Timers: timers, Dir: h.dir, Peer: "mode: " + mode,
	}
	h.start(site.Ringfence{Binary: binary, Prepare: listed}, gatePlan)
	asks := site.Plan{Gate: h.asked, Trunks: trunks, PBX: gatePlan.Gate, Timers: timers, Dir: h.dir}
	h.start(site.Kamailio{Template: filepath.Join(Root(), "kamailio", "switch.cfg.tmpl")}, asks)
	return h
}

func (h *switchHouse) free(host netip.Addr) netip.AddrPort {
	at, err := site.FreeAddress(host)
	require.NoError(h, err)
	return at
}

func (h *switchHouse) start(p site.Proxy, plan site.Plan) {
	running, err := p.Start(h.Context(), plan)
	require.NoError(h, err)
	h.Cleanup(func() { require.NoError(h, running.Stop()) })
}

// call plays one call and returns what the caller and the carrier heard.
func (h *switchHouse) call(script, number string, carried bool) (caller, carrier Flow) {
	ctx, cancel := context.WithTimeout(h.Context(), phoneLimit)
	defer cancel()
	trunk := &site.Phone{Name: "carrier", Script: Script("callee-answers"), Protocol: site.UDP, At: h.carrier, Calls: 1, Limit: phoneLimit, Trace: true, Dir: h.dir}
	require.NoError(h, trunk.Start())
	defer trunk.Kill()
	rep := &site.Phone{
		Name: "caller", Script: Script(script), Protocol: site.UDP, At: h.free(switchCallers), Remote: h.asked,
		Number: number, Rep: site.Caller, Calls: 1, Limit: phoneLimit, Trace: true, Dir: h.dir,
	}
	require.NoError(h, rep.Start())
	defer rep.Kill()
	require.NoError(h, rep.Wait(ctx))
	if carried {
		require.NoError(h, trunk.Wait(ctx))
	}
	return h.heard(rep), h.heard(trunk)
}

func (h *switchHouse) heard(p *site.Phone) Flow {
	messages, err := p.Messages()
	require.NoError(h, err)
	flow, err := unanimous(flows(messages, false), 1)
	require.NoError(h, err)
	return flow
}
