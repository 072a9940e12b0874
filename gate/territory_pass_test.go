package gate_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

// A pass lets one call out into another team's territory; without one, and while nobody can tell, the rule stands.
func TestPassIntoATerritory(t *testing.T) {
	const newYork = "+12125550100"
	for _, action := range []gate.TerritoryAction{gate.TerritoryBlock, gate.TerritoryRedirect} {
		synctest.Test(t, func(t *testing.T) {
			o := open(t, atlas(action), with(staff()))
			without := o.dial("202", newYork, "a")
			require.Equal(t, gate.Territory, without.Reason)
			require.Equal(t, gate.Team("east"), without.Territory)
			o.registry.Grant(newYork, "202", time.Minute)
			passed := o.dial("202", newYork, "b")
			require.Equal(t, gate.Allow, passed.Verdict)
			require.Equal(t, gate.Pass, passed.Reason)
			require.True(t, passed.Reservation.Held())
			again := o.dial("202", newYork, "c")
			require.Equal(t, without.Verdict, again.Verdict, "it is used up")
			require.Equal(t, without.Extension, again.Extension)

			o.registry.Fail()
			down := o.dial("202", newYork, "d")
			require.Equal(t, without.Verdict, down.Verdict, "an outage opens no territory")
			require.Equal(t, gate.Territory, down.Reason)
			require.False(t, down.Reservation.Held())
		})
	}
	synctest.Test(t, func(t *testing.T) { // where a pass is no good against it, nobody is asked
		c := atlas(gate.TerritoryBlock)
		c.Rules.Pass.Over = []gate.Reason{gate.Owned}
		o := open(t, c, with(staff()))
		o.registry.Grant(newYork, "202", time.Minute)
		require.Equal(t, gate.Territory, o.dial("202", newYork, "a").Reason)
		require.Zero(t, o.registry.Asked())
	})
}
