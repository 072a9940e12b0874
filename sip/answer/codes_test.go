package answer

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

var (
	noon = time.Date(2026, 5, 2, 12, 0, 0, 0, time.UTC)
	may  = time.Date(2026, 5, 12, 9, 30, 0, 0, time.UTC)
)

func named(t *testing.T, name, language string) *Profile {
	p, err := Profiles{Language: language, Card: "https://gate.example.com/card"}.Named(name)
	require.NoError(t, err)
	return p
}

// Every result has its words in both languages: ASCII in the status line, short in Reason, whole in Warning, no mark left.
func TestEveryResultHasItsWords(t *testing.T) {
	lines := regexp.MustCompile(`^(Reason: (SIP;cause=\d+|Q\.850;cause=\d+);text="[^"\\{}]+"\r\n){2}Warning: 399 ringfence "[^"\\{}]+"\r\n$`)
	require.Len(t, outcomes, len(gate.Results()))
	for _, name := range Names() {
		for _, language := range []string{english, chinese} {
			p := named(t, name, language)
			for _, result := range gate.Results() {
				for _, at := range []time.Time{{}, may, noon.Add(time.Hour), may.AddDate(1, 0, 0), may.AddDate(7000, 0, 0)} {
					r := p.Outcome(gate.Outcome{Result: result, Owner: "202", Until: at, Left: 4}, gate.Call{}, noon)
					require.Regexp(t, `^[ -z]{4,64}$`, r.Phrase)
					require.Regexp(t, lines, r.Headers)
					require.Equal(t, language == chinese, strings.ContainsFunc(r.Headers, func(c rune) bool { return c > 0x7f }))
				}
			}
		}
	}
	for result, said := range outcomes {
		require.Len(t, said, 2)
		for language, text := range said {
			columns := 0
			for _, c := range strings.NewReplacer(ownerMark, "202", untilMark, "12 May").Replace(text.short) {
				columns++
				if c > 0x7f {
					columns++
				}
			}
			require.LessOrEqual(t, columns, 20, "%v in %s", result, language)
		}
	}
}

func TestOutcome(t *testing.T) {
	o := gate.Outcome{Result: gate.Theirs, Owner: "202", Until: may}
	require.Equal(t, Refusal{403, "Owned by 202 until 12 May", "Reason: SIP;cause=403;text=\"Customer of 202\"\r\n" +
		"Reason: Q.850;cause=21;text=\"Customer of 202\"\r\nWarning: 399 ringfence \"Owned by 202 until 12 May\"\r\n"}, named(t, "phone", english).Outcome(o, gate.Call{}, noon))
	zh := named(t, "freeswitch", chinese).Outcome(o, gate.Call{}, noon)
	require.Equal(t, Refusal{600, "Owned by 202 until 12 May", "Reason: Q.850;cause=17;text=\"客户属于 202\"\r\n" +
		"Reason: SIP;cause=600;text=\"客户属于 202\"\r\nWarning: 399 ringfence \"该客户属于 202，保护期至 5月12日\"\r\n"}, zh)

	require.Equal(t, "Owned by a colleague until 12 May", named(t, "608", english).Outcome(o, gate.Call{}, noon).Phrase)
	o.Owner = "a\"\r\nX: y"
	require.Equal(t, "Owned by a colleague until 12 May", named(t, "phone", english).Outcome(o, gate.Call{}, noon).Phrase)

	for reason, want := range map[gate.Reason]string{
		gate.InvalidNumber: "Not a valid number", gate.UnknownRep: "Unknown caller", gate.RegistryDown: "Try again shortly",
		gate.DNC: "On do-not-call list", gate.Undecided: "Not decided",
	} {
		require.Equal(t, want, named(t, "phone", english).Outcome(gate.Outcome{Reason: reason}, gate.Call{}, noon).Phrase)
	}
	short := gate.Call{Dialled: gate.Dialled{Incomplete: true}}
	require.Equal(t, 484, named(t, "phone", english).Outcome(gate.Outcome{Reason: gate.InvalidNumber}, short, noon).Status)
}

func TestUntil(t *testing.T) {
	beijing := time.FixedZone("", 8*3600)
	for _, test := range []struct {
		at     time.Time
		en, zh string
	}{
		{noon.Add(time.Hour), "13:00", "13:00"},
		{noon.Add(11 * time.Hour).In(beijing), "3 May", "5月3日"}, // noon is the evening of the 2nd there
		{noon.Add(2 * time.Hour).In(beijing), "22:00", "22:00"},
		{may, "12 May", "5月12日"},
		{may.AddDate(1, 0, 0), "12 May 2027", "2027年5月12日"},
		{time.UnixMilli(253402300799000), "further notice", "另行通知"},
		{time.Time{}, "further notice", "另行通知"},
	} {
		require.Equal(t, test.en, until(test.at, noon, english))
		require.Equal(t, test.zh, until(test.at, noon, chinese))
	}
}

// The answer to a code ends every PBX's search for a route, as a refusal does, and asks no phone's software for anything.
func TestCodesEndTheSearch(t *testing.T) {
	for _, name := range Names() {
		r := named(t, name, english).Outcome(gate.Outcome{Result: gate.Claimed}, gate.Call{}, noon)
		require.NotContains(t, withMeaning, r.Status)
		require.GreaterOrEqual(t, r.Status, 400)
		switch name {
		case "phone":
			require.Equal(t, 403, r.Status)
		case "608":
			require.Equal(t, 603, r.Status)
		default:
			require.Contains(t, []int{486, 600}, r.Status)
		}
	}
	p, err := Profiles{Custom: map[string]Custom{"mine": {BasedOn: "3cx", Codes: Override{Status: 480, Cause: 31}}}}.Named("mine")
	require.NoError(t, err)
	r := p.Outcome(gate.Outcome{Result: gate.Released}, gate.Call{}, noon)
	require.Equal(t, 480, r.Status)
	require.Contains(t, r.Headers, "Q.850;cause=31;")
	for _, wrong := range []Override{{Phrase: "Done"}, {Text: "Done"}, {Status: 200}} {
		require.ErrorContains(t, Profiles{Custom: map[string]Custom{"mine": {Codes: wrong}}}.Validate(), "sip.answers.mine.codes")
	}
}
