package gate_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/gate/registrytest"
)

// atlas is a policy by which New York is east's, but for one exchange of it that is west's, and Chicago the night shift's.
func atlas(action gate.TerritoryAction) gate.Config {
	c := config()
	c.Rules.Territories = gate.TerritoryRule{Action: action, Areas: []gate.Area{
		{Prefixes: []string{"212", "+1646"}, Team: "east", Queue: "701"},
		{Prefixes: []string{"+1212777"}, Team: "west"},
		{Prefixes: []string{"312"}, Team: "night"},
	}}
	return c
}

func TestTerritory(t *testing.T) {
	const newYork, exchange, chicago, elsewhere = "+12125550100", "+12127770100", "+13125550100", "+13105550100"
	for _, test := range []struct {
		rep           gate.Rep
		number        string
		blocks, rings string // with action block; the extension with action redirect
		marks         gate.Team
	}{
		{"zhang", newYork, "allowed", "", ""},
		{"zhang", exchange, "territory", "700", "west"}, // the longer prefix; the team's own queue
		{"202", exchange, "allowed", "", ""},
		{"202", newYork, "territory", "701", "east"},
		{"202", chicago, "territory", "", "night"}, // which has no queue: blocked though it should be redirected
		{"202", elsewhere, "allowed", "", ""},
		{"boss", newYork, "territory", "701", "east"},     // of no team
		{"stranger", newYork, "territory", "701", "east"}, // who would be freer than those who are entered otherwise
		{"202", "911", "emergency", "", ""},
		{"202", "203", "internal", "", ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := open(t, atlas(gate.TerritoryBlock), with(staff())).dial(test.rep, test.number, "a")
			require.Equal(t, test.blocks, d.Reason.String(), "%s rings %s", test.rep, test.number)
			require.Equal(t, test.blocks == "territory", d.Verdict == gate.Block)
			require.Equal(t, test.marks, d.Territory)

			d = open(t, atlas(gate.TerritoryRedirect), with(staff())).dial(test.rep, test.number, "a")
			require.Equal(t, test.blocks, d.Reason.String())
			require.Equal(t, test.rings, d.Extension)
			require.Equal(t, test.rings != "", d.Verdict == gate.Redirect)
			if d.Verdict == gate.Redirect {
				require.Equal(t, gate.Territory, d.Blocked().Reason, "when nobody picks up")
				require.False(t, d.Reservation.Held())
			}

			d = open(t, atlas(gate.TerritoryMark), with(staff())).dial(test.rep, test.number, "a")
			require.Equal(t, gate.Allow, d.Verdict, "%s rings %s", test.rep, test.number)
			require.Equal(t, test.marks, d.Territory)
		})
	}
}

// TestTerritoryWithoutPeople: while nobody is in a team nobody is outside of it.
func TestTerritoryWithoutPeople(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, people := range []gate.People{nil, registrytest.People{}} {
			o := open(t, atlas(gate.TerritoryBlock), with(people))
			require.Equal(t, gate.Allowed, o.dial(rep201, "+12125550100", "a").Reason)
		}
		o := open(t, atlas(gate.TerritoryBlock), with(staff()))
		require.Equal(t, gate.Allowed, o.dial(gate.Anybody, "+12125550100", "a").Reason, "where only the number matters")
	})
}

// TestListBeforeTerritory: what nobody may ring is not sent to a queue either.
func TestListBeforeTerritory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, atlas(gate.TerritoryRedirect), with(staff()))
		o.registry.LoadDNC(gate.Listing{List: "national", Version: "7"}, customer)
		require.Equal(t, gate.DNC, o.dial("202", string(customer), "a").Reason)
	})
}
