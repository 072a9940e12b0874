package gate_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/gate/registrytest"
)

// staff are Zhang of east, who has a phone 201 and a certificate zhang.wei, Li of west, who left, and the boss, of no team.
func staff() registrytest.People {
	zhang := gate.Person{Rep: "zhang", Team: "east", Scope: "loans", Extension: "201"}
	p := registrytest.NewPeople(zhang, gate.Person{Rep: "202", Team: "west", Scope: "loans"}, gate.Person{Rep: "li", Team: "west", Left: true},
		gate.Person{Rep: "boss", Supervisor: true})
	p["zhang.wei"] = zhang
	return p
}

func with(p gate.People) func(*gate.Options) { return func(o *gate.Options) { o.People = p } }

func TestRecognise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, config(), with(staff()))
		for wire, rep := range map[gate.Rep]gate.Rep{
			"zhang": "zhang", "zhang.wei": "zhang", "202": "202", "stranger": "stranger", "": "", gate.Anybody: "", "li": "li",
		} {
			require.Equal(t, rep, o.Recognise(wire), wire)
			require.Equal(t, rep, o.Recognise(o.Recognise(wire)), "twice is once")
		}
		require.Equal(t, gate.Rep("zhang.wei"), open(t, config()).Recognise("zhang.wei"), "nobody is entered")
	})
}

// TestExtensionOfAPerson: an owner whose id is no extension is rung where the people say.
func TestExtensionOfAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		people := staff()
		people["203"] = gate.Person{Rep: "203", Extension: "+12125550777"} // which is no extension
		c := config()
		c.Rules.Owned.Action = gate.OwnedRedirect
		o := open(t, c, with(people))
		require.Equal(t, "201", o.Extension("zhang"))
		require.Equal(t, "202", o.Extension("202"))
		require.Equal(t, "203", o.Extension("203"), "the id, when what was entered cannot be rung")
		require.Empty(t, o.Extension("boss"))
		require.Equal(t, "205", o.Extension("205"), "not among the people")

		d := o.dial("zhang", "+12125550100", "a")
		require.Equal(t, gate.Allow, d.Verdict)
		o.Answered(d.Reservation)
		wait(time.Minute)
		o.End(d.Reservation, gate.EndAnswered, 200)
		wait(time.Second)
		theirs := o.dial("202", "+12125550100", "b")
		require.Equal(t, "redirect owned zhang 201", theirs.Verdict.String()+" "+theirs.Reason.String()+" "+string(theirs.Owner)+" "+theirs.Extension)
	})
}

func TestUnknownReps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		block := config()
		block.Rules.UnknownRep = gate.UnknownBlock
		allowing, blocking, empty := open(t, config(), with(staff())), open(t, block, with(staff())), open(t, block, with(registrytest.People{}))
		for _, test := range []struct {
			rep                   gate.Rep
			allows, blocks, empty gate.Reason
		}{
			{"zhang", gate.Allowed, gate.Allowed, gate.Allowed},
			{"stranger", gate.Allowed, gate.UnknownRep, gate.Allowed},
			{"li", gate.UnknownRep, gate.UnknownRep, gate.Allowed},
			{"", gate.UnknownRep, gate.UnknownRep, gate.UnknownRep},
		} {
			for o, want := range map[*office]gate.Reason{allowing: test.allows, blocking: test.blocks, empty: test.empty} {
				d := o.dial(test.rep, "+12125550100", "x")
				require.Equal(t, want, d.Reason, test.rep)
				o.End(d.Reservation, gate.EndUnanswered, 0)
				for _, number := range []string{"911", "203"} {
					require.Equal(t, gate.Allow, o.dial(test.rep, number, number).Verdict, "%s rings %s", test.rep, number)
				}
				wait(time.Minute) // the number is free again, and the attempt forgotten
			}
		}
		require.Equal(t, gate.Allowed, blocking.dial(gate.Anybody, "+12125550100", "y").Reason, "where only the number matters")
	})
}

// TestLeaverInACall: who leaves while a call is up keeps that call, and what it earns.
func TestLeaverInACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		people := staff()
		o := open(t, config(), with(people))
		up := o.dial("202", "+12125550100", "a")
		require.Equal(t, gate.Allowed, up.Reason)
		people["202"] = gate.Person{Rep: "202", Team: "west", Scope: "loans", Left: true}
		o.Answered(up.Reservation)
		wait(time.Minute)
		require.True(t, o.Holds(customer, "a", "tag-a"))
		require.Equal(t, gate.UnknownRep, o.dial("202", "+12125550101", "b").Reason)
		o.End(up.Reservation, gate.EndAnswered, 200)
		wait(time.Second)
		require.Equal(t, gate.Owned, o.dial("zhang", "+12125550100", "c").Reason, "its minute of talk made it the owner")
	})
}

// TestPeopleCostNothing: who calls and where is asked for every call, and takes no memory.
func TestPeopleCostNothing(t *testing.T) {
	c := atlas(gate.TerritoryMark)
	c.Rules.UnknownRep = gate.UnknownBlock
	g, err := gate.New(gate.Options{Config: c, Registry: registrytest.NewMemory(nil), People: staff(), Queue: 1000})
	require.NoError(t, err)
	for user, rep := range map[string]gate.Rep{"+13125550100": "zhang.wei", "+12127770100": "202", "+13105550100": "li", "+12125550100": "stranger"} {
		dialled := g.Read("sip", user, nil)
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			sinkDecision, _ = g.Local(gate.Call{Key: gate.Key{Rep: g.Recognise(rep), CallID: "a"}, Dialled: dialled})
		}), "%s rings %s", rep, user)
	}
}

// BenchmarkLocalOfAPerson is the way in of a call that goes on to the registry, with every rule about people on.
func BenchmarkLocalOfAPerson(b *testing.B) {
	c := atlas(gate.TerritoryBlock)
	c.Rules.UnknownRep = gate.UnknownBlock
	g, err := gate.New(gate.Options{Config: c, Registry: registrytest.NewMemory(nil), People: staff()})
	require.NoError(b, err)
	dialled := g.Read("sip", "+12125550100", nil)
	b.ReportAllocs()
	for b.Loop() {
		sinkDecision, _ = g.Local(gate.Call{Key: gate.Key{Rep: g.Recognise("zhang.wei"), CallID: "a"}, Dialled: dialled})
	}
}
