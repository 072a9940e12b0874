package scenarios

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/site"
)

// reach is a gate with feature codes, that real phones dial.
type reach struct {
	t    *testing.T
	gate *site.Gate
	plan site.Plan
}

// withCodes starts the gate as it is shipped, with every feature code switched on.
func withCodes(t *testing.T, sets ...string) *reach {
	at := func(host netip.Addr) netip.AddrPort {
		free, err := site.FreeAddress(host)
		require.NoError(t, err)
		return free
	}
	plan := site.Plan{
		Gate: at(gateHost), Phones: netip.PrefixFrom(phoneHost, phoneHost.BitLen()), PBX: at(pbxHost),
		Trunks: []site.Trunk{{At: at(trunkHost), Protocol: site.UDP}}, Dir: t.TempDir(), Peer: "notify: true",
		More: `  codes: {owner: "*81", claim: "*82", release: "*83", refused: "*84", request: "*85", pass: "*86"}` + "\n",
	}
	gate, err := site.Ringfence{Binary: built(t), Sets: sets}.StartGate(t.Context(), plan)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, gate.Stop()) })
	return &reach{t, gate, plan}
}

// dials has a rep's baresip dial and waits until the phone shows phrase, as the answer and as a MESSAGE.
func (r *reach) dials(rep, dialled, phrase string) {
	r.t.Helper()
	at, err := site.FreeAddress(phoneHost)
	require.NoError(r.t, err)
	screen := dialWithBaresip(r.t, at, r.plan.Gate, rep, dialled)
	require.Eventually(r.t, func() bool {
		shown := screen.String()
		return strings.Contains(shown, "session closed: 403 "+phrase) && strings.Contains(shown, `: "`+phrase)
	}, 15*time.Second, 20*time.Millisecond, "%s dialled %s and saw\n%s", rep, dialled, screen)
}

// knows says whether a command's output has a text.
func (r *reach) knows(text string, args ...string) {
	r.t.Helper()
	out, err := r.gate.Ask(r.t.Context(), "", args...)
	require.NoError(r.t, err)
	require.Contains(r.t, out, text)
}

// A real phone dials every feature code: it shows what came of it, as the answer's phrase and as a MESSAGE, and the
// registry has it.
func TestCodesFromARealPhone(t *testing.T) { // not parallel: a baresip also takes the port above its own
	r := withCodes(t)
	const number = "+12125550142"
	r.dials("zhang", "*812125550142", "Nobody owns this number")
	r.dials("zhang", "*82*2125550142", "Claimed until ")
	r.knows(`"owner":"zhang"`, "owner", "show", number, "--output", "json")
	r.dials("li", "*812125550142", "Owned by zhang until ")
	r.dials("li", "*832125550142", "Not yours: owned by zhang")
	r.dials("li", "*852125550142", "Asked the owner zhang")
	r.dials("li", "*852125550142", "Asked before; zhang has not answered yet")
	r.knows(`"rep":"li"`, "request", "list", "--output", "json")
	r.knows(`"owner":"zhang"`, "owner", "show", number, "--output", "json")
	r.dials("zhang", "*832125550142", "Released to the pool")
	r.knows(`"owner":""`, "owner", "show", number, "--output", "json")
	r.dials("li", "*84*90*2125550142", "Refusal noted until ")
	r.knows(`"by":"li"`, "refusal", "list", "--output", "json")
	r.dials("zhang", "*822125550142", "The customer said no, until ")
	r.knows(`"note":"said_no"`, "history", number, "--output", "json")
}

// A supervisor gives a pass with a PIN; the rep dials wrong, then right, and the next call goes out, once.
func TestPassWithAPINFromARealPhone(t *testing.T) { // not parallel, as above
	r := withCodes(t)
	const number = "+12125550143"
	r.dials("zhang", "*822125550143", "Claimed until ")
	out, err := r.gate.Ask(t.Context(), "", "pass", "grant", "--rep", "li", "--number", number, "--reason", "asked for Li", "--pin", "--output", "json")
	require.NoError(t, err)
	var granted struct{ PIN string }
	require.NoError(t, json.Unmarshal([]byte(out), &granted))
	require.Regexp(t, `^[0-9]{6}$`, granted.PIN)
	r.knows(`"sealed":true`, "pass", "list", "--output", "json")
	r.dials("li", "*86"+number[2:], "This pass has a PIN")
	wrong := "000000"
	if granted.PIN == wrong {
		wrong = "000001"
	}
	r.dials("li", "*86*"+wrong+"*2125550143", "Wrong PIN; tries left: 4")
	r.dials("li", number, "Customer of zhang") // not yet
	r.dials("li", "*86*"+granted.PIN+"*2125550143", "Pass ready until ")
	r.knows(`"sealed":false`, "pass", "list", "--output", "json")

	at, err := site.FreeAddress(phoneHost)
	require.NoError(t, err)
	screen := dialWithBaresip(t, at, r.plan.Gate, "li", number)
	require.Eventually(t, func() bool { // nobody answers at the trunk, but there it went
		out, err := r.gate.Ask(t.Context(), "", "history", number, "--output", "json")
		return err == nil && strings.Contains(out, `"reason":"pass"`)
	}, 15*time.Second, 50*time.Millisecond, "%s", screen)
	r.knows("[]", "pass", "list", "--output", "json")
	require.NotContains(t, r.gate.Output(), granted.PIN)
	out, err = r.gate.Ask(t.Context(), "", "history", number, "--output", "json")
	require.NoError(t, err)
	require.NotContains(t, out, granted.PIN)
}
