package answer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

// blocking are the reasons that a call can be refused for, and the zero value, which nothing is decided for on purpose.
func blocking() []gate.Reason {
	passes := []gate.Reason{gate.Emergency, gate.Internal, gate.Allowed, gate.OwnerCalls, gate.Collaborator, gate.Pass}
	return slices.DeleteFunc(append(gate.Reasons(), gate.Undecided), func(r gate.Reason) bool { return slices.Contains(passes, r) })
}

// each calls f for every reason in every built-in profile and language.
func each(t *testing.T, d gate.Decision, f func(t *testing.T, p *Profile, reason gate.Reason, r Refusal)) {
	for _, language := range []string{english, chinese} {
		for _, name := range Names() {
			p, err := Profiles{Language: language, Card: "https://gate.example.com/card"}.Named(name)
			require.NoError(t, err)
			for _, reason := range blocking() {
				t.Run(fmt.Sprint(name, "/", language, "/", reason), func(t *testing.T) {
					d.Reason = reason
					f(t, p, reason, p.Refusal(&d))
				})
			}
		}
	}
}

// Every reason that can block has an answer of its own in every profile; what phones print is short ASCII, what is not
// ASCII stands in quoted strings, and every line is a whole one.
func TestEveryReasonHasItsAnswer(t *testing.T) {
	line := regexp.MustCompile(`^(Reason: (SIP;cause=[4-6]\d\d|Q\.850;cause=\d+);text="[^"\\]+"|Warning: 399 ringfence "[^"\\]+"|Retry-After: 2|Call-Info: <https://gate\.example\.com/card>;purpose=jwscard)$`)
	phrases := map[string]gate.Reason{}
	each(t, gate.Decision{Owner: "202", RetryAfter: 1500 * time.Millisecond}, func(t *testing.T, p *Profile, reason gate.Reason, r Refusal) {
		require.Contains(t, builtin[p.Name].answers, reason)
		require.Regexp(t, `^[ -~]+$`, r.Phrase)
		if before, ok := phrases[r.Phrase]; ok {
			require.Equal(t, before, reason, "two reasons in the same words")
		}
		phrases[r.Phrase] = reason
		lines := strings.Split(strings.TrimSuffix(r.Headers, "\r\n"), "\r\n")
		require.Contains(t, []int{4, 5}, len(lines))
		for _, l := range lines {
			require.Regexp(t, line, l)
		}
		require.Contains(t, r.Headers, fmt.Sprintf("Reason: SIP;cause=%d;", r.Status))
		quotedOnly := regexp.MustCompile(`"[^"]*"`).ReplaceAllString(r.Headers, "")
		require.False(t, strings.ContainsFunc(quotedOnly, func(c rune) bool { return c > 0x7f }))
		require.Equal(t, p.language == chinese, strings.ContainsFunc(r.Headers, func(c rune) bool { return c > 0x7f }))
	})
}

// The short text fits a display of 20 columns, in which a Chinese character takes two; with "a colleague" for an id it
// may be cut, and still be understood.
func TestShortTextsAreShort(t *testing.T) {
	for _, reason := range blocking() {
		for language, said := range words[reason] {
			columns := 0
			for _, c := range strings.ReplaceAll(said.short, ownerMark, "202") {
				columns++
				if c > 0x7f {
					columns++
				}
			}
			require.LessOrEqual(t, columns, 20, "%v in %s", reason, language)
			require.NotEmpty(t, said.long)
		}
		require.Len(t, words[reason], 2, "%v", reason)
	}
}

// FreeSWITCH reads the first Reason alone, and only when it is Q.850; phones that print a Reason print SIP's.
func TestFirstReason(t *testing.T) {
	each(t, gate.Decision{}, func(t *testing.T, p *Profile, _ gate.Reason, r Refusal) {
		want := "Reason: Q.850;"
		if p.Name == "phone" || p.Name == "608" {
			want = "Reason: SIP;"
		}
		require.True(t, strings.HasPrefix(r.Headers, want), r.Headers)
	})
}

// 503 has a PBX take the gate for broken and look elsewhere. 607 says that the called person complained; a gate nearer
// to the trunk would write a refusal down for it.
func TestStatusesThatSayTooMuch(t *testing.T) {
	each(t, gate.Decision{}, func(t *testing.T, p *Profile, reason gate.Reason, r Refusal) {
		require.NotContains(t, withMeaning, r.Status)
		if p.Name != "phone" {
			require.NotEqual(t, 5, r.Status/100, "%v", reason)
		}
	})
}

// An owner is named where the profile says so, and never breaks out of the line that names them.
func TestOwner(t *testing.T) {
	d := gate.Decision{Reason: gate.Owned, Owner: "202"}
	say := func(p Profiles, name string) Refusal {
		made, err := p.Named(name)
		require.NoError(t, err)
		return made.Refusal(&d)
	}
	require.Equal(t, "Customer of 202", say(Profiles{}, "").Phrase)
	require.Equal(t, "Customer of a colleague", say(Profiles{}, "608").Phrase)
	hidden := say(Profiles{Language: chinese, Custom: map[string]Custom{"shy": {Owner: ownerHidden}}}, "shy")
	require.Equal(t, "Customer of a colleague", hidden.Phrase)
	require.Contains(t, hidden.Headers, `text="客户属于 同事"`)
	require.Equal(t, "Customer of 202", say(Profiles{Custom: map[string]Custom{"open": {BasedOn: "608", Owner: ownerShown}}}, "open").Phrase)
	for _, owner := range []gate.Rep{"", "a\"\r\nX: y", `a\`, "王伟", "a b", "{owner}", gate.Rep(strings.Repeat("9", maxOwner+1))} {
		d.Owner = owner
		r := say(Profiles{}, "phone")
		require.Equal(t, "Customer of a colleague", r.Phrase, "%q", owner)
		require.Equal(t, 3, strings.Count(r.Headers, "\r\n"))
	}
}

// A number that lacks digits is told apart from one that is wrong, where the other side can make something of it.
func TestIncompleteNumber(t *testing.T) {
	d := gate.Decision{Reason: gate.InvalidNumber, Call: gate.Call{Dialled: gate.Dialled{Incomplete: true}}}
	for name, want := range map[string]int{"": 484, "3cx": 600, "freepbx": 484, "608": 604, "mine": 410} {
		p, err := Profiles{Language: chinese, Custom: map[string]Custom{"mine": {InvalidNumber: Override{Status: 410}}}}.Named(name)
		require.NoError(t, err)
		require.Equal(t, want, p.Refusal(&d).Status, name)
	}
	p, err := Profiles{}.Named("")
	require.NoError(t, err)
	r := p.Refusal(&d)
	require.Equal(t, "Number incomplete", r.Phrase)
	require.Contains(t, r.Headers, `Reason: SIP;cause=484;text="Number incomplete"`)
	d.Call.Dialled.Incomplete = false
	require.Equal(t, 404, p.Refusal(&d).Status)
}

// A decision without a reason, or with one that lets calls out, is refused all the same.
func TestUndecided(t *testing.T) {
	p, err := Profiles{}.Named("3cx")
	require.NoError(t, err)
	for _, reason := range []gate.Reason{gate.Undecided, gate.Allowed, 200} {
		require.Equal(t, 486, p.Refusal(&gate.Decision{Reason: reason}).Status)
	}
}
