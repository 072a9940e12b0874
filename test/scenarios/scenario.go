// Package scenarios holds the calls that any proxy in the gate's place must carry, as SIPp plays them from both ends,
// and what each end must have heard when they are over. The same scenarios run through the gate and through Kamailio.
package scenarios

import (
	"strings"

	"github.com/ringfence/ringfence/test/relay"
	"github.com/ringfence/ringfence/test/site"
)

// Scenario is a call, or several alike, through the proxy.
type Scenario struct {
	Name    string
	Calls   int        // default 1
	Number  string     // what is dialled; default: one that nobody owns
	Inbound bool       // the caller is the first trunk's network, not a rep
	Peer    string     // further keys of the caller's peer, for the gate alone; {pbx} stands for where the PBX is
	Says    [][]string // commands that prepare the gate; Kamailio has the number's fate in its configuration

	Caller, Trunk, Second, PBX Role // a role without a script is there, hears and says nothing

	Large  bool        // the first trunk is configured for UDP though it takes TCP: what is large must come so
	Timers site.Timers // zero: T1 200 ms, nothing shorter than a scenario lasts
	Near   *Loss       // the network between caller and proxy; UDP only
	Far    *Loss       // the network between proxy and first trunk; UDP only

	Differs *Difference // where a plain relay rightly behaves otherwise
}

// Role is one end: what it plays, over what, and what it must have heard. A second trunk is configured when Over is set.
type Role struct {
	Script string
	Over   site.Protocol
	Hears  Flow
	Reads  []string // what must stand in a message that it heard
}

// Flow is what one end heard in one call, in order: methods, and statuses with the method they answer. Repetitions and
// 100 Trying, which a proxy sends or not as time goes, are left out.
type Flow []string

func (f Flow) String() string {
	if len(f) == 0 {
		return "nothing"
	}
	return strings.Join(f, ", ")
}

// Loss makes the rules of a bad network, anew for every run. Neither provisional responses nor ACKs count then: a lost
// 180 is never repeated (RFC 3261 §17), and an ACK only when a 200 comes again.
type Loss struct{ There, Back func() relay.Rule }

// Difference is where Kamailio's outcome is another, and why ours is right. docs/sip.md repeats these.
type Difference struct {
	Why                        string
	Fails                      bool  // the calls do not come about at all
	Caller, Trunk, Second, PBX *Flow // nil: the same as Ringfence
}

// Ends names the roles in the order of tables.
var Ends = [4]string{"caller", "trunk", "second trunk", "pbx"}

// roles are in the order of Ends.
func (s *Scenario) roles() [len(Ends)]*Role {
	return [...]*Role{&s.Caller, &s.Trunk, &s.Second, &s.PBX}
}

// Want is what each end must have heard when the named proxy carried the calls.
func (s *Scenario) Want(proxy string) Outcome {
	var o Outcome
	for i, r := range s.roles() {
		o[i] = r.Hears
	}
	if s.Differs != nil && proxy == (site.Kamailio{}).Name() {
		for i, f := range [...]*Flow{s.Differs.Caller, s.Differs.Trunk, s.Differs.Second, s.Differs.PBX} {
			if f != nil {
				o[i] = *f
			}
		}
	}
	return o
}

// Fails says whether the named proxy is known not to carry the calls at all.
func (s *Scenario) Fails(proxy string) bool {
	return s.Differs != nil && s.Differs.Fails && proxy == (site.Kamailio{}).Name()
}

// Outcome is what each end heard, in the order of Ends, the same in every call of the scenario.
type Outcome [len(Ends)]Flow

func (o Outcome) String() string {
	var parts []string
	for i, f := range o {
		if i < 2 || len(f) > 0 {
			parts = append(parts, Ends[i]+": "+f.String())
		}
	}
	return strings.Join(parts, " | ")
}

// Equal compares what was heard.
func (o Outcome) Equal(other Outcome) bool { return o.String() == other.String() }
