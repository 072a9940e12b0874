package replay

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

func never(int) bool { return false }

// policies that the histories are made under and replayed with.
var policies = map[string]func(*gate.Rules){
	"default":   func(*gate.Rules) {},
	"short":     func(r *gate.Rules) { r.Protection = gate.Duration(30 * time.Minute) },
	"long talk": func(r *gate.Rules) { r.Claim.MinTalk = gate.Duration(30 * time.Second) },
	"redirect":  func(r *gate.Rules) { r.Owned.Action = gate.OwnedRedirect },
	"cool":      func(r *gate.Rules) { r.Refused.CoolDown = gate.Duration(5 * time.Hour) },
	"most":      func(r *gate.Rules) { r.ProtectionMost = gate.Duration(time.Hour) },
	"levels": func(r *gate.Rules) {
		r.Levels = map[string]gate.Duration{"A": gate.Duration(5 * time.Hour)}
		r.NoDeal, r.Deal.Protection = gate.Duration(90*time.Minute), gate.Duration(3*time.Hour)
	},
	"provisional":   func(r *gate.Rules) { r.Claim.Provisional = gate.Duration(20 * time.Minute) },
	"shadow owned":  func(r *gate.Rules) { r.Shadow.Reasons = []gate.Reason{gate.Owned} },
	"shadow others": func(r *gate.Rules) { r.Shadow.Reasons = []gate.Reason{gate.Refused, gate.InFlight, gate.DNC} },
	"shadow all":    func(r *gate.Rules) { r.Shadow.Everyone = true },
}

// full are rules that commands and quotas meet in a history.
func full(r *gate.Rules) {
	r.Holdings.Most = 1
	r.Stages = []gate.StageRule{{
		Name: "offer", Limit: gate.Duration(time.Hour), Then: gate.StageRecycle, Protection: gate.Duration(4 * time.Hour),
	}}
}

// unbarred lets everybody claim again at once what they lost.
func unbarred(r *gate.Rules) { r.Pool.Bar = 0 }

const histories = 2 // of each kind

// TestReplayUnderTheSameRulesIsExact: whatever happened, the same rules would have decided the same.
func TestReplayUnderTheSameRulesIsExact(t *testing.T) {
	for name, policy := range policies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			policy := func(r *gate.Rules) { full(r); policy(r) }
			for seed := range uint64(histories) {
				h := randomHistory(rand.New(rand.NewPCG(seed, 1)), true)
				c := open(t, rules(policy))
				c.run(h, never)
				r, differ := c.replayed(Options{Config: rules(policy)})
				require.Empty(t, differ, "seed %d", seed)
				require.Equal(t, len(h.attempts), r.Calls)
				require.Zero(t, r.Earlier, "the records begin with the first call")
				r, differ = c.replayed(Options{Config: rules(policy), Since: morning.Add(3 * time.Hour)})
				require.Empty(t, differ, "seed %d, since the third hour", seed)
				require.Less(t, r.Calls, len(h.attempts))
				require.Positive(t, r.Calls)
			}
		})
	}
}

// TestReplayUnderOtherRulesIsWhatTheyWouldHaveDone: the same floor is run under both, in a registry of its own.
func TestReplayUnderOtherRulesIsWhatTheyWouldHaveDone(t *testing.T) {
	changed := 0
	for name, policy := range policies {
		for seed := range uint64(histories) {
			h := randomHistory(rand.New(rand.NewPCG(seed, 2)), false)
			was, would := open(t, rules()), open(t, rules(policy))
			before := was.run(h, never)
			// Nobody knows what would have become of a call that was stopped: it is taken as unanswered.
			after := would.run(h, func(i int) bool { return before[i].Verdict != gate.Allow })
			r, differ := was.replayed(Options{Config: rules(policy)})
			require.Equal(t, len(h.attempts), r.Calls)
			for i, a := range h.attempts {
				old, want := outcome(before[i]), outcome(after[i])
				got, differs := differ[a.id(i)]
				if !differs {
					got = old
				}
				require.Equal(t, want, got, "%s, seed %d, call %d at %s: was %v", name, seed, i, a.at, old)
				if want != old {
					changed++
				}
			}
			require.Equal(t, len(differ), r.Different)
		}
	}
	require.Greater(t, changed, 100, "the policies must make a difference for this to say anything")
}

func outcome(d gate.Decision) Outcome {
	o := Outcome{Verdict: d.Verdict.String(), Reason: d.Reason.String()}
	if d.Shadow {
		o.Would = d.Would.String()
	}
	return o
}

// TestReplayOfRecordsThatBeginInTheMiddle: what was there before is taken from what the records show. What they do not
// show, such as an end that was set by hand or who is barred from a number since before, is not there to be known.
func TestReplayOfRecordsThatBeginInTheMiddle(t *testing.T) {
	earlier := 0
	for seed := range uint64(4 * histories) {
		h := randomHistory(rand.New(rand.NewPCG(seed, 3)), false)
		c := open(t, rules(unbarred))
		c.run(h, never)
		c.forget(morning.Add(3 * time.Hour))
		r, differ := c.replayed(Options{Config: rules(unbarred)})
		require.Empty(t, differ, "seed %d", seed)
		require.Less(t, r.Calls, len(h.attempts))
		earlier += r.Earlier
	}
	require.Positive(t, earlier)
}

// forget trims the streams as time would.
func (c *company) forget(before time.Time) {
	ctx, client := c.t.Context(), c.store.Client()
	for _, key := range c.server.Keys() {
		if client.Type(ctx, key).Val() != "stream" {
			continue
		}
		old, err := client.XRange(ctx, key, "-", fmt.Sprint(before.UnixMilli()-1)).Result()
		require.NoError(c.t, err)
		for _, entry := range old {
			require.NoError(c.t, client.XDel(ctx, key, entry.ID).Err())
		}
	}
}
