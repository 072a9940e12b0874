package gate

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate/spellingtest"
)

// TestEverySpelling: however a number is written, it is read as that number or refused. Nothing that an exchange may ring
// as the number is ever read as another one.
func TestEverySpelling(t *testing.T) {
	for _, subject := range spellingtest.Subjects() {
		t.Run(subject.Region, func(t *testing.T) {
			z := office(t, subject.Region)
			all := subject.Spellings()
			require.Greater(t, len(all), 200)
			for _, s := range all {
				d := z.Read(s.Scheme, s.User, nil)
				require.Truef(t, keeps(s, d, subject), "%s:%s must be %v, but was read as %+v", s.Scheme, s.User, s.Reading, d)
			}
		})
	}
}

// keeps: d is what must become of s.
func keeps(s spellingtest.Spelling, d Dialled, of spellingtest.Subject) bool {
	refused := d.Kind == Unreadable && d.Why != "" && d.Number == ""
	number := d.Kind == External && string(d.Number) == of.Number
	switch s.Reading {
	case spellingtest.TheNumber:
		return number
	case spellingtest.Refused: // a parameter of the URI is not part of what Read sees
		return refused || number && s.Params != ""
	case spellingtest.Either:
		return refused || number
	default:
		return refused || d.Kind == External && !number
	}
}

// TestEverySpellingInLists: a list and a command read a number like a call does.
func TestEverySpellingInLists(t *testing.T) {
	for _, subject := range spellingtest.Subjects() {
		z := office(t, subject.Region)
		for _, s := range subject.Spellings() {
			n, err := z.Number(" " + s.User + "\r\n")
			if s.Reading == spellingtest.TheNumber {
				require.NoError(t, err, s.User)
			}
			if err == nil && s.Reading != spellingtest.Another {
				require.Equal(t, subject.Number, string(n), s.User)
			}
		}
	}
}

// TestDigitAfterDigit: overlap sending (RFC 3578). What is only the beginning of a number is refused as incomplete, or is
// a number of its own; the whole one is read as itself, and one digit more never goes back to it.
func TestDigitAfterDigit(t *testing.T) {
	for _, subject := range spellingtest.Subjects() {
		z := office(t, subject.Region)
		for _, form := range subject.Plain {
			for i := 1; i < len(form); i++ {
				d := z.Read("sip", form[:i], nil)
				require.NotEqual(t, subject.Number, string(d.Number), form[:i])
				if d.Kind == Unreadable && form[:i] != "+" {
					require.True(t, d.Incomplete, "%s: %s", form[:i], d.Why)
				}
			}
			d := z.Read("sip", form+"0", nil)
			require.NotEqual(t, subject.Number, string(d.Number), form+"0")
		}
	}
}

// TestOrderOfDialplan: whatever order a dial plan's lines come in, a number is read alike.
func TestOrderOfDialplan(t *testing.T) {
	plan := Dialplan{{"9", ""}, {"90", "0"}, {"900", "+"}, {"9011", "+"}, {"1795", "0"}, {"0", "0"}, {"8", "1"}}
	order := rand.New(rand.NewPCG(1, 2)) // the same in every run
	for _, subject := range spellingtest.Subjects() {
		z := office(t, subject.Region)
		for _, s := range subject.Spellings() {
			want := z.Read(s.Scheme, s.User, plan)
			shuffled := slices.Clone(plan)
			order.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			require.Equal(t, want, z.Read(s.Scheme, s.User, shuffled), s.User)
		}
	}
}

// TestNotationIsReadBack: an exchange of the region takes what is sent in digits or national notation for the number that
// was decided, or for none, but not for another one.
func TestNotationIsReadBack(t *testing.T) {
	for region, numbers := range map[string][]Number{
		"US": {"+12125550100", "+8613800138000", "+442079460958", "+6561234567", "+4930123456", "+2125550100123"},
		"CN": {"+8613800138000", "+12125550100", "+861012345678", "+6561234567", "+13800138000", "+18613800138"},
		"BR": {"+5511961234567", "+11961234567", "+551132345678", "+12125550100", "+15511961234"},
	} {
		z := office(t, region)
		for _, n := range numbers {
			for _, sent := range []string{z.NationalDigits(n), z.CountryDigits(n)} {
				if sent[0] == '+' || strings.HasPrefix(sent, z.home.abroad) {
					continue
				}
				require.Contains(t, []Number{n, ""}, z.Read("sip", sent, nil).Number, "%s: %s goes out as %s", region, n, sent)
			}
		}
	}
}
