package gate

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/nyaruka/phonenumbers"
	"github.com/stretchr/testify/require"
)

var offices sync.Map

// office is a normaliser as a company has one: the region's emergency numbers and three- or four-digit extensions.
func office(t testing.TB, region string) *Normaliser {
	if z, made := offices.Load(region); made {
		return z.(*Normaliser)
	}
	z, err := NewNormaliser(region, Defaults(region).Rules.Emergency, "^[2-8][0-9]{2,3}$")
	require.NoError(t, err)
	offices.Store(region, z)
	return z
}

// outside is the dial plan of a company that dials 9 for a line.
var outside = Dialplan{{"9", ""}, {"900", "+"}}

// spellings writes a number, given in the forms a region dials it, in every way that Read has to understand.
func spellings(forms []string) []string {
	var all []string
	for _, form := range forms {
		for _, text := range []string{
			form, grouped(form, "-"), grouped(form, "."), "(" + form[:3] + ")" + form[3:], escaped(form, 0), escaped(form, 1),
			escaped(grouped(form, "-"), 0), form + "-", "." + form,
		} {
			for _, params := range []string{
				"", ";ext=12", ";isub=1;isub-encoding=nsap", ";postd=pp22", ";user=phone", ";npdi", ";phone-context=example.com",
				";PHONE-CONTEXT=pbx-1.example.com;ext=1",
			} {
				all = append(all, text+params)
			}
		}
	}
	return all
}

// grouped puts a separator before the last seven and the last four characters.
func grouped(s, separator string) string {
	return s[:len(s)-7] + separator + s[len(s)-7:len(s)-4] + separator + s[len(s)-4:]
}

// escaped writes every character as %XX, or every second one.
func escaped(s string, keep int) string {
	var b strings.Builder
	for i := range len(s) {
		if keep == 1 && i%2 == 0 {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, "%%%02x", s[i])
		}
	}
	return b.String()
}

// regionCase is one number as a region dials it.
type regionCase struct {
	region string
	want   Number
	forms  []string
}

var regionCases = []regionCase{
	{"US", "+12125550100", []string{"+12125550100", "12125550100", "2125550100", "01112125550100"}},
	{"CN", "+8613800138000", []string{
		"+8613800138000", "8613800138000", "13800138000", "013800138000", "008613800138000", "1795113800138000",
	}},
}

func TestReadSpellings(t *testing.T) {
	for _, test := range regionCases {
		z := office(t, test.region)
		all := spellings(test.forms)
		require.Greater(t, len(all), 200)
		for _, scheme := range []string{"sip", "SIPS", "tel"} {
			for _, user := range all {
				d := z.Read(scheme, user, nil)
				require.Equal(t, External, d.Kind, "%s:%s: %s", scheme, user, d.Why)
				require.Equal(t, test.want, d.Number, "%s:%s", scheme, user)
				require.Equal(t, user, d.Text)
				require.Empty(t, d.Local)
			}
		}
		for _, user := range all {
			n, err := z.Number(" " + user + "\r\n")
			require.NoError(t, err)
			require.Equal(t, test.want, n)
		}
	}
}

// TestReadNeverAnotherNumber damages each spelling in every way that a rep may hope to get round a list with. Each must
// be the number or unreadable.
func TestReadNeverAnotherNumber(t *testing.T) {
	for _, test := range regionCases {
		z := office(t, test.region)
		tried, refused := 0, 0
		for _, form := range test.forms {
			for _, damage := range damages(form) {
				tried++
				d := z.Read("sip", damage, nil)
				switch d.Kind {
				case External:
					require.Equal(t, test.want, d.Number, "%s", damage)
				case Unreadable:
					require.NotEmpty(t, d.Why, damage)
					refused++
				default:
					t.Errorf("%s was read as kind %d", damage, d.Kind)
				}
			}
		}
		require.Greater(t, tried, 200)
		require.Greater(t, refused, tried/2)
	}
}

// damages inserts every odd thing at every place. Digits are only added at the end: elsewhere they make another number.
func damages(form string) []string {
	var all []string
	for _, odd := range []string{
		"*", "#", ",", "p", "w", "O", "l", "+", " ", "%20", "%2C", "%00", "%25", "%g", "%3g", "%zz", "%3B", "/", ":", "@", "?",
		"\x00", "\r\n", "\u3000", "\uff11", "\u0661", "\u200b", "\u2011", "%EF%BC%91", "x", "ext", "[", "~",
	} {
		for at := 0; at <= len(form); at++ {
			if odd == "+" && at == 0 {
				continue // a + before it makes it another country's number, for every exchange
			}
			all = append(all, form[:at]+odd+form[at:])
		}
	}
	for _, tail := range []string{
		"0", "1", "00", "12", "123", ";rn=+12125550199", ";npdi;rn=2125550199", ";rn=", ";cic=+1-6789", ";rn=x",
		";phone-context=", ";phone-context=+1;phone-context=+86", ";phone-context=a b", ";phone-context=%2Bx", ";ext=%zz",
	} {
		all = append(all, form+tail)
	}
	return all
}

func TestReadRefuses(t *testing.T) {
	long := strings.Repeat("1", maxText+1)
	for _, test := range []struct{ region, scheme, user, why string }{
		{"US", "sip", "", "no digits"},
		{"US", "sip", "+", "no digits"},
		{"US", "sip", "()-.", "no digits"},
		{"US", "sip", ";phone-context=+1", "no digits"},
		{"US", "sip", "alice", "letter"},
		{"US", "sip", "2125550100p1", "letter"},
		{"US", "sip", "*672125550100", "service code"},
		{"US", "sip", "%2A672125550100", "service code"},
		{"US", "sip", "%2532125550100", "character"},
		{"US", "sip", "212%355550100%3", "hexadecimal"},
		{"US", "sip", "２１２５５５０１００", "not ASCII"},
		{"US", "sip", "212+5550100", "after its beginning"},
		{"US", "sip", "5550100", "area code"},
		{"US", "sip", "21255501000", "too many digits"},
		{"US", "sip", "212555010", "too few digits"},
		{"US", "sip", "+12125550100123456", "too many digits"},
		{"US", "sip", "+0112125550100", "no country"},
		{"US", "sip", "+9992125550100", "no country"},
		{"US", "sip", "2125550100;rn=2125550199", "routing"},
		{"US", "sip", "2125550100;cic=+16789", "carrier"},
		{"US", "sip", "2125550100;phone-context=+1;Phone-Context=+86", "twice"},
		{"US", "sip", long, "longer than any"},
		{"US", "sip", long[:maxText], "too many digits"},
		{"CN", "sip", "138001380001", "after the end"},
		{"CN", "sip", "+86138001380001", "after the end"},
		{"CN", "sip", "021123456789", "after the end"},
		{"GB", "sip", "+92000000000", "after the end"},           // the national prefix or the last digit? nobody can tell
		{"AE", "sip", "+9710022345678", "two different numbers"}, // two national prefixes: without one the other is read off next time
		{"CN", "sip", "55501000", "area code"},
		{"CN", "sip", "95588", "area code"},
		{"US", "http", "2125550100", "scheme"},
		{"US", "", "2125550100", "scheme"},
		{"US", "urn", "service:sosx", "URN"},
		{"US", "urn", "service:counseling", "URN"},
	} {
		d := office(t, test.region).Read(test.scheme, test.user, nil)
		require.Equal(t, Unreadable, d.Kind, "%s:%s", test.scheme, test.user)
		require.Contains(t, d.Why, test.why, "%s:%s", test.scheme, test.user)
		require.Empty(t, d.Number)
		require.LessOrEqual(t, len(d.Text), maxText)
	}
}

func TestReadKinds(t *testing.T) {
	for _, test := range []struct {
		region, scheme, user string
		plan                 Dialplan
		kind                 Kind
		want                 string // number or local digits
	}{
		// Emergency: exact, before and after the dial plan, in any spelling of its digits, whatever the parameters say.
		{"US", "sip", "911", nil, EmergencyCall, "911"},
		{"US", "sip", "911", outside, EmergencyCall, "911"},
		{"US", "sip", "9911", outside, EmergencyCall, "911"},
		{"US", "sip", "9-1-1", nil, EmergencyCall, "911"},
		{"US", "sip", "%39%31%31", nil, EmergencyCall, "911"},
		{"US", "tel", "911;phone-context=+1", nil, EmergencyCall, "911"},
		{"US", "tel", "911;phone-context=example.com;rn=+12125550100", nil, EmergencyCall, "911"},
		{"US", "sip", "911", Dialplan{{"911", "2125550100"}}, EmergencyCall, "911"},
		{"CN", "sip", "122", nil, EmergencyCall, "122"},
		{"CN", "sip", "11013800138000", nil, Unreadable, ""},
		{"US", "sip", "9112", nil, Unreadable, ""},
		{"US", "sip", "+911", nil, Unreadable, ""},
		{"US", "urn", "service:sos", nil, EmergencyCall, "urn:service:sos"},
		{"US", "URN", "Service:SOS.Police", nil, EmergencyCall, "urn:service:sos.police"},
		// Extensions.
		{"US", "sip", "202", nil, Extension, "202"},
		{"US", "sip", "2-0-2", nil, Extension, "202"},
		{"US", "sip", "7042;phone-context=example.com", nil, Extension, "7042"},
		{"US", "sip", "9202", outside, Extension, "202"},
		{"US", "tel", "202;phone-context=+1", nil, Unreadable, ""}, // a global context is no extension
		{"US", "sip", "202;rn=+12125550100", nil, Unreadable, ""},
		{"US", "sip", "20255", nil, Unreadable, ""},
		// Dial plan: longest first, not where the context is global.
		{"US", "sip", "92125550100", outside, External, "+12125550100"},
		{"US", "sip", "9008613800138000", outside, External, "+8613800138000"},
		{"US", "tel", "9162345678;phone-context=+86", outside, External, "+869162345678"},
		{"US", "sip", "9", outside, Unreadable, ""},
		{"US", "sip", "9+12125550100", outside, Unreadable, ""},
		// Contexts, RFC 3966 §5.1.5.
		{"US", "tel", "2125550100;phone-context=+1", nil, External, "+12125550100"},
		{"CN", "tel", "2125550100;phone-context=+1", nil, External, "+12125550100"},
		{"US", "tel", "13800138000;phone-context=%2B86", nil, External, "+8613800138000"},
		{"US", "tel", "13800138000;phone-context=%38%36", nil, Unreadable, ""},
		{"US", "tel", "5550100;phone-context=+1-212", nil, External, "+12125550100"},
		// Ported numbers, RFC 4694: the same number twice is no harm.
		{"US", "sip", "2125550100;npdi;rn=+1-212-555-0100", nil, External, "+12125550100"},
		{"US", "sip", "2125550100;rn=2125550100;rn-context=+1", nil, External, "+12125550100"},
		// Others.
		{"CN", "sip", "02112345678", nil, External, "+862112345678"},
		{"CN", "sip", "+390612345678", nil, External, "+390612345678"}, // the Italian zero stays
		{"CN", "sip", "0013800138000", nil, External, "+13800138000"},  // 00 is the international prefix, +1 380 a number
		{"CN", "sip", "12612345678", nil, External, "+8612612345678"},  // not in the tables, but possible
		{"GB", "sip", "+44(0)2079460958", nil, External, "+442079460958"},
		{"US", "sip", "+80012345678", nil, External, "+80012345678"}, // no country's
	} {
		d := office(t, test.region).Read(test.scheme, test.user, test.plan)
		name := test.region + " " + test.scheme + ":" + test.user
		require.Equal(t, test.kind, d.Kind, "%s: %s", name, d.Why)
		require.Equal(t, test.want, string(d.Number)+d.Local, name)
	}
}

func TestNumberErrors(t *testing.T) {
	z := office(t, "US")
	for text, why := range map[string]string{
		"":                   "no digits",
		"911":                "emergency",
		"202":                "extension",
		"6465550177x":        "letter",
		"646 555 0177 1":     "too many",
		"sip:6465550177@x":   "letter",
		"646\t5550177":       "character",
		"(646) 555-0177 #12": "service code",
	} {
		_, err := z.Number(text)
		require.ErrorContains(t, err, why, text)
		require.ErrorContains(t, err, "write it like")
		require.NotContains(t, err.Error(), "5550177", "no full number in an error")
	}
	n, err := z.Number("tel:+1 (212) 555-0100;ext=12")
	require.NoError(t, err)
	require.Equal(t, Number("+12125550100"), n)
}

func TestNewNormaliserNamesAllMistakes(t *testing.T) {
	_, err := NewNormaliser("us", []string{"911", "+1", "9 1"}, "(")
	for _, part := range []string{`region: "us"`, `rules.emergency: "+1"`, `rules.emergency: "9 1"`, `sip.extensions.pattern: "("`} {
		require.ErrorContains(t, err, part)
	}
	for _, pattern := range []string{".*", "[0-9]+", "^[0-9]{3,11}$", "2[0-9]{9}", "202|1?[2-9][0-9]{9}"} {
		_, err := NewNormaliser("US", []string{"911"}, pattern)
		require.ErrorContains(t, err, "fits outside numbers", pattern)
	}
	z, err := NewNormaliser("US", []string{"911"}, "20[0-9]|30")
	require.NoError(t, err)
	for digits, fits := range map[string]bool{"201": true, "30": true, "2012": false, "130": false, "": false, "+201": false, "20x": false} {
		require.Equal(t, fits, z.FitsExtension(digits), digits)
	}
}

func TestDialplan(t *testing.T) {
	plan, err := NewDialplan(map[string]string{"9": "", "90": "0", "9011": "+", "8": "1"})
	require.NoError(t, err)
	require.Equal(t, Dialplan{{"9011", "+"}, {"90", "0"}, {"8", "1"}, {"9", ""}}, plan)
	for dialled, want := range map[string]string{"9011442": "+442", "9012": "012", "9212": "212", "8": "1", "7": "7", "+9": "+9"} {
		require.Equal(t, want, plan.apply(dialled), dialled)
	}
	_, err = NewDialplan(map[string]string{"": "1", "x": "1", "7": "1+2", "6": "a", "+": "00"})
	for _, part := range []string{`prefix ""`, `prefix "x"`, `prefix "7"`, `prefix "6"`, `prefix "+"`} {
		require.ErrorContains(t, err, part)
	}
}

// TestReadIsStable: the canonical form of every example number of every region is read back unchanged, everywhere.
func TestReadIsStable(t *testing.T) {
	readers := []*Normaliser{office(t, "CN"), office(t, "AR")}
	for _, region := range regionsOf() {
		for kind := phonenumbers.FIXED_LINE; kind <= phonenumbers.VOICEMAIL; kind++ {
			example := phonenumbers.GetExampleNumberForType(region, kind)
			if example == nil {
				continue
			}
			for _, z := range readers {
				text := phonenumbers.Format(example, phonenumbers.E164)
				if d := z.Read("sip", text, nil); d.Kind == External {
					require.Equal(t, d, z.Read("sip", string(d.Number), nil), "%s from %s", text, z.region)
				} else {
					require.Equal(t, Unreadable, d.Kind, "%s from %s", text, z.region)
				}
			}
		}
	}
}
