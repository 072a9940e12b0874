package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/sip/phone"
)

// TestPolicyReplay: real calls are recorded; the same rules change nothing of them, others what they would have.
func TestPolicyReplay(t *testing.T) {
	f := newFloor(t, "rules: {claim: {min_talk: 1s}}\n")
	f.world.At("+12125550102", phone.Reject(486))
	f.serve()
	first, second := f.phone("201"), f.phone("202")
	require.Equal(t, 486, f.call(first, "+12125550102").Status)
	mine := dial(t, first, "+12125550101")
	soon(t, "the answered call makes its rep the owner", func() bool {
		var owner ownerReport
		f.decode(&owner, "owner", "show", "+12125550101")
		return owner.Owner == "201"
	})
	require.NoError(t, mine.Hangup(t.Context()))
	soon(t, "its end is written", func() bool {
		var owner ownerReport
		f.decode(&owner, "owner", "show", "+12125550101")
		return owner.InFlight == nil
	})
	require.Equal(t, 403, f.call(second, "+12125550101").Status)
	require.Equal(t, 484, f.call(second, "12").Status)

	var same replayReport
	soon(t, "all of it is recorded", func() bool {
		f.decode(&same, "policy", "replay")
		return same.Calls == 3 && same.Local == 1
	})
	require.Zero(t, same.Different)
	require.Empty(t, same.Changes)

	var watched replayReport
	f.decode(&watched, "policy", "replay", "--list", "--set", "rules.shadow.reasons=[owned]")
	require.Equal(t, []replayChange{{"block owned", "allow owned, would block", 1}}, watched.Changes)
	require.Len(t, watched.List, 1)
	require.Equal(t, "202", string(watched.List[0].Rep))
	require.Equal(t, "201", string(watched.List[0].OldOwner))

	var never replayReport
	f.decode(&never, "policy", "replay", "--set", "rules.claim.min_talk=1h")
	require.Contains(t, never.Changes, replayChange{"block owned", "allow allowed", 1})
	require.Equal(t, 1, never.Unanswered)
	table := f.run("policy", "replay", "--list", "--set", "rules.claim.min_talk=1h").stdout
	require.Contains(t, table, "Of 3 calls since")
	require.Contains(t, table, "+12125550101")
	bad := f.run("policy", "replay", "--set", "rules.protection=0s")
	require.Equal(t, exitFailed, bad.code)
	require.Contains(t, bad.stderr, "rules.protection")
}
