package scenarios

import (
	"time"

	"github.com/ringfence/ringfence/test/relay"
	"github.com/ringfence/ringfence/test/site"
)

const (
	udp = site.UDP
	tcp = site.TCP
)

// What the ends of an ordinary call hear.
var (
	callerHears = Flow{"180 INVITE", "200 INVITE", "200 BYE"}
	calleeHears = Flow{"INVITE", "ACK", "BYE"}
	cancelled   = Flow{"INVITE", "CANCEL", "ACK"}
)

// All is every scenario.
func All() []Scenario {
	var all []Scenario
	for _, part := range [][]Scenario{wholeCalls(), cancellations(), failures(), dialogs(), badNetworks(), verdicts(), oddities()} {
		all = append(all, part...)
	}
	return all
}

func caller(script string, over site.Protocol, hears ...string) Role {
	return Role{Script: script, Over: over, Hears: hears}
}

func callee(script string, over site.Protocol, hears ...string) Role {
	return Role{Script: script, Over: over, Hears: hears}
}

func wholeCalls() []Scenario {
	call := func(name string, in, out site.Protocol) Scenario {
		return Scenario{Name: name, Caller: caller("caller-hangs-up", in, callerHears...), Trunk: callee("callee-answers", out, calleeHears...)}
	}
	hungUp := func(name string, in, out site.Protocol) Scenario {
		return Scenario{
			Name:   name,
			Caller: caller("caller-is-hung-up", in, "180 INVITE", "200 INVITE", "BYE"),
			Trunk:  callee("callee-hangs-up", out, "INVITE", "ACK", "200 BYE"),
		}
	}
	large := Scenario{
		Name: "large INVITE, trunk takes TCP", Large: true,
		Caller: caller("caller-sends-much", udp, callerHears...), Trunk: callee("callee-answers", tcp, calleeHears...),
	}
	fallback := Scenario{
		Name:   "large INVITE, trunk takes no TCP",
		Caller: caller("caller-sends-much", udp, callerHears...), Trunk: callee("callee-answers", udp, calleeHears...),
		Differs: &Difference{Fails: true, Why: "RFC 3261 §18.1.1 wants UDP tried when TCP is refused; Kamailio answers 477 instead"},
	}
	inbound := Scenario{
		Name: "call from a trunk to an extension", Inbound: true, Number: "203",
		Caller: caller("caller-hangs-up", udp, callerHears...), PBX: callee("callee-answers", udp, calleeHears...),
	}
	return []Scenario{
		call("full call, UDP", udp, udp),
		call("full call, TCP", tcp, tcp),
		call("full call, UDP to TCP", udp, tcp),
		call("full call, TCP to UDP", tcp, udp),
		hungUp("called side hangs up, UDP", udp, udp),
		hungUp("called side hangs up, TCP", tcp, tcp),
		hungUp("called side hangs up, TCP to UDP", tcp, udp),
		large, fallback, inbound,
		{Name: "OPTIONS to the gate", Caller: caller("caller-asks-options", udp, "200 OPTIONS")},
	}
}

func cancellations() []Scenario {
	return []Scenario{
		{
			Name:   "caller cancels before anything rings",
			Caller: caller("caller-cancels-at-once", udp, "200 CANCEL", "180 INVITE", "487 INVITE"),
			Trunk:  callee("callee-is-slow", udp, cancelled...),
			Differs: &Difference{
				Caller: &Flow{"200 CANCEL", "487 INVITE"},
				Why:    "RFC 3261 §16.7-5 has every provisional response passed on; Kamailio keeps back those of a call that is being cancelled",
			},
		},
		{
			Name:   "caller cancels while it rings",
			Caller: caller("caller-cancels-ringing", udp, "180 INVITE", "200 CANCEL", "487 INVITE"),
			Trunk:  callee("callee-is-cancelled", udp, cancelled...),
		},
		{
			Name:   "caller cancels while it rings, TCP",
			Caller: caller("caller-cancels-ringing", tcp, "180 INVITE", "200 CANCEL", "487 INVITE"),
			Trunk:  callee("callee-is-cancelled", tcp, cancelled...),
		},
		{
			Name:   "caller cancels as the 200 crosses",
			Caller: caller("caller-cancels-too-late", udp, "180 INVITE", "200 CANCEL", "200 INVITE", "200 BYE"),
			Trunk:  callee("callee-answers-the-cancel", udp, "INVITE", "CANCEL", "ACK", "BYE"),
		},
	}
}

func failures() []Scenario {
	trunkDown := func(name, script string, hears ...string) Scenario {
		return Scenario{
			Name: name, Caller: caller("caller-hangs-up", udp, callerHears...),
			Trunk: callee(script, udp, hears...), Second: callee("callee-answers", udp, calleeHears...),
		}
	}
	silent := trunkDown("trunk says nothing, second trunk takes the call", "trunk-says-nothing", "INVITE")
	silent.Timers.NoAnswer = time.Second
	return []Scenario{
		{
			Name: "callee busy", Caller: caller("caller-fails", udp, "180 INVITE", "486 INVITE"),
			Trunk: callee("callee-is-busy", udp, "INVITE", "ACK"),
		},
		{
			Name: "callee declines", Caller: caller("caller-fails", udp, "180 INVITE", "603 INVITE"),
			Trunk: callee("callee-declines", udp, "INVITE", "ACK"),
		},
		{
			Name: "number unknown", Caller: caller("caller-fails", udp, "404 INVITE"),
			Trunk: callee("trunk-knows-no-such-number", udp, "INVITE", "ACK"),
		},
		{
			Name: "callee never answers, Timer C ends it", Timers: site.Timers{C: time.Second},
			Caller: caller("caller-fails", udp, "180 INVITE", "487 INVITE"),
			Trunk:  callee("callee-is-cancelled", udp, cancelled...),
			Differs: &Difference{
				Caller: &Flow{"180 INVITE", "408 INVITE"},
				Why:    "RFC 3261 §16.8 has the proxy cancel the branch and pass on what the callee answers to that, its 487; Kamailio answers 408 before the callee could",
			},
		},
		{
			Name: "only trunk overloaded", Caller: caller("caller-fails", udp, "500 INVITE"),
			Trunk: callee("trunk-is-overloaded", udp, "INVITE", "ACK"),
		},
		trunkDown("trunk overloaded, second trunk takes the call", "trunk-is-overloaded", "INVITE", "ACK"),
		silent,
		{
			Name: "busy is final though there is a second trunk", Caller: caller("caller-fails", udp, "180 INVITE", "486 INVITE"),
			Trunk: callee("callee-is-busy", udp, "INVITE", "ACK"), Second: Role{Over: udp},
		},
	}
}

func dialogs() []Scenario {
	return []Scenario{
		{
			Name:   "re-INVITE, UPDATE and INFO",
			Caller: caller("caller-changes-the-call", udp, "180 INVITE", "200 INVITE", "200 INVITE", "200 UPDATE", "200 INFO", "200 BYE"),
			Trunk:  callee("callee-answers", udp, "INVITE", "ACK", "INVITE", "ACK", "UPDATE", "INFO", "BYE"),
		},
		{
			Name:   "reliable 183 and PRACK",
			Caller: caller("caller-prack", udp, "183 INVITE", "200 PRACK", "200 INVITE", "200 BYE"),
			Trunk:  callee("callee-prack", udp, "INVITE", "PRACK", "ACK", "BYE"),
		},
		{
			Name:   "REFER and its NOTIFY",
			Caller: caller("caller-refers", udp, "180 INVITE", "200 INVITE", "202 REFER", "NOTIFY", "200 BYE"),
			Trunk:  callee("callee-is-referred", udp, "INVITE", "ACK", "REFER", "200 NOTIFY", "BYE"),
		},
	}
}

// both is a network that is as bad in one direction as in the other.
func both(rule func() relay.Rule) *Loss { return &Loss{There: rule, Back: rule} }

// badNetworks: whatever is lost, repeated or late, every call is answered once, ended once, and heard of once.
func badNetworks() []Scenario {
	call := func(name string, calls int, near, far *Loss) Scenario {
		return Scenario{
			Name: name, Calls: calls, Near: near, Far: far,
			Caller: caller("caller-is-patient", udp, "200 INVITE", "200 BYE"), Trunk: callee("callee-is-patient", udp, "INVITE", "BYE"),
		}
	}
	every := func(n int, f relay.Fate) *Loss { return both(func() relay.Rule { return relay.Every(n, f) }) }
	random := func(seed uint64) *Loss {
		return both(func() relay.Rule { return relay.Random(seed, 0.1, relay.Drop) })
	}
	busy := Scenario{
		Name: "busy, every first copy lost", Near: both(relay.FirstCopy), Far: both(relay.FirstCopy),
		Caller: caller("caller-fails", udp, "486 INVITE"), Trunk: callee("callee-is-busy", udp, "INVITE"),
	}
	return []Scenario{
		// One call only: several would repeat themselves in step and always lose the same one's packet.
		call("every third packet lost, phone side", 1, every(3, relay.Drop), nil),
		call("every third packet lost, trunk side", 1, nil, every(3, relay.Drop)),
		call("every first copy lost, both sides", 1, both(relay.FirstCopy), both(relay.FirstCopy)),
		call("every second packet twice, both sides", 5, every(2, relay.Repeat), every(2, relay.Repeat)),
		call("every fourth packet late, both sides", 5, every(4, relay.Hold), every(4, relay.Hold)),
		call("10 % of packets lost at random, both sides", 20, random(1), random(2)),
		busy,
	}
}

func verdicts() []Scenario {
	refused := func(name string, over site.Protocol, says ...string) Scenario {
		return Scenario{
			Name: name, Number: site.BlockedNumber, Says: [][]string{says},
			Caller: caller("caller-fails", over, "403 INVITE"),
		}
	}
	unheard := refused("call refused, every first copy lost", udp, "dnc", "add", site.BlockedNumber)
	unheard.Near = both(relay.FirstCopy)
	return []Scenario{
		unheard,
		{
			Name: "emergency call", Number: "911",
			Caller: caller("caller-hangs-up", udp, callerHears...), Trunk: callee("callee-answers", udp, calleeHears...),
		},
		{
			Name: "internal call", Number: "203",
			Caller: caller("caller-hangs-up", udp, callerHears...), PBX: callee("callee-answers", udp, calleeHears...),
		},
		refused("call refused: do-not-call list", udp, "dnc", "add", site.BlockedNumber),
		refused("call refused: do-not-call list, TCP", tcp, "dnc", "add", site.BlockedNumber),
		refused("call refused: customer said no", udp, "refuse", site.BlockedNumber),
		refused("call refused: another's customer, no extension", udp, "owner", "claim", site.BlockedNumber, "--rep", "wei"),
		{
			Name: "call redirected to the owner", Number: site.RedirectedNumber,
			Says:   [][]string{{"owner", "claim", site.RedirectedNumber, "--rep", site.Owner}},
			Caller: caller("caller-hangs-up", udp, callerHears...), PBX: callee("callee-answers", udp, calleeHears...),
		},
	}
}
