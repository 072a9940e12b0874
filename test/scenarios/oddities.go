package scenarios

import "github.com/ringfence/ringfence/test/site"

// oddities are requests that no phone of good faith sends, and answers that would lead round the proxy.
func oddities() []Scenario {
	answered := func(name, script string, hears ...string) Scenario {
		return Scenario{Name: name, Number: site.BlockedNumber, Caller: caller(script, udp, hears...)}
	}
	reInvite := answered("re-INVITE of a call that there is not, to a blocked number", "caller-forges-a-re-invite", "403 INVITE")
	reInvite.Says = [][]string{{"dnc", "add", site.BlockedNumber}}
	reInvite.Differs = &Difference{
		Caller: &Flow{"481 INVITE"},
		Why:    "a relay knows no call by what it signed, so it can only say that there is none; the gate decides on the number",
	}
	moved := Scenario{
		Name:   "trunk says that the callee has moved",
		Caller: caller("caller-fails", udp, "180 INVITE", "302 INVITE"), Trunk: callee("callee-has-moved", udp, "INVITE", "ACK"),
	}
	return []Scenario{
		answered("no hops left", "caller-has-no-hops-left", "483 INVITE"),
		answered("proxy required to know the unknown", "caller-requires-the-unknown", "420 INVITE"),
		answered("BYE of a call that there is not", "caller-forges-a-dialog", "481 BYE"),
		reInvite, moved,
	}
}
