package gate

import (
	"strings"
	"testing"

	"github.com/ringfence/ringfence/gate/spellingtest"
)

func FuzzRead(f *testing.F) {
	regions := []string{"US", "CN", "GB", "DE", "IT", "AR", "BR", "MX", "JP", "AU"}
	schemes := []string{"sip", "sips", "tel", "urn", "http"}
	readers := make([]*Normaliser, len(regions))
	for i, region := range regions {
		readers[i] = office(f, region)
	}
	for at, region := range []int{0, 1, 6} {
		for i, s := range spellingtest.Subjects()[at].Spellings() {
			if i%7 == 0 {
				f.Add(uint8(region), uint8(i), s.User, i%2 == 0)
			}
		}
	}
	for _, user := range []string{
		"911", "9911", "service:sos", "202", "2125550100;phone-context=+1", "1;rn=+1", "+5491123456789", "5550100;phone-context=+1-212",
	} {
		f.Add(uint8(0), uint8(2), user, true)
	}
	f.Fuzz(func(t *testing.T, region, scheme uint8, user string, planned bool) {
		z := readers[int(region)%len(readers)]
		var plan Dialplan
		if planned {
			plan = outside
		}
		d := z.Read(schemes[int(scheme)%len(schemes)], user, plan)
		checkRead(t, z, user, plan, d)
		if quick := z.Emergency(schemes[int(scheme)%len(schemes)], user, plan); quick != (d.Kind == EmergencyCall) {
			t.Fatalf("%q: Emergency says %v, Read says %+v", user, quick, d)
		}
	})
}

// checkRead holds what must be true of anything that Read returns.
func checkRead(t *testing.T, z *Normaliser, user string, plan Dialplan, d Dialled) {
	t.Helper()
	if (d.Kind == Unreadable) != (d.Why != "") || (d.Kind == External) != (d.Number != "") {
		t.Fatalf("%q: kind, number and why do not agree: %+v", user, d)
	}
	switch d.Kind {
	case EmergencyCall:
		if !z.emergency[d.Local] && !strings.HasPrefix(d.Local, "urn:service:sos") {
			t.Fatalf("%q is sent as emergency number %q", user, d.Local)
		}
	case Extension:
		if !z.FitsExtension(d.Local) {
			t.Fatalf("%q is sent as extension %q", user, d.Local)
		}
	case External:
		checkNumber(t, z, user, plan, d.Number)
	}
}

func checkNumber(t *testing.T, z *Normaliser, user string, plan Dialplan, n Number) {
	t.Helper()
	digits := n.Digits()
	if n[0] != '+' || !isDialString(digits) || len(digits) < leastE164 || len(digits) > mostE164 {
		t.Fatalf("%q became %q, which is no E.164 number", user, n)
	}
	if again := z.Read("tel", string(n), nil); again.Number != n {
		t.Fatalf("%q became %q, which is read back as %+v", user, n, again)
	}
	// Nothing is cut off: what was dialled, whatever stood before it, ends as the number does.
	s, _ := readSubscriber(user, false)
	dialled := s.digits
	if s.global() && dialled[0] != '+' {
		dialled = s.context + dialled
	} else if !s.global() {
		dialled = plan.apply(dialled)
	}
	dialled = strings.TrimPrefix(dialled, "+")
	if !strings.HasSuffix(dialled, digits[len(digits)-5:]) {
		t.Fatalf("%q became %q: its end was changed", user, n)
	}
	if len(dialled) > len(digits) && strings.HasPrefix(dialled, digits) {
		t.Fatalf("%q became %q: digits were cut off", user, n)
	}
}

func FuzzNumber(f *testing.F) {
	z := office(f, "US")
	for _, line := range []string{"+1 (212) 555-0100", "2125550100;ext=1", "tel:+8613800138000", " 911", "202", "\xef\xbb\xbf2125550100", "2125550100,John"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		n, err := z.Number(line)
		if (err == nil) != (n != "") {
			t.Fatalf("%q: %q, %v", line, n, err)
		}
		if err == nil {
			if again, err := z.Number(string(n)); again != n || err != nil {
				t.Fatalf("%q became %q, which is read back as %q, %v", line, n, again, err)
			}
		}
	})
}

var sinkDialled Dialled

func BenchmarkRead(b *testing.B) {
	z := office(b, "CN")
	for name, user := range map[string]string{
		"canonical":  "+8613800138000",
		"national":   "13800138000",
		"escaped":    "%2B86-138-0013-8000;phone-context=example.com",
		"foreign":    "+12125550100",
		"trunk":      "02112345678",
		"surplus":    "138001380001",
		"unreadable": "alice",
		"emergency":  "110",
		"extension":  "202",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sinkDialled = z.Read("sip", user, nil)
			}
		})
	}
}
