package gate_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

func TestAnsweredCallBecomesFirmWhileItIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, config())
		d := o.dial(rep201, "2125550100", "a")
		require.Equal(t, gate.Allow, d.Verdict)
		require.Equal(t, 1, o.CallsUp())
		wait(5 * time.Second) // it rings
		o.Answered(d.Reservation)
		wait(3 * time.Second)
		o.Answered(d.Reservation) // a repeated 2xx must not begin the talk again
		wait(6900 * time.Millisecond)
		require.Empty(t, o.registry.Owner(customer), "not before min_talk")
		wait(200 * time.Millisecond)
		require.Equal(t, rep201, o.registry.Owner(customer))
		require.Equal(t, 1, o.CallsUp(), "it is still up")
		require.Equal(t, gate.Owned, o.dial(rep202, "2125550100", "b").Reason)

		wait(50 * time.Second)
		o.End(d.Reservation, gate.EndUnanswered, 200) // answered is answered, whatever the caller of End believes
		o.End(d.Reservation, gate.EndAnswered, 200)
		wait(100 * time.Millisecond)
		require.Zero(t, o.CallsUp())
		events := o.registry.events()
		require.Len(t, events, 2)
		require.Equal(t, gate.Firm, events[0].Kind)
		require.Equal(t, gate.Ended, events[1].Kind)
		require.Equal(t, gate.EndAnswered, events[1].Ending)
		require.Equal(t, 60100*time.Millisecond, events[1].Talk.Round(time.Millisecond))
		require.Equal(t, "201", events[1].Extension, "so that the owner can be rung")
		require.Equal(t, 200, events[1].Status)
	})
}

func TestEndings(t *testing.T) {
	for _, test := range []struct {
		name     string
		answered time.Duration // 0: not answered
		ending   gate.Ending
		want     gate.Ending
		next     gate.Reason // what another rep is told then
	}{
		{"unanswered", 0, gate.EndUnanswered, gate.EndUnanswered, gate.Allowed},
		{"failed", 0, gate.EndFailed, gate.EndFailed, gate.Allowed},
		{"refused", 0, gate.EndRefused, gate.EndRefused, gate.Refused},
		{"answered too short", 9 * time.Second, gate.EndAnswered, gate.EndAnswered, gate.Allowed},
		{"answered long enough", 10 * time.Second, gate.EndAnswered, gate.EndAnswered, gate.Owned},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := open(t, config())
				d := o.dial(rep201, "2125550100", "a")
				if test.answered > 0 {
					o.Answered(d.Reservation)
					time.Sleep(test.answered)
				}
				o.End(d.Reservation, test.ending, 487)
				wait(100 * time.Millisecond)
				require.Equal(t, test.next, o.dial(rep202, "2125550100", "b").Reason)
				records := o.registry.Records(customer)
				require.Equal(t, test.want, records[1].Ending)
			})
		})
	}
}

func TestWhatIsNotHeldIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, config())
		o.Answered(gate.Reservation{})
		o.End(gate.Reservation{}, gate.EndAnswered, 200)
		d := o.dial(rep201, "2125550100", "a")
		other := d.Reservation
		other.Rep = rep202
		o.Answered(other)
		o.End(other, gate.EndFailed, 500)
		require.Equal(t, 1, o.CallsUp())
		require.Zero(t, o.Queued())
	})
}

func TestARepeatedDecisionChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, config())
		first := o.dial(rep201, "2125550100", "a")
		o.Answered(first.Reservation)
		time.Sleep(8 * time.Second)
		again := o.dial(rep201, "2125550100", "a") // as after a 407 or a lost answer
		require.True(t, again.Repeated)
		require.Equal(t, first.Reservation, again.Reservation)
		require.Equal(t, 1, o.CallsUp())
		wait(2100 * time.Millisecond)
		require.Equal(t, rep201, o.registry.Owner(customer), "the talk goes on counting")
		o.End(again.Reservation, gate.EndAnswered, 200)
		require.Zero(t, o.CallsUp())
	})
}

func TestLeaseIsRenewedWhileTheCallLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, config())
		d := o.dial(rep201, "2125550100", "a")
		wait(10 * time.Minute)
		held, ok := o.registry.Held(customer)
		require.True(t, ok)
		require.Equal(t, d.Reservation, held)
		require.Len(t, o.registry.renewed, 30, "every third of the lease, no more")
		require.NoError(t, o.stop())
		time.Sleep(61 * time.Second)
		_, ok = o.registry.Held(customer)
		require.False(t, ok, "a gate that is gone holds a number no longer than its lease")
	})
}

func TestLostLeaseIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, config())
		first := o.dial(rep201, "2125550100", "a")
		second := o.dial(rep201, "2125550100", "b") // the same rep again: takes over
		require.Equal(t, 2, o.CallsUp())
		wait(21 * time.Second)
		require.Equal(t, 1, o.CallsUp())
		o.End(first.Reservation, gate.EndUnanswered, 487)
		wait(100 * time.Millisecond)
		held, _ := o.registry.Held(customer)
		require.Equal(t, second.Reservation, held)
	})
}

func TestMaxCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := config()
		c.Rules.MaxCall = gate.Duration(10 * time.Minute)
		o := open(t, c)
		answered := o.dial(rep201, "2125550100", "a")
		ringing := o.dial(rep201, "2125550101", "b")
		wait(time.Minute)
		o.Answered(answered.Reservation)
		wait(10*time.Minute - time.Minute + 100*time.Millisecond)
		require.Equal(t, 1, o.CallsUp(), "max_call counts from the answer")
		wait(time.Minute)
		require.Zero(t, o.CallsUp())
		ends := map[gate.Number]gate.Event{}
		for _, e := range o.registry.events() {
			if e.Kind == gate.Ended {
				ends[e.Reservation.Number] = e
			}
		}
		require.Equal(t, gate.EndAnswered, ends[customer].Ending)
		require.GreaterOrEqual(t, ends[customer].Talk, 10*time.Minute)
		require.Equal(t, gate.EndUnknown, ends[ringing.Reservation.Number].Ending)
	})
}

func TestEndElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := open(t, config())
		b := open(t, config(), func(o *gate.Options) { o.Registry, o.Gate = a.registry, "gate-2" })
		d := a.dial(rep201, "2125550100", "x")
		a.Answered(d.Reservation)
		wait(15 * time.Second)
		b.EndElsewhere(customer, "x", "callee's tag", "tag-x") // the BYE came from the called side, through another gate
		wait(100 * time.Millisecond)
		_, held := a.registry.Held(customer)
		require.False(t, held)
		require.Equal(t, rep201, a.registry.Owner(customer))
		require.Equal(t, 1, a.CallsUp(), "it learns of it with the next renewal")
		wait(20 * time.Second)
		require.Zero(t, a.CallsUp())

		// A call of its own is an ordinary end.
		own := a.dial(rep201, "2125550101", "y")
		a.Answered(own.Reservation)
		time.Sleep(time.Second)
		a.EndElsewhere(own.Reservation.Number, "y", "tag-y", "callee's tag")
		wait(100 * time.Millisecond)
		events := a.registry.events()
		last := events[len(events)-1]
		require.Equal(t, own.Reservation, last.Reservation)
		require.Equal(t, time.Second, last.Talk)
		a.EndElsewhere(own.Reservation.Number, "y", "tag-y")
		wait(100 * time.Millisecond)
		require.Len(t, a.registry.Records(own.Reservation.Number), 2, "the end of an ended call leaves no record")
	})
}

// TestManyCalls runs a crowd of reps through whole calls on few numbers: at every moment a number has one caller at
// most, and in the end nothing is left.
func TestManyCalls(t *testing.T) {
	o := open(t, config())
	var wg sync.WaitGroup
	var mu sync.Mutex
	ringing := map[gate.Number]gate.Rep{}
	for rep := range 16 {
		wg.Go(func() {
			for i := range 100 {
				id := gate.Rep(fmt.Sprint(300 + rep))
				d := o.Decide(context.Background(), o.call(id, fmt.Sprintf("21255501%02d", i%7), fmt.Sprintf("%d-%d", rep, i)))
				if d.Verdict != gate.Allow {
					continue
				}
				n := d.Reservation.Number
				mu.Lock()
				if other, busy := ringing[n]; busy {
					t.Errorf("%s was rung by %s and %s at once", n.Masked(), other, id)
				}
				ringing[n] = id
				mu.Unlock()
				o.Answered(d.Reservation)
				mu.Lock()
				delete(ringing, n)
				mu.Unlock()
				o.End(d.Reservation, gate.EndFailed, 500)
			}
		})
	}
	wg.Wait()
	require.Zero(t, o.CallsUp())
	require.NoError(t, o.stop())
	require.Zero(t, o.Queued())
	require.Zero(t, o.Dropped())
	for i := range 7 {
		_, held := o.registry.Held(gate.Number(fmt.Sprintf("+121255501%02d", i)))
		require.False(t, held)
	}
}
