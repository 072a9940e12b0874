package shadow

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/gate/registrytest"
	"github.com/ringfence/ringfence/registry"
)

var day = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func decision(n gate.Number, rep gate.Rep, callID, reason, would string, at time.Time) registry.Record {
	r := registry.Record{
		Kind: registry.RecordDecision, Number: n, Rep: rep, CallID: callID, Reason: reason, Verdict: "allow", Time: at,
	}
	if would != "" {
		r.Detail = map[string]string{"would": would}
	}
	return r
}

func end(n gate.Number, rep gate.Rep, callID, ending string, talk time.Duration) registry.Record {
	return registry.Record{Kind: registry.RecordEnd, Number: n, Rep: rep, CallID: callID, Ending: ending, Talk: talk, Time: day}
}

func TestReport(t *testing.T) {
	r := New(registrytest.NewPeople(gate.Person{Rep: "201", Team: "east"}, gate.Person{Rep: "202", Team: "east"}), time.UTC)
	const one, two = gate.Number("+12125550100"), gate.Number("+12125550101")
	require.NoError(t, r.Add(registry.Page{Bucket: 1, Broken: 2, Records: []registry.Record{
		decision(one, "201", "a", "owned", "block", day),
		decision(two, "202", "a", "allowed", "", day),
		decision("", "202", "x", "internal", "", day),
		decision(one, "202", "a", "owned", "redirect", day),
	}}))
	require.NoError(t, r.Add(registry.Page{Bucket: 2, Last: true, Records: []registry.Record{
		decision("+12125550102", "203", "a", "refused", "block", day.AddDate(0, 0, 1)),
	}}))
	require.NoError(t, r.Add(registry.Page{Bucket: 1, Last: true, Records: []registry.Record{ // the call goes on in the next page
		end(one, "201", "a", "answered", time.Minute),
		end(one, "201", "a", "answered", time.Minute), // written twice
		end(one, "202", "a", "unanswered", 0),
		end(two, "202", "a", "answered", time.Hour), // of a call that no rule would have stopped
		decision(two, "203", "b", "in_flight", "block", day),
	}}))
	require.Equal(t, 5, r.Decisions)
	require.Equal(t, Count{Block: 3, Redirect: 1, Answered: 1, Talk: time.Minute}, r.Total)
	require.Equal(t, 3, r.Collisions())
	require.Equal(t, 2, r.Owned)
	require.Equal(t, 2, r.Broken)
	require.Equal(t, []Named{
		{"owned", Count{1, 1, 1, time.Minute}}, {"in_flight", Count{Block: 1}}, {"refused", Count{Block: 1}},
	}, r.Reasons())
	require.Equal(t, []Named{{"203", Count{Block: 2}}, {"201", Count{1, 0, 1, time.Minute}}, {"202", Count{Redirect: 1}}}, r.Reps())
	require.Equal(t, []Named{{"", Count{Block: 2}}, {"east", Count{1, 1, 1, time.Minute}}}, r.Teams())
	require.Equal(t, []Named{{"2026-03-02", Count{2, 1, 1, time.Minute}}, {"2026-03-03", Count{Block: 1}}}, r.Days())
	require.Equal(t, []Number{{one, 2, 2}, {two, 1, 1}, {"+12125550102", 1, 1}}, r.Numbers)
	require.Empty(t, r.buckets, "what has been read is let go")
}

// TestReportIsBounded: whoever dials with ever new names, or to ever new numbers, fills no memory.
func TestReportIsBounded(t *testing.T) {
	r := New(nil, time.UTC)
	const many = mostNames + 500
	for i := range many {
		n := gate.Number(fmt.Sprintf("+1212%07d", i))
		require.NoError(t, r.Add(registry.Page{Bucket: i, Last: true, Records: []registry.Record{
			decision(n, gate.Rep(fmt.Sprint(i)), "a", "owned", "block", day),
		}}))
	}
	require.Equal(t, many, r.Total.Block)
	require.LessOrEqual(t, len(r.reps), mostNames+1)
	require.Equal(t, Named{others, Count{Block: 500}}, r.Reps()[0])
	require.Len(t, r.Numbers, topNumbers)
}
