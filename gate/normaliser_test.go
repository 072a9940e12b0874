package gate

import (
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
		{"US", "urn", "service:sos.animal-control", nil, EmergencyCall, "urn:service:sos.animal-control"},
		{"US", "urn", "service:sos.ecall.manual", nil, EmergencyCall, "urn:service:sos.ecall.manual"},
		// A spoof is an emergency call like any other, without what it smuggles.
		{"US", "urn", "service:sos.12125550100", nil, EmergencyCall, "urn:service:sos"},
		{"US", "urn", "service:sos.police.+12125550100", nil, EmergencyCall, "urn:service:sos.police"},
		{"US", "urn", "service:sos.fire;phone-context=+1@x", nil, EmergencyCall, "urn:service:sos"},
		{"US", "urn", "service:sos.", nil, EmergencyCall, "urn:service:sos"},
		{"US", "urn", "service:sos%2e12125550100", nil, Unreadable, ""},
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
