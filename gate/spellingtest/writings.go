package spellingtest

import (
	"fmt"
	"strings"
)

// Spellings are all ways to write the number, well over two hundred.
func (s Subject) Spellings() []Spelling {
	w := writer{seen: map[Spelling]bool{}}
	for _, form := range s.Plain {
		for _, user := range written(form) {
			w.add(user, TheNumber)
		}
	}
	national := s.Plain[len(s.Plain)-1]
	for _, form := range []string{s.Plain[0], national} {
		for _, params := range harmless {
			w.add(form+params, TheNumber)
		}
		for _, params := range harmful {
			w.add(form+params, Refused)
		}
		for _, user := range damaged(form) {
			w.add(user, Refused)
		}
		for _, tail := range []string{"0", "1", "00", "12", "123", "%30"} {
			w.add(form+tail, Refused)
		}
		w.schemes(form)
	}
	country := strings.TrimSuffix(s.Plain[0], strings.TrimPrefix(national, "0"))
	w.add(national+";phone-context="+country, TheNumber)
	w.add(national+";phone-context=%2b"+country[1:], TheNumber)
	w.add(national+";npdi;rn="+s.Plain[0], TheNumber)
	w.add(national+";rn="+national+";rn-context="+country, TheNumber)
	w.add(national+";rn="+s.Plain[0][:len(s.Plain[0])-1]+"9", Refused)
	w.add(national+";phone-context=+44", Another)
	for _, form := range s.Doubt {
		w.add(strings.ReplaceAll(form, " ", "%20"), Either)
	}
	for _, form := range s.Other {
		w.add(form, Another)
	}
	return w.all
}

// writer collects spellings, each once.
type writer struct {
	all  []Spelling
	seen map[Spelling]bool
}

func (w *writer) add(user string, r Reading) {
	for _, scheme := range []string{"sip", "tel"} {
		w.spelling(Spelling{Scheme: scheme, User: user, Reading: r})
	}
}

func (w *writer) spelling(s Spelling) {
	if !w.seen[s] {
		w.seen[s] = true
		w.all = append(w.all, s)
	}
}

// schemes are the number under other schemes, with what only a whole URI can have.
func (w *writer) schemes(form string) {
	for _, scheme := range []string{"SIP", "sIp", "TEL", "Tel"} {
		w.spelling(Spelling{Scheme: scheme, User: form})
	}
	w.spelling(Spelling{Scheme: "sips", User: form, Reading: Either})
	w.spelling(Spelling{Scheme: "SIPS", User: form, Reading: Either})
	for _, params := range []string{
		";user=phone", ";USER=PHONE", ";user=dialstring", ";user=ip", ";maddr=192.0.2.66", ";transport=tcp", ";transport=tls", ";ttl=1",
		";lr", ";isub=1", ";phone-context=+44", ";x=%31", ";user=phone;maddr=192.0.2.66;transport=udp",
	} {
		w.spelling(Spelling{Scheme: "sip", User: form, Params: params})
	}
	for _, params := range []string{"?Route=%3Csip:192.0.2.66%3E", ";method=INVITE", ";method=REFER", "?To=x", ";;", ";=", ";user="} {
		w.spelling(Spelling{Scheme: "sip", User: form, Params: params, Reading: Refused})
	}
	w.spelling(Spelling{Scheme: "sip", User: form + ":secret", Reading: Either})
	w.spelling(Spelling{Scheme: "sip", User: form + ":", Reading: Either})
	w.spelling(Spelling{Scheme: "sip", User: form[:6] + ":" + form[6:], Reading: Refused})
	w.spelling(Spelling{Scheme: "tel", User: "sip:" + form, Reading: Refused})
	w.spelling(Spelling{Scheme: "http", User: form, Reading: Refused})
	w.spelling(Spelling{Scheme: "urn", User: form, Reading: Refused})
	w.spelling(Spelling{Scheme: "urn:service:sos", User: form, Reading: Refused})
}

// harmless parameters concern what lies behind the number, or who carries it.
var harmless = []string{
	";ext=12", ";isub=1;isub-encoding=nsap", ";postd=pp22", ";user=phone", ";npdi", ";enumdi", ";phone-context=example.com",
	";PHONE-CONTEXT=pbx-1.example.com;ext=1", ";tgrp=carrier2;trunk-context=example.com", ";verstat=TN-Validation-Passed",
	";oli=27", ";cpc=priority", ";", ";;", ";x", ";x=", ";x=%31", ";transport=tcp", ";isub=12125550199", ";lr", ";ISUB=1;Ext=2",
}

// harmful parameters change which number is rung, or nobody can say.
var harmful = []string{
	";rn=+442079460958", ";npdi;rn=442079460958", ";rn=", ";rn=x", ";RN=+442079460958", ";cic=+1-6789", ";CIC=6789",
	";phone-context=", ";phone-context=+1;phone-context=+86", ";phone-context=a b", ";phone-context=%2Bx", ";rn=+%34%342079460958",
	";phone-context=x_y", ";phone-context=%2D", "%3Brn=+442079460958", "%3bphone-context=+44",
}

// written are the digits in all ways that mean the same to everybody: visual separators (RFC 3966 §5.1.1) and escapes
// (RFC 3261 §19.1.2).
func written(form string) []string {
	dashed := grouped(form, "-")
	return []string{
		form, dashed, grouped(form, "."), grouped(form, "--"), grouped(form, "-.-"), grouped(form, "()"),
		form[:1] + "(" + form[1:4] + ")" + form[4:], form + "-", form[:len(form)-1] + "." + form[len(form)-1:],
		escaped(form, "%%%02x", 1), escaped(form, "%%%02X", 1), escaped(form, "%%%02x", 2), escaped(form, "%%%02x", 3),
		escaped(dashed, "%%%02x", 1), escaped(dashed, "%%%02X", 2),
		fmt.Sprintf("%%%02x%s", form[0], form[1:]), fmt.Sprintf("%%%02X%s", form[0], form[1:]),
		fmt.Sprintf("%s%%%02x", form[:len(form)-1], form[len(form)-1]), strings.ReplaceAll(dashed, "-", "%2D"),
	}
}

// damaged is the form with every odd thing at its beginning, inside, and at its end, and in other digits.
func damaged(form string) []string {
	var all []string
	for _, odd := range []string{
		"*", "#", ",", "p", "w", "P", "W", "O", "o", "l", "I", "%20", "%2C", "%00", "%0d%0a", "%09", "%25", "%3B", "/", "!", "~", "'", "_",
		"$", "&", "=", "%40", "%5b", "%22", "%3C", "x", "ext", "[", "]", "%EF%BC%91", "%D9%A1", "%E2%80%8B", "%C2%A0", "%C2%AD",
		"%E2%80%91", "%E2%88%92", "%2b", "*67", "%2A67", "#31#", "*31%23", "*82", "%232531", "%g", "%3g", "%", "\uff11", "\u0661", "\u200b",
	} {
		for _, at := range []int{0, len(form) / 2, len(form)} {
			if at == 0 && odd == "%2b" && form[0] != '+' {
				continue // a + before it makes it another country's number, for every exchange
			}
			all = append(all, form[:at]+odd+form[at:])
		}
	}
	for _, digits := range []string{"0O", "1l", "1I", "2A", "2a", "5JKL", "0\uff10", "1\uff11", "0\u0660", "1\u0661", "1\u06f1"} {
		if i := strings.LastIndexByte(form, digits[0]); i >= 0 {
			all = append(all, form[:i]+digits[1:]+form[i+1:], form[:i]+escaped(digits[1:], "%%%02X", 1)+form[i+1:])
		}
	}
	twice := escaped(form, "%%25%02x", 1)
	return append(all, twice, strings.ReplaceAll(twice, "%25", "%2525"), "++"+strings.TrimPrefix(form, "+"))
}

// grouped puts a separator before the last seven and the last four characters.
func grouped(s, separator string) string {
	return s[:len(s)-7] + separator + s[len(s)-7:len(s)-4] + separator + s[len(s)-4:]
}

// escaped writes every nth character by the pattern.
func escaped(s, pattern string, nth int) string {
	var b strings.Builder
	for i := range len(s) {
		if i%nth == 0 {
			fmt.Fprintf(&b, pattern, s[i])
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// Coded are the ways to dial a feature code before the number, argument between them or none: each of its spellings as
// the phone would send it after the code. Read is what becomes of the number in it.
func (s Subject) Coded(code, argument string) []Spelling {
	w := writer{seen: map[Spelling]bool{}}
	if argument != "" {
		code += "*" + argument + "*"
	}
	begins := []string{code, escaped(code, "%%%02X", 1), escaped(code, "%%%02x", 2), code[:1] + "-" + code[1:], "(" + code + ")"}
	for _, plain := range s.Spellings() {
		if plain.Params != "" {
			continue
		}
		for i, begin := range begins {
			if i > 0 && plain.Reading != TheNumber {
				break
			}
			w.spelling(Spelling{Scheme: plain.Scheme, User: begin + plain.User, Reading: plain.Reading})
		}
	}
	for _, form := range s.Plain {
		for _, user := range []string{code + form + "#", code + form + "%23", strings.TrimSuffix(code, "*") + "*" + form} {
			w.add(user, TheNumber)
		}
		for _, user := range []string{code + form + "##", code + "*" + form, code + form + "*1", code + "#" + form, code + form + "#1"} {
			w.add(user, Either)
		}
	}
	return w.all
}
