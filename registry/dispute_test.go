package registry

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

var caseDay = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func onDay(day int) time.Time { return caseDay.AddDate(0, 0, day) }

func dial(day int, rep, verdict, reason, owner string) Record {
	return Record{Time: onDay(day), Kind: RecordDecision, Rep: gate.Rep(rep), Verdict: verdict, Reason: reason, Owner: gate.Rep(owner), Policy: "v1"}
}

func talked(day int, rep string, talk time.Duration, owner string) Record {
	return Record{Time: onDay(day).Add(time.Minute), Kind: RecordEnd, Rep: gate.Rep(rep), Ending: "answered", Talk: talk, Owner: gate.Rep(owner)}
}

func TestCaseOfTheQuarrel(t *testing.T) {
	c := CaseOf([]Record{
		dial(0, "A", "allow", "allowed", ""),
		talked(0, "A", 40*time.Second, "A"),
		dial(1, "B", "block", "owned", "A"),
		{Time: onDay(2), Kind: RecordOwner, Reason: "share", Owner: "A", Rep: "lead", Detail: map[string]string{"with": "B", "percent": "50"}},
		dial(3, "B", "allow", "collaborator", "A"),
		talked(3, "B", 2*time.Minute, "A"),
		{Time: onDay(4), Kind: RecordOwner, Reason: "share", Owner: "A", Rep: "lead", Detail: map[string]string{"with": "B", "percent": "40"}},
		{Time: onDay(5), Kind: RecordOwner, Reason: "deal", Owner: "A", Rep: "lead"},
		{Time: onDay(6), Kind: RecordPass, Reason: "grant", Rep: "lead", Note: "asked"},
		{Time: onDay(7), Kind: RecordOwner, Reason: "transfer", Owner: "C", Rep: "lead", Detail: map[string]string{"from": "A"}},
		{Time: onDay(8), Kind: RecordEnd, Rep: "C", Ending: "refused", Note: "said no, 607", Owner: "C"},
		{Time: onDay(9), Kind: RecordPool, Reason: "recycle", Detail: map[string]string{"from": "C", "why": "no_contact"}},
		{Time: onDay(9), Kind: RecordOwner, Reason: "claim", Owner: "D", Rep: "lead", Scope: "loans"}, // another product line
	}, "")

	require.Equal(t, []gate.Contact{
		{Rep: "A", At: onDay(0).Add(20 * time.Second), Talk: 40 * time.Second},
		{Rep: "B", At: onDay(3).Add(-time.Minute), Talk: 2 * time.Minute},
	}, c.Contacts)
	require.Equal(t, []Ownership{
		{Owner: "A", From: onDay(0).Add(20 * time.Second), To: onDay(7), Why: "call", Ended: "transfer"},
		{Owner: "C", From: onDay(7), To: onDay(9), Why: "transfer", Ended: "recycle"},
	}, c.Ownerships)
	require.Equal(t, []gate.Agreement{{Rep: "B", Percent: 40, At: onDay(4), By: "lead"}}, c.Agreements)
	require.Equal(t, onDay(5), c.Deal)
	require.Len(t, c.Refusals, 1)
	require.Len(t, c.Passes, 1)
	require.Len(t, c.Dialled, 3)

	require.Empty(t, c.OwnerAt(onDay(-1)))
	require.Equal(t, gate.Rep("A"), c.OwnerAt(onDay(5)))
	require.Equal(t, gate.Rep("C"), c.OwnerAt(onDay(7)))
	require.Empty(t, c.OwnerAt(onDay(9)))
	require.Equal(t, "v1", c.PolicyAt(onDay(5)))
}

// A protection that ran out leaves no record: the next call shows it.
func TestCaseOfALapse(t *testing.T) {
	c := CaseOf([]Record{
		dial(0, "A", "allow", "allowed", ""), talked(0, "A", time.Minute, "A"),
		dial(40, "B", "allow", "allowed", ""), talked(40, "B", time.Minute, "B"),
		dial(41, "A", "block", "owned", "B"),
	}, "")
	require.Equal(t, []Ownership{
		{Owner: "A", From: onDay(0), To: onDay(40), Why: "call", Ended: "lapsed"},
		{Owner: "B", From: onDay(40), Why: "call"},
	}, c.Ownerships)
}
