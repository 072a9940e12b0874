package answer

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

// A custom profile answers as the one it is based on, but for what it says itself.
func TestCustom(t *testing.T) {
	p, err := Profiles{Language: english, Custom: map[string]Custom{"front-desk": {
		BasedOn: "3cx", Language: chinese,
		Owned: Override{Status: 480, Cause: 18, Phrase: "Ask {owner}", Text: "请联系 {owner}"},
		DNC:   Override{Phrase: "Do not call"},
		Quota: Override{Phrase: `Ask "Li" \ Wang`},
	}}}.Named("front-desk")
	require.NoError(t, err)
	require.Equal(t, "front-desk", p.Name)
	require.Equal(t, Refusal{480, "Ask 202", "Reason: Q.850;cause=18;text=\"请联系 202\"\r\n" +
		"Reason: SIP;cause=480;text=\"请联系 202\"\r\nWarning: 399 ringfence \"请联系 202\"\r\n"}, p.Refusal(&gate.Decision{Reason: gate.Owned, Owner: "202"}))
	require.Equal(t, Refusal{600, "Do not call", "Reason: Q.850;cause=17;text=\"Do not call\"\r\n" +
		"Reason: SIP;cause=600;text=\"Do not call\"\r\nWarning: 399 ringfence \"Do not call\"\r\n"}, p.Refusal(&gate.Decision{Reason: gate.DNC}))
	require.Contains(t, p.Refusal(&gate.Decision{Reason: gate.Quota}).Headers, `Warning: 399 ringfence "Ask Li  Wang"`)
	require.Equal(t, "Customer said no", p.Refusal(&gate.Decision{Reason: gate.Refused}).Phrase)
}

// Only those who may point to a card do: 608 and what is based on it.
func TestCardIsPointedTo(t *testing.T) {
	p := Profiles{Card: "https://gate.example.com/card", Custom: map[string]Custom{"carrier": {BasedOn: "608", DNC: Override{Status: 603}}}}
	for name, want := range map[string]bool{"608": true, "phone": false, "3cx": false} {
		made, err := p.Named(name)
		require.NoError(t, err)
		require.Equal(t, want, p.NeedsCard(name))
		require.Equal(t, want, strings.Contains(made.Refusal(&gate.Decision{Reason: gate.DNC}).Headers, "Call-Info: <https://gate.example.com/card>;purpose=jwscard\r\n"))
	}
	made, err := p.Named("carrier")
	require.NoError(t, err)
	require.True(t, p.NeedsCard("carrier"))
	require.NotContains(t, made.Refusal(&gate.Decision{Reason: gate.DNC}).Headers, "Call-Info")
	require.Contains(t, made.Refusal(&gate.Decision{Reason: gate.Refused}).Headers, "Call-Info")
}

func TestValidate(t *testing.T) {
	for key, c := range map[string]Custom{
		"sip.answers.x.based_on":            {BasedOn: "4cx"},
		"sip.answers.x.owner":               {Owner: "yes"},
		"sip.answers.x.language":            {Language: "de"},
		"sip.answers.x.dnc.status":          {DNC: Override{Status: 200}},
		"sip.answers.x.owned.status":        {Owned: Override{Status: 407}},
		"sip.answers.x.refused.status":      {Refused: Override{Status: 607}},
		"sip.answers.x.hours.status":        {Hours: Override{Status: 700}},
		"sip.answers.x.quota.cause":         {Quota: Override{Cause: 128}},
		"sip.answers.x.territory.cause":     {Territory: Override{Cause: -1}},
		"sip.answers.x.in_flight.phrase":    {InFlight: Override{Phrase: "客户"}},
		"sip.answers.x.frequency.phrase":    {Frequency: Override{Phrase: "a\r\nX: y"}},
		"sip.answers.x.unknown_rep.phrase":  {UnknownRep: Override{Phrase: strings.Repeat("a", maxPhrase+1)}},
		"sip.answers.x.invalid_number.text": {InvalidNumber: Override{Text: "a\nb"}},
		"sip.answers.x.registry_down.text":  {RegistryDown: Override{Text: `a "b"`}},
	} {
		err := Profiles{Custom: map[string]Custom{"x": c}}.Validate()
		require.ErrorContains(t, err, key+": ")
		require.NotContains(t, err.Error(), "\n", "one mistake, one error")
	}
	for _, name := range []string{"phone", "608", "", "A", "a b", strings.Repeat("a", 33)} {
		require.Error(t, Profiles{Custom: map[string]Custom{name: {}}}.Validate(), "%q", name)
	}
	_, err := Profiles{Custom: map[string]Custom{"mine": {}}}.Named("3xc")
	require.ErrorContains(t, err, "3cx, 608, asterisk, cisco, freepbx, freeswitch, phone, mine")
	require.NoError(t, Profiles{Custom: map[string]Custom{"mine": {BasedOn: "phone", Owned: Override{Status: 480, Text: "请联系主管"}}}}.Validate())
}
