package gate_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/gate/registrytest"
)

func TestOutageRule(t *testing.T) {
	for _, rule := range []struct {
		outage  gate.Outage
		verdict gate.Verdict
	}{{gate.OutageAllow, gate.Allow}, {gate.OutageBlock, gate.Block}} {
		for name, away := range map[string]func(*registrytest.Memory){
			"silent": (*registrytest.Memory).Sleep, "failing": (*registrytest.Memory).Fail,
		} {
			t.Run(rule.outage.String()+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := config()
					c.Rules.OnRegistryDown = rule.outage
					o := open(t, c)
					away(o.registry.Memory)
					start := time.Now()
					d := o.dial(rep201, "2125550100", "a")
					require.LessOrEqual(t, time.Since(start), c.Rules.Budget.Std())
					require.Equal(t, time.Since(start), d.Took)
					require.Equal(t, rule.verdict, d.Verdict)
					require.Equal(t, gate.RegistryDown, d.Reason)
					require.True(t, d.Degraded)
					require.Equal(t, rule.verdict == gate.Allow, d.Reservation.Held())
					require.Equal(t, rule.verdict == gate.Block, d.RetryAfter > 0)
					require.Equal(t, rule.verdict == gate.Allow, o.CallsUp() == 1)
					require.False(t, o.RegistryUp())

					start = time.Now()
					require.Equal(t, gate.Allow, o.dial(rep201, "911", "b").Verdict)
					require.Equal(t, gate.Allow, o.dial(rep201, "202", "c").Verdict)
					require.Zero(t, time.Since(start), "emergency and internal calls never wait")
					records := 3
					if rule.verdict == gate.Block && name == "silent" {
						records++ // what the registry may have reserved all the same is let go
					}
					require.Equal(t, records, o.Queued(), "their records do")

					wait(30 * time.Second)
					o.registry.Wake()
					wait(1500 * time.Millisecond)
					require.Zero(t, o.Queued())
					require.Equal(t, 1, countDecisions(o.registry.Memory, d.Call))
					require.Equal(t, gate.Allowed, o.dial(rep202, "2125550100", "d").Reason)
				})
			})
		}
	}
}

// TestDegradedCallsStillMakeOwners: the outage lasts no longer than the call; what was talked counts.
func TestDegradedCallsStillMakeOwners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, config())
		o.registry.Sleep()
		d := o.dial(rep201, "2125550100", "a")
		require.True(t, d.Degraded)
		o.Answered(d.Reservation)
		wait(5 * time.Second)
		o.registry.Wake()
		wait(10 * time.Second)
		o.End(d.Reservation, gate.EndAnswered, 200)
		wait(time.Second)
		require.Equal(t, rep201, o.registry.Owner("+12125550100"))
		require.Equal(t, gate.Owned, o.dial(rep202, "2125550100", "b").Reason)
	})
}

func TestBulkListsHoldDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, config())
		fill(o.registry.Memory, "bulk")
		o.registry.Sleep()
		d := o.dial(rep201, "2125550100", "a")
		require.Equal(t, gate.DNC, d.Reason)
		require.Equal(t, "national", d.List)
		require.Equal(t, "7", d.Lists)
		o.registry.Wake()
	})
}

// TestEachOutageIsToldOnce: at its beginning and, once the registry answered for a second, at its end.
func TestEachOutageIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, config())
		o.registry.Fail()
		for i := range 5 {
			o.dial(rep201, "2125550100", fmt.Sprint(i))
			wait(time.Second)
		}
		require.Equal(t, []gate.ProblemKind{gate.RegistryLost}, o.kinds())
		require.ErrorIs(t, o.problems[0].Err, registrytest.ErrAsleep)
		o.registry.Wake()
		o.dial(rep201, "2125550101", "early")
		require.Equal(t, []gate.ProblemKind{gate.RegistryLost}, o.kinds(), "one answer is not the end of an outage")
		wait(time.Second + 100*time.Millisecond)
		o.dial(rep201, "2125550102", "settled")
		require.Equal(t, []gate.ProblemKind{gate.RegistryLost, gate.RegistryBack}, o.kinds())
		require.True(t, o.RegistryUp())
		require.Equal(t, o.problems[0].Since, o.problems[1].Since)
	})
}

func TestACallerThatGaveUpIsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, config())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		d := o.Decide(ctx, o.call(rep201, "2125550100", "a"))
		require.Equal(t, gate.RegistryDown, d.Reason)
		require.True(t, o.RegistryUp())
		require.Empty(t, o.kinds())
	})
}

// TestCallsSurviveAnOutage: calls that are up keep their place when the registry is away for less than the lease, and
// their claims even when it is away for longer.
func TestCallsSurviveAnOutage(t *testing.T) {
	for _, test := range []struct {
		away     time.Duration
		answered bool // then a Firm event waits too, so that writing fails before renewing is tried
	}{{39 * time.Second, false}, {39 * time.Second, true}, {5 * time.Minute, false}, {5 * time.Minute, true}} {
		t.Run(fmt.Sprint(test.away, test.answered), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := open(t, config())
				var numbers []gate.Number
				for i := range 10 { // staggered, so that their renewals fall into every part of the pauses between attempts
					d := o.dial(rep201, fmt.Sprintf("21255501%02d", i), fmt.Sprint(i))
					numbers = append(numbers, d.Reservation.Number)
					if test.answered {
						o.Answered(d.Reservation)
					}
					wait(50 * time.Millisecond)
				}
				wait(5 * time.Second)
				o.registry.Fail()
				wait(test.away)
				o.registry.Wake()
				wait(30 * time.Second)
				for _, n := range numbers {
					require.Equal(t, test.answered, o.registry.Owner(n) == rep201, "it was up for min_talk")
					_, held := o.registry.Held(n)
					require.Equal(t, test.away < time.Minute, held)
				}
			})
		})
	}
}

// TestBatchesAreRepeatedWholeAndInOrder: a Write that failed may have been applied in part, so the next begins alike.
func TestBatchesAreRepeatedWholeAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, config())
		o.registry.Fail()
		const events = 1234
		for i := range events {
			o.Local(o.call(rep201, "911", fmt.Sprint(i)))
			if i == 100 {
				wait(time.Second) // a first, smaller batch fails several times
			}
		}
		wait(time.Second)
		o.registry.Wake()
		wait(time.Second)
		for _, batch := range o.registry.tried {
			require.LessOrEqual(t, len(batch), 500)
			require.Equal(t, "0", o.registry.tried[0][0].Decision.Call.CallID)
		}
		require.Greater(t, len(o.registry.tried), len(o.registry.batches)+4)
		got := o.registry.events()
		require.Len(t, got, events)
		for i, e := range got {
			require.Equal(t, fmt.Sprint(i), e.Decision.Call.CallID)
		}
	})
}

// TestFullQueueDropsDecisionsFirst: what is lost is counted and told, and the ends of calls are the last to go.
func TestFullQueueDropsDecisionsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, config(), func(o *gate.Options) { o.Queue = 100 })
		var reservations []gate.Reservation
		for i := range 60 {
			reservations = append(reservations, o.dial(rep201, fmt.Sprintf("21255501%02d", i), fmt.Sprint("call", i)).Reservation)
		}
		o.registry.Fail()
		for i := range 80 {
			o.Local(o.call(rep201, "911", fmt.Sprint(i)))
		}
		for _, r := range reservations {
			o.End(r, gate.EndUnanswered, 480)
		}
		require.Equal(t, 100, o.Queued())
		require.Equal(t, uint64(40), o.Dropped())
		wait(time.Second)
		require.Contains(t, o.kinds(), gate.EventsDropped)
		o.registry.Wake()
		wait(time.Second)
		require.Zero(t, o.Queued())
		ended, decided := 0, 0
		for _, e := range o.registry.events() {
			switch e.Kind {
			case gate.Ended:
				ended++
			case gate.Decided:
				require.Equal(t, fmt.Sprint(40+decided), e.Decision.Call.CallID, "the oldest go first")
				decided++
			}
		}
		require.Equal(t, 60, ended)
		require.Equal(t, 40, decided)
	})
}

func TestStoppingWritesWhatIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, config())
		for i := range 777 {
			o.Local(o.call(rep201, "911", fmt.Sprint(i)))
		}
		require.NoError(t, o.stop())
		require.Len(t, o.registry.events(), 777)
	})
}

// TestStoppingLetsAWriteEnd: a batch that was cut off would have to be repeated.
func TestStoppingLetsAWriteEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, config())
		o.registry.Sleep()
		o.Local(o.call(rep201, "911", "a"))
		wait(100 * time.Millisecond) // the write has begun
		done := make(chan error, 1)
		go func() { done <- o.stop() }()
		wait(500 * time.Millisecond)
		o.registry.Wake()
		require.NoError(t, <-done)
		require.Len(t, o.registry.tried, 1)
		require.Len(t, o.registry.batches, 1)
	})
}

func TestStoppingDuringAnOutageTellsWhatIsLost(t *testing.T) {
	for name, away := range map[string]func(*registrytest.Memory){
		"silent": (*registrytest.Memory).Sleep, "failing": (*registrytest.Memory).Fail,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := open(t, config())
				away(o.registry.Memory)
				o.Local(o.call(rep201, "911", "a"))
				start := time.Now()
				err := o.stop()
				require.ErrorContains(t, err, "1 events were not written")
				require.LessOrEqual(t, time.Since(start), 5*time.Second)
				require.True(t, errors.Is(err, registrytest.ErrAsleep) || errors.Is(err, context.DeadlineExceeded))
			})
		})
	}
}

// Too many calls must not open the fence: an answer that the gate comes to too late is no outage.
func TestBusyGateIsNoOutage(t *testing.T) {
	for _, row := range []struct {
		name    string
		busy    bool
		away    func(*registrytest.Memory)
		verdict gate.Verdict
	}{
		{"late and busy", true, (*registrytest.Memory).Sleep, gate.Block},
		{"late", false, (*registrytest.Memory).Sleep, gate.Allow},
		{"failing and busy", true, (*registrytest.Memory).Fail, gate.Allow},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := config()
				c.Rules.OnRegistryDown = gate.OutageAllow
				o := open(t, c)
				o.BusyWhen(func() bool { return row.busy })
				row.away(o.registry.Memory)
				d := o.dial(rep201, "2125550100", "a")
				require.Equal(t, row.verdict, d.Verdict)
				require.Equal(t, gate.RegistryDown, d.Reason)
				require.Equal(t, row.verdict == gate.Allow, d.Reservation.Held())
				require.Equal(t, row.verdict == gate.Block, d.RetryAfter > 0)
			})
		})
	}
}
