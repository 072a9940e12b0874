package scenarios

import (
	"time"

	"github.com/ringfence/ringfence/test/site"
)

// Modes are scenarios in which the gate does more than a relay could: it answers in a switch's dialect, plays an
// announcement or tells the rep's phone. Kamailio has no part in them.
func Modes() []Scenario {
	var all []Scenario
	for _, part := range [][]Scenario{redirects(), dips(), announcements(), notices()} {
		all = append(all, part...)
	}
	return all
}

var (
	listed = [][]string{{"dnc", "add", site.BlockedNumber}}
	owned  = [][]string{{"owner", "claim", site.RedirectedNumber, "--rep", site.Owner}}
)

// answered is a call that the gate answers itself: every other end hears nothing.
func answered(name, peer, number string, says [][]string, status string, reads ...string) Scenario {
	s := Scenario{Name: name, Peer: peer, Number: number, Says: says, Caller: caller("caller-fails", udp, status+" INVITE")}
	s.Caller.Reads = reads
	s.Second.Over = tcp
	return s
}

func redirects() []Scenario {
	const mode = "mode: redirect, lease: 90s"
	overTCP := answered("redirect: refused, TCP", mode, site.BlockedNumber, listed, "403", "403 On do-not-call list")
	overTCP.Caller.Over = tcp
	return []Scenario{
		answered("redirect: to the trunks", mode, freeNumber, nil, "302", "302 Moved Temporarily",
			"Contact: <sip:+12125550100@127.0.0.2:", ">;q=1.0", "Contact: <sip:+12125550100@127.0.0.3:", ";transport=tcp>;q=0.500", "Expires: 90\n"),
		answered("redirect: to the owner", mode, site.RedirectedNumber, owned, "302", "Contact: <sip:202@127.0.0.4:", "X-Ringfence-Reason: owned"),
		answered("redirect: emergency", mode, "911", nil, "302", "Contact: <sip:911@127.0.0.2:"),
		answered("redirect: internal", mode, "203", nil, "302", "Contact: <sip:203@127.0.0.4:"),
		overTCP,
	}
}

func dips() []Scenario {
	return []Scenario{
		answered("TeleBlock dip: allowed", "mode: teleblock", freeNumber, nil, "499", "499 Allowed"),
		answered("TeleBlock dip: blocked", "mode: teleblock", site.BlockedNumber, listed, "403", "403 Do-Not-Contact", "X-Ringfence-Reason: dnc"),
		answered("Galaxtel dip: clean", "mode: galaxtel", freeNumber, nil, "503", "503 Service Unavailable"),
		answered("Galaxtel dip: stop", "mode: galaxtel", site.RedirectedNumber, owned, "403", "403 Forbidden"),
		answered("in a Sippy's place: refused", "mode: sippy", site.BlockedNumber, listed, "470", "470 Consent Needed"),
		{
			Name: "in a Sippy's place: carried", Peer: "mode: sippy",
			Caller: caller("caller-hangs-up", udp, callerHears...), Trunk: callee("callee-answers", udp, calleeHears...),
		},
	}
}

func announcements() []Scenario {
	announced := func(name, caller, announcement string, callerHears, announcementHears Flow) Scenario {
		return Scenario{
			Name: name, Peer: `announcement: "sip:denied-{reason}@{pbx}"`, Number: site.BlockedNumber, Says: listed,
			Caller: Role{Script: caller, Over: udp, Hears: callerHears},
			PBX:    Role{Script: announcement, Over: udp, Hears: announcementHears, Reads: []string{"INVITE sip:denied-dnc@127.0.0.4:", "X-Ringfence-Reason: dnc", "Reason: SIP;cause=403"}},
		}
	}
	overTCP := announced("announcement is heard, TCP", "caller-hangs-up", "callee-answers", callerHears, calleeHears)
	overTCP.Peer = `announcement: "sip:denied-{reason}@{pbx};transport=tcp"`
	overTCP.Caller.Over, overTCP.PBX.Over = tcp, tcp
	dead := announced("announcement is dead", "caller-fails", "trunk-says-nothing", Flow{"403 INVITE"}, Flow{"INVITE"})
	dead.Timers.NoAnswer = time.Second
	return []Scenario{
		announced("announcement is heard", "caller-hangs-up", "callee-answers", callerHears, calleeHears),
		announced("announcement hangs up", "caller-is-hung-up", "callee-hangs-up", Flow{"180 INVITE", "200 INVITE", "BYE"}, Flow{"INVITE", "ACK", "200 BYE"}),
		announced("announcement is busy", "caller-fails", "callee-is-busy", Flow{"180 INVITE", "403 INVITE"}, Flow{"INVITE", "ACK"}),
		announced("announcement is cancelled", "caller-cancels-ringing", "callee-is-cancelled", Flow{"180 INVITE", "200 CANCEL", "487 INVITE"}, cancelled),
		overTCP, dead,
	}
}

func notices() []Scenario {
	told := answered("rep's phone is told why", "notify: true", site.BlockedNumber, listed, "403")
	told.PBX = callee("phone-is-told", udp, "MESSAGE")
	told.PBX.Reads = []string{"MESSAGE sip:201@127.0.0.4:", "Content-Type: text/plain; charset=utf-8", "\n\nThis number is on a do-not-call list"}
	return []Scenario{told}
}
