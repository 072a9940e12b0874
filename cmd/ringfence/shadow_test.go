package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestShadowedCallGoesOut: a colleague's customer is dialled by phone, over the wire. With the rule only watched the call
// gets through, and the record, the log, the metrics, check and the report say what would have become of it.
func TestShadowedCallGoesOut(t *testing.T) {
	f := newFloor(t, "rules: {shadow: {reasons: [owned]}}\n")
	require.Zero(t, f.run("owner", "claim", "+12125550200", "--rep", "202").code)
	require.Zero(t, f.run("refuse", "+12125550300").code)
	f.serve()
	rep := f.phone("201")
	require.Equal(t, 200, f.call(rep, "+12125550200").Status)
	require.Equal(t, 403, f.call(rep, "+12125550300").Status, "the other rules hold")
	soon(t, "the metric counts it", func() bool { return f.metric(`ringfence_shadowed_total{reason="owned",would="block"} 1`) })
	require.Contains(t, f.log.String(), `"shadow":true,"would":"block"`)

	var checked struct{ Verdict, Reason, Would string }
	f.decode(&checked, "check", "+12125550200", "--rep", "201")
	require.Equal(t, "allow", checked.Verdict)
	require.Equal(t, "block", checked.Would)
	require.Equal(t, "owned", checked.Reason)
	require.Contains(t, f.run("check", "+12125550200", "--rep", "201").stdout, "only watched; enforced, the verdict would be block")

	var report shadowReport
	soon(t, "the end is recorded", func() bool {
		f.decode(&report, "report", "shadow")
		return report.Answered == 1
	})
	require.Equal(t, []any{2, 1, 0, 1}, []any{report.Calls, report.WouldBlock, report.WouldRedirect, report.Owned})
	require.Equal(t, "owned", report.Reasons[0].Name)
	require.Equal(t, "201", report.Reps[0].Name)
	require.Equal(t, []shadowNumbers{{"+1212*****00", 1, 1}}, report.Numbers)
	table := f.run("report", "shadow", "--by", "rep").stdout
	require.Contains(t, table, "enforcing would have blocked 1 and redirected 0")
	require.Contains(t, table, "Collisions avoided: 1 (1 on a colleague's customer")
	require.NotContains(t, table, "+12125550200")

	var history []recordReport
	f.decode(&history, "history", "+12125550200")
	require.Equal(t, "end", history[0].Kind)
	require.Equal(t, "allow", history[1].Verdict)
	require.Equal(t, "owned", history[1].Reason)
	require.Equal(t, "block", history[1].Would)
	var owner ownerReport
	f.decode(&owner, "owner", "show", "+12125550200")
	require.Equal(t, "202", string(owner.Owner), "nothing was taken")
	require.Equal(t, exitUsage, f.run("report", "shadow", "--by", "moon").code)
}
