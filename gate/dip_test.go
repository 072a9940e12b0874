package gate_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

const dipLease = 2 * time.Minute

// dip is a switch asking for rep.
func (o *office) dip(rep gate.Rep, user, id string) gate.Decision {
	return o.Dip(context.Background(), o.call(rep, user, id), dipLease)
}

// Nobody renews and nobody ends what a dip reserves; when its lease is over the number is free, and nobody's.
func TestDipRunsOutByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, config())
		d := o.dip(rep201, "2125550100", "a")
		require.Equal(t, gate.Allow, d.Verdict)
		require.Zero(t, o.CallsUp(), "no call of this gate's")
		o.Answered(d.Reservation) // nobody will say so; if somebody did, it would count for nothing
		wait(dipLease - time.Second)
		require.Equal(t, gate.InFlight, o.dial(rep202, "2125550100", "b").Reason)
		wait(2 * time.Second)
		require.Equal(t, gate.Allowed, o.dip(rep202, "2125550100", "c").Reason)
		require.Empty(t, o.registry.Owner(customer))
		require.Empty(t, o.registry.renewed)
		require.Empty(t, o.registry.events())
	})
}

// A switch asks once for each of its trunks.
func TestDipsOfOneCallCountOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, config())
		first := o.dip(rep201, "2125550100", "a")
		wait(dipLease / 2)
		second := o.dip(rep201, "2125550100", "b")
		require.Equal(t, gate.Allow, second.Verdict)
		require.True(t, second.Repeated)
		require.Equal(t, first.Fence, second.Fence)
		records := o.registry.Records(customer)
		require.Len(t, records, 1)
		require.Equal(t, "a", records[0].CallID, "the switch's own Call-ID is written down")
		wait(dipLease/2 + time.Second)
		require.False(t, o.dip(rep201, "2125550100", "c").Repeated, "the second did not prolong the lease")
	})
}

// A dip that was given up holds nothing, and the rep's next one is a new attempt.
func TestDipIsForgone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, config())
		o.Forgo(o.dip(rep201, "2125550100", "a").Reservation)
		wait(time.Second)
		require.Equal(t, gate.Allowed, o.dip(rep202, "2125550100", "b").Reason)
		o.Forgo(gate.Reservation{})
		wait(time.Second)
		require.Len(t, o.registry.events(), 1)
		require.Equal(t, gate.InFlight, o.dip(rep201, "2125550100", "c").Reason)
	})
}

// What needs no registry is decided without one, and with the registry away the outage rule holds.
func TestDipWithoutRegistry(t *testing.T) {
	for outage, want := range map[gate.Outage]gate.Verdict{gate.OutageAllow: gate.Allow, gate.OutageBlock: gate.Block} {
		synctest.Test(t, func(t *testing.T) {
			c := config()
			c.Rules.OnRegistryDown = outage
			o := open(t, c)
			o.registry.Sleep()
			require.Equal(t, gate.Emergency, o.dip(rep201, "911", "a").Reason)
			d := o.dip(rep201, "2125550100", "b")
			require.Equal(t, want, d.Verdict)
			require.Equal(t, gate.RegistryDown, d.Reason)
			require.Zero(t, o.CallsUp())
			o.registry.Wake()
			wait(time.Second)
			ended := 0
			for _, e := range o.registry.events() {
				if e.Kind == gate.Ended {
					ended++
				}
			}
			require.Equal(t, want == gate.Block, ended == 1, "a blocked one must not stay reserved when the answer came too late")
		})
	}
}
