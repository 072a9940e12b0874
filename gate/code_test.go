package gate

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate/spellingtest"
)

// allCodes is every code switched on.
var allCodes = Codes{Owner: "*81", Claim: "*82", Release: "*83", Refused: "*84", Request: "*85", Pass: "*86"}

// coded is office with every feature code.
func coded(t testing.TB, region string) *Normaliser {
	z, err := office(t, region).WithCodes(allCodes, "^[2-8][0-9]{2,3}$")
	require.NoError(t, err)
	return z
}

func TestReadCodes(t *testing.T) {
	z := coded(t, "US")
	for _, test := range []struct {
		user     string
		code     Code
		argument string
		number   Number
		why      string
	}{
		{"*812125550100", CodeOwner, "", "+12125550100", ""},
		{"*82*2125550100", CodeClaim, "", "+12125550100", ""},
		{"%2A832125550100", CodeRelease, "", "+12125550100", ""},
		{"*83+12125550100#", CodeRelease, "", "+12125550100", ""},
		{"*84*90*2125550100", CodeRefused, "90", "+12125550100", ""},
		{"*842125550100%23", CodeRefused, "", "+12125550100", ""},
		{"*8592125550100", CodeRequest, "", "+12125550100", ""}, // 9 for a line
		{"*8690044 20 7946 0958", CodePass, "", "", "blank"},
		{"*869004420-7946-0958", CodePass, "", "+442079460958", ""},
		{"*86*4711*2125550100", CodePass, "4711", "+12125550100", ""},
		{"*812125550100;phone-context=+1", CodeOwner, "", "+12125550100", ""},
		{"*81;rn=+1", CodeOwner, "", "", "no number follows"},
		{"*81", CodeOwner, "", "", "no number follows"},
		{"*81#", CodeOwner, "", "", "no number follows"},
		{"*81*", CodeOwner, "", "", "no number follows"},
		{"*82*30*2125550100", CodeClaim, "30", "", "nothing but a number"},
		{"*84**2125550100", CodeRefused, "", "", "1 to 8 digits"},
		{"*84*123456789*2125550100", CodeRefused, "123456789", "", "1 to 8 digits"},
		{"*86*+471*2125550100", CodePass, "+471", "", "1 to 8 digits"},
		{"*86*4711*2125550100*1", CodePass, "4711", "", "service code"},
		{"*81911", CodeOwner, "", "", "emergency"},
		{"*819911", CodeOwner, "", "", "emergency"},
		{"*81202", CodeOwner, "", "", "extension"},
		{"*815550100", CodeOwner, "", "", "area code"},
		{"*81alice", CodeOwner, "", "", "letter"},
		{"*86*4711*2125550100%", CodePass, "", "", "hexadecimal"},
		{"*86*4711*" + strings.Repeat("2", 300), CodePass, "", "", "too many digits"},
		{"*812125550100;cic=1", CodeOwner, "", "", "carrier"},
		{"*812125550100;rn=2125550199", CodeOwner, "", "", "routing"},
	} {
		d := z.Read("sip", test.user, outside)
		require.Equal(t, FeatureCode, d.Kind, test.user)
		require.Equal(t, test.code, d.Code, test.user)
		require.Equal(t, test.argument, d.Argument, test.user)
		require.Equal(t, test.number, d.Number, "%s: %s", test.user, d.Why)
		require.Contains(t, d.Why, test.why, test.user)
		require.Equal(t, test.why == "", d.Why == "", "%s: %s", test.user, d.Why)
		require.Equal(t, "*8"+string(rune(0x30+int(test.code))), d.Text, "no PIN may get into a log")
	}
	for _, user := range []string{"*872125550100", "812125550100", "#812125550100", "*8", "1*812125550100", "9*812125550100", "**812125550100", "+*812125550100"} {
		require.NotEqual(t, FeatureCode, z.Read("sip", user, outside).Kind, user)
	}
	require.Equal(t, Unreadable, z.Read("http", "*812125550100", nil).Kind)
}

// Without codes nothing is one: what begins with a star is what it was before there were any.
func TestCodesAreOffByDefault(t *testing.T) {
	require.Zero(t, Defaults("US").Codes)
	d := office(t, "US").Read("sip", "*812125550100", nil)
	require.Equal(t, Unreadable, d.Kind)
	require.Contains(t, d.Why, "service code")
	z, err := office(t, "US").WithCodes(Codes{Claim: "*82"}, "")
	require.NoError(t, err)
	require.Equal(t, Unreadable, z.Read("sip", "*812125550100", nil).Kind)
	require.Equal(t, FeatureCode, z.Read("sip", "*822125550100", nil).Kind)
}

// No spelling of a code lets a call out, and a code in front of a number reads that number or none. A number without a
// code in front is never taken for one.
func TestEverySpellingAfterACode(t *testing.T) {
	for _, subject := range spellingtest.Subjects() {
		z, plain := coded(t, subject.Region), office(t, subject.Region)
		for _, c := range []struct{ code, argument string }{{"*81", ""}, {"*84", "30"}, {"*86", "4711"}} {
			all := subject.Coded(c.code, c.argument)
			require.Greater(t, len(all), 200)
			for _, s := range all {
				d := z.Read(s.Scheme, s.User, nil)
				require.NotContains(t, []Kind{External, Extension, EmergencyCall}, d.Kind, "%s:%s was read as %+v", s.Scheme, s.User, d)
				if s.Reading == spellingtest.TheNumber {
					require.Equal(t, subject.Number, string(d.Number), "%s:%s was read as %+v", s.Scheme, s.User, d)
					require.Equal(t, c.argument, d.Argument, s.User)
				}
				if s.Reading != spellingtest.Another {
					require.Contains(t, []Number{Number(subject.Number), ""}, d.Number, s.User)
				}
				require.Equal(t, Unreadable, plain.Read(s.Scheme, s.User, nil).Kind, s.User)
			}
		}
		for _, s := range subject.Spellings() {
			want, got := plain.Read(s.Scheme, s.User, nil), z.Read(s.Scheme, s.User, nil)
			if got.Kind == FeatureCode { // *82 is a service code of exchanges, and one of ours here
				require.Equal(t, Unreadable, want.Kind, s.User)
				continue
			}
			require.Equal(t, want, got, s.User)
		}
	}
}

func FuzzReadCode(f *testing.F) {
	z := coded(f, "US")
	for i, s := range spellingtest.Subjects()[0].Coded("*86", "4711") {
		if i%9 == 0 {
			f.Add(s.User, i%2 == 0)
		}
	}
	f.Add("*81911", true)
	f.Add("*84*30*", false)
	f.Fuzz(func(t *testing.T, user string, planned bool) {
		var plan Dialplan
		if planned {
			plan = outside
		}
		d := z.Read("sip", user, plan)
		if d.Kind != FeatureCode {
			if d != office(t, "US").Read("sip", user, plan) {
				t.Fatalf("%q: codes changed what is none: %+v", user, d)
			}
			return
		}
		if (d.Number == "") != (d.Why != "") || d.Code == NoCode || d.Code >= codeCount || len(d.Text) > 6 || d.Local != "" {
			t.Fatalf("%q: %+v", user, d)
		}
		if d.Number != "" {
			if again := z.Read("sip", string(d.Number), nil); again.Number != d.Number {
				t.Fatalf("%q: %+v is read back as %+v", user, d, again)
			}
		}
	})
}

func TestCodesThatCannotBe(t *testing.T) {
	for _, test := range []struct {
		codes     Codes
		extension string
		wrong     string
	}{
		{Codes{Owner: "81"}, "", `sip.codes.owner: "81" is no feature code`},
		{Codes{Owner: "*"}, "", "is no feature code"},
		{Codes{Owner: "*81*"}, "", "is no feature code"},
		{Codes{Owner: "*12345"}, "", "is no feature code"},
		{Codes{Owner: "+81"}, "", "is no feature code"},
		{Codes{Pass: "911"}, "", "sip.codes.pass"},
		{Codes{Owner: "*8", Claim: "*82"}, "", `sip.codes.claim: "*82" and sip.codes.owner ("*8") begin alike`},
		{Codes{Owner: "*81", Claim: "*81"}, "", "begin alike"},
		{Codes{Owner: "*81"}, `^[*0-9]+$`, "fits sip.extensions.pattern"},
		{Codes{Owner: "*81"}, `\*8[0-9]`, "fits sip.extensions.pattern"},
	} {
		c := Defaults("US")
		c.Codes, c.Extension = test.codes, test.extension
		require.ErrorContains(t, c.Validate(), test.wrong)
	}
	c := Defaults("US")
	c.Codes, c.Extension = allCodes, "^[2-8][0-9]{2,3}$"
	require.NoError(t, c.Validate())
}

// recordingDesk notes what it was asked.
type recordingDesk struct {
	asked []Errand
	tell  Outcome
	err   error
}

func (d *recordingDesk) Serve(ctx context.Context, e Errand) (Outcome, error) {
	if _, bounded := ctx.Deadline(); !bounded {
		return Outcome{}, errors.New("nothing bounds the errand")
	}
	d.asked = append(d.asked, e)
	return d.tell, d.err
}

// oneListed is a registry that lists one number and is never asked.
type oneListed struct {
	Registry
	number Number
}

func (l oneListed) Listed(n Number) (Listing, bool) { return Listing{List: "company"}, n == l.number }

func TestServe(t *testing.T) {
	until := time.Now().Add(time.Hour).Round(0) // without the monotonic part, which In takes off
	desk := &recordingDesk{tell: Outcome{Result: Claimed, Until: until}}
	c := Defaults("US")
	c.Codes, c.Extension = allCodes, "^[2-8][0-9]{2,3}$"
	g, err := New(Options{Config: c, Registry: oneListed{number: "+12125550199"}, Desk: desk})
	require.NoError(t, err)
	serve := func(rep Rep, user string) Outcome {
		desk.asked = nil
		return g.Serve(t.Context(), Call{Key: Key{Rep: rep, CallID: "c", FromTag: "t"}, Peer: "desk", Dialled: g.Read("sip", user, nil)})
	}
	require.Equal(t, desk.tell, serve("201", "*822125550100"))
	require.Equal(t, []Errand{{
		Key: Key{"201", "c", "t"}, Terms: g.Terms(), Code: CodeClaim, Number: "+12125550100", Peer: "desk", Extension: "201",
	}}, desk.asked)

	serve("zhang", "*842125550100")
	require.Equal(t, 30*day, desk.asked[0].For, "rules.refused.cool_down")
	require.Empty(t, desk.asked[0].Extension)
	serve("201", "*84*7*2125550100")
	require.Equal(t, 7*day, desk.asked[0].For)
	serve("201", "*86*4711*2125550100")
	require.Equal(t, "4711", desk.asked[0].PIN)

	for _, test := range []struct {
		rep    Rep
		user   string
		reason Reason
	}{
		{"", "*822125550100", UnknownRep},
		{"201", "*82", InvalidNumber},
		{"201", "*84*0*2125550100", InvalidNumber},
		{"201", "*84*3651*2125550100", InvalidNumber},
		{"201", "2125550100", InvalidNumber},
		{"201", "911", InvalidNumber},
		{"201", "*812125550199", DNC},
		{"201", "*822125550199", DNC},
	} {
		queued := g.Queued()
		require.Equal(t, Outcome{Reason: test.reason}, serve(test.rep, test.user), test.user)
		require.Empty(t, desk.asked, test.user)
		require.Equal(t, queued+1, g.Queued(), "it is recorded")
	}
	require.Equal(t, Claimed, serve("201", "*832125550199").Result, "a listed number can be let go of")

	desk.err = errors.New("away")
	require.Equal(t, Outcome{Reason: RegistryDown}, serve("201", "*822125550100"))
	require.Equal(t, 5*time.Second, Outcome{Reason: RegistryDown}.Decision(Call{}).RetryAfter)

	g, err = New(Options{Config: c, Registry: oneListed{}})
	require.NoError(t, err)
	require.Equal(t, Outcome{Result: NotOffered}, serve("201", "*822125550100"))
}

// A code is no call: whoever has it decided as one gets nothing out.
func TestCodeDecidedAsACall(t *testing.T) {
	c := Defaults("US")
	c.Codes = allCodes
	g, err := New(Options{Config: c, Registry: oneListed{}})
	require.NoError(t, err)
	d, decided := g.Local(Call{Key: Key{Rep: "201"}, Dialled: g.Read("sip", "*812125550100", nil)})
	require.True(t, decided)
	require.Equal(t, Block, d.Verdict)
	require.Equal(t, InvalidNumber, d.Reason)
}

// oneLeft is a company in which rep li has left, and the others are known.
type oneLeft struct{ nobody }

func (oneLeft) Person(wire Rep) (Person, bool) {
	return Person{Rep: wire, Left: wire == "li", Scope: "loans", Team: "east", Extension: "301"}, true
}
func (oneLeft) Loaded() bool { return true }

// Who has left the company is served no more; who works there is served in their team's scope and by their own extension.
func TestServeByPeople(t *testing.T) {
	desk := &recordingDesk{tell: Outcome{Result: Claimed}}
	c := Defaults("US")
	c.Codes, c.Extension = allCodes, "^[2-8][0-9]{2,3}$"
	g, err := New(Options{Config: c, Registry: oneListed{}, Desk: desk, People: oneLeft{}})
	require.NoError(t, err)
	call := Call{Key: Key{Rep: "li"}, Dialled: g.Read("sip", "*822125550100", nil)}
	require.Equal(t, Outcome{Reason: UnknownRep}, g.Serve(t.Context(), call))
	require.Empty(t, desk.asked)
	call.Rep = "zhang"
	require.Equal(t, Claimed, g.Serve(t.Context(), call).Result)
	require.Equal(t, Scope("loans"), desk.asked[0].Scope)
	require.Equal(t, Team("east"), desk.asked[0].Team)
	require.Equal(t, "301", desk.asked[0].Extension)
}
