package gate_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/gate/registrytest"
)

func shadowing(rule gate.ShadowRule) gate.Config {
	c := config()
	c.Rules.Shadow = rule
	return c
}

// employ has 201 work in the east and 202 in the west.
func employ(o *gate.Options) {
	o.People = registrytest.NewPeople(gate.Person{Rep: rep201, Team: "east"}, gate.Person{Rep: rep202, Team: "west"})
}

// TestShadowIsForEveryoneATeamOrOneRule: 202 owns the customer and 201, of the team east, dials.
func TestShadowIsForEveryoneATeamOrOneRule(t *testing.T) {
	for name, test := range map[string]struct {
		rule    gate.ShadowRule
		watched bool
	}{
		"off":            {gate.ShadowRule{}, false},
		"everyone":       {gate.ShadowRule{Everyone: true}, true},
		"the team":       {gate.ShadowRule{Teams: []gate.Team{"north", "east"}}, true},
		"another team":   {gate.ShadowRule{Teams: []gate.Team{"west"}}, false},
		"the rule":       {gate.ShadowRule{Reasons: []gate.Reason{gate.DNC, gate.Owned}}, true},
		"another rule":   {gate.ShadowRule{Reasons: []gate.Reason{gate.Refused}}, false},
		"team and rules": {gate.ShadowRule{Teams: []gate.Team{"east"}, Reasons: []gate.Reason{gate.Refused}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := open(t, shadowing(test.rule), employ)
				fill(o.registry.Memory, "owned")
				rehearsed, err := o.Check(context.Background(), o.call(rep201, "2125550100", "a"))
				require.NoError(t, err)
				d := o.dial(rep201, "2125550100", "a")
				require.Equal(t, gate.Owned, d.Reason)
				require.Equal(t, rep202, d.Owner)
				require.Equal(t, test.watched, d.Verdict == gate.Allow)
				require.Equal(t, test.watched, d.Shadow)
				require.Equal(t, gate.Block, d.Would)
				require.Equal(t, d.Verdict, rehearsed.Verdict)
				require.Equal(t, d.Shadow, rehearsed.Shadow)
			})
		})
	}
}

// TestShadowOfABulkList: a local rule that is only watched goes to the registry, which may know of one that is not.
func TestShadowOfABulkList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, shadowing(gate.ShadowRule{Reasons: []gate.Reason{gate.DNC}}), employ)
		fill(o.registry.Memory, "bulk")
		d := o.dial(rep201, "2125550100", "a")
		require.True(t, d.Shadow)
		require.Equal(t, gate.DNC, d.Reason)
		require.Equal(t, "national", d.List)
		require.Equal(t, "7", d.Lists)
		require.True(t, d.Reservation.Held())
		o.End(d.Reservation, gate.EndUnanswered, 487)
		wait(100 * time.Millisecond)
		fill(o.registry.Memory, "owned")
		d = o.dial(rep201, "2125550100", "b")
		require.Equal(t, gate.Block, d.Verdict)
		require.Equal(t, gate.Owned, d.Reason)
		require.NoError(t, o.stop())
		require.Len(t, o.registry.Records(customer), 3, "two decisions and an end")
	})
}

// TestShadowNeverLetsOut: what cannot be sent, who is nobody, and an outage are not watched.
func TestShadowNeverLetsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := shadowing(gate.ShadowRule{Everyone: true})
		c.Rules.OnRegistryDown = gate.OutageBlock
		o := open(t, c, employ)
		require.Equal(t, gate.InvalidNumber, o.dial(rep201, "12", "a").Reason)
		require.Equal(t, gate.Block, o.dial(rep201, "12", "b").Verdict)
		nobody := o.dial("", "2125550100", "c")
		require.Equal(t, gate.UnknownRep, nobody.Reason)
		require.Equal(t, gate.Block, nobody.Verdict)
		o.registry.Fail()
		require.Equal(t, gate.Block, o.dial(rep201, "2125550100", "d").Verdict)
	})
}

// TestShadowedCallIsFollowedToItsEnd: it holds nothing that could be renewed, and nothing is; its end is written all the
// same, and the owner stays.
func TestShadowedCallIsFollowedToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, shadowing(gate.ShadowRule{Everyone: true}), employ)
		fill(o.registry.Memory, "owned")
		d := o.dial(rep201, "2125550100", "a")
		require.True(t, d.Shadow)
		_, held := o.registry.Held(customer)
		require.False(t, held, "the owner is not kept from the number")
		o.Answered(d.Reservation)
		wait(10 * time.Minute)
		require.Equal(t, 1, o.CallsUp(), "it is up though it holds nothing")
		require.Empty(t, o.registry.renewed)
		o.End(d.Reservation, gate.EndAnswered, 200)
		wait(100 * time.Millisecond)
		records := o.registry.Records(customer)
		require.Len(t, records, 2)
		require.Equal(t, "allow owned, would block", records[0].Decision)
		require.Equal(t, gate.EndAnswered, records[1].Ending)
		require.Equal(t, 10*time.Minute, records[1].Talk)
		require.Equal(t, rep202, o.registry.Owner(customer))
	})
}

func TestShadowMistakes(t *testing.T) {
	c := shadowing(gate.ShadowRule{
		Teams:   []gate.Team{"east", ""},
		Reasons: []gate.Reason{gate.Owned, gate.InvalidNumber, gate.RegistryDown, gate.Allowed},
	})
	err := c.Validate()
	require.ErrorContains(t, err, "rules.shadow.teams: a team has no name")
	for _, reason := range []string{"invalid_number", "registry_down", "allowed"} {
		require.ErrorContains(t, err, "rules.shadow.reasons: "+reason+" cannot be watched only; write some of dnc, refused, owned")
	}
	require.NotContains(t, err.Error(), "rules.shadow.reasons: owned")
}

func TestShadowMayRedirectToNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := shadowing(gate.ShadowRule{Everyone: true})
		c.Rules.Owned.Action = gate.OwnedRedirect
		o := open(t, c)
		o.registry.SetOwner(customer, rep202, "202", time.Hour)
		require.Equal(t, gate.Redirect, o.dial(rep201, "2125550100", "a").Would)
		o.registry.SetOwner(customer, rep202, "no extension", time.Hour)
		require.Equal(t, gate.Block, o.dial(rep201, "2125550100", "b").Would)
	})
}

// TestShadowLeavesATerritoryToItsPass: what only a pass passes is not let out for the sake of what is watched before it,
// nor while nobody knows of passes.
func TestShadowLeavesATerritoryToItsPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := shadowing(gate.ShadowRule{Reasons: []gate.Reason{gate.DNC}})
		c.Rules.Territories = gate.TerritoryRule{
			Action: gate.TerritoryBlock, Areas: []gate.Area{{Prefixes: []string{"+1212"}, Team: "west"}},
		}
		o := open(t, c, employ)
		fill(o.registry.Memory, "bulk")
		d := o.dial(rep201, "2125550100", "a")
		require.Equal(t, gate.Block, d.Verdict)
		require.Equal(t, gate.Territory, d.Reason)
		o.registry.Grant(customer, rep201, time.Hour)
		require.Equal(t, gate.Pass, o.dial(rep201, "2125550100", "b").Reason)
		o.registry.Fail()
		require.Equal(t, gate.Territory, o.dial(rep201, "2125550100", "c").Reason)
	})
}

// TestShadowOfATerritory: the call goes out, and the record says whose it would have been and where it would have rung.
func TestShadowOfATerritory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := shadowing(gate.ShadowRule{Reasons: []gate.Reason{gate.Territory}})
		c.Rules.Territories = gate.TerritoryRule{
			Action: gate.TerritoryRedirect, Areas: []gate.Area{{Prefixes: []string{"+1212"}, Team: "west", Queue: "700"}},
		}
		o := open(t, c, employ)
		d := o.dial(rep201, "2125550100", "a")
		require.Equal(t, gate.Allow, d.Verdict)
		require.True(t, d.Shadow)
		require.Equal(t, gate.Territory, d.Reason)
		require.Equal(t, gate.Redirect, d.Would)
		require.Equal(t, gate.Team("west"), d.Territory)
		require.Equal(t, "700", d.Extension)
	})
}
