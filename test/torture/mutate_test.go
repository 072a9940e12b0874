package torture

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// mutate is the nth mutation of an INVITE: one or two changes of the kinds by which stacks have been told apart.
func mutate(r *rand.Rand, n int) []byte {
	m := mutant{r: r, number: fmt.Sprintf("1202555%04d", n), line: fmt.Sprintf(
		"INVITE sip:+1202555%04d@127.0.0.1 SIP/2.0", n), headers: []string{
		fmt.Sprintf("Via: SIP/2.0/UDP 127.1.0.77:5060;rport;branch=z9hG4bKm%d", n),
		"Max-Forwards: 70",
		fmt.Sprintf("From: \"Li\" <sip:201@example.com>;tag=m%d", n),
		fmt.Sprintf("To: <sip:+1202555%04d@example.com>", n),
		fmt.Sprintf("Call-ID: m%d@example.com", n),
		"CSeq: 1 INVITE",
		"Contact: <sip:201@127.1.0.77:5060>",
		"User-Agent: x/1",
		"Content-Length: 0",
	}}
	for range 1 + r.IntN(2) {
		kinds[r.IntN(len(kinds))](&m)
	}
	text := m.line + "\r\n" + strings.Join(m.headers, "\r\n") + "\r\n\r\n"
	if r.IntN(6) == 0 {
		text = flip(r, text)
	}
	return []byte(text)
}

type mutant struct {
	r       *rand.Rand
	number  string // without the plus
	line    string
	headers []string
}

// any is the index of some header.
func (m *mutant) any() int { return m.r.IntN(len(m.headers)) }

// of is the index of a header that names somebody.
func (m *mutant) of(name string) int {
	for i, h := range m.headers {
		if strings.HasPrefix(h, name) {
			return i
		}
	}
	return m.any()
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func (m *mutant) insert(i int, header string) {
	m.headers = append(m.headers[:i], append([]string{header}, m.headers[i:]...)...)
}

// kinds are the changes.
var kinds = []func(*mutant){
	func(m *mutant) { // the same header again, for somebody else
		i := m.any()
		m.insert(m.any(), strings.NewReplacer("201@", "999@", m.number, "19005550000", "@example.com", "@evil.example").Replace(m.headers[i]))
	},
	func(m *mutant) { // a fold where blanks are
		i := m.any()
		m.headers[i] = strings.Replace(m.headers[i], " ", pick(m.r, "\r\n ", "\r\n\t", " \r\n  ", "\n ", "\r "), 1)
	},
	func(m *mutant) { // blanks where none need be
		i := m.any()
		m.headers[i] = strings.Replace(m.headers[i], pick(m.r, ":", ";", "<", "="), pick(m.r, " : ", " ;", " <", " = ", "\t:"), 1)
	},
	func(m *mutant) { // another name for the same header
		i := m.any()
		m.headers[i] = strings.NewReplacer(pick(m.r, "From:", "To:", "Call-ID:", "Via:", "Content-Length:"), pick(m.r, "f:", "t:", "i:", "v:", "l:", "FROM:")).Replace(m.headers[i])
	},
	func(m *mutant) { // names that only look like a header's
		m.insert(m.any(), pick(m.r, "From\x01: <sip:999@evil.example>;tag=x", "To : <sip:999@evil.example>", " From: <sip:999@evil.example>", "From <sip:999@evil.example>", "X-From: <sip:999@evil.example>", "f : <sip:999@evil.example>"))
	},
	func(m *mutant) { // display names with more in them than a name
		i := m.of("From:")
		m.headers[i] = strings.Replace(m.headers[i], `"Li"`, pick(m.r, `"<sip:999@evil.example>"`, `"Li\" <sip:999@evil.example>"`, `"a, b"`, `Li`, `Li Wei`, `sip:999@evil.example`,
			`"Li`, `"Li\\"`, `"\`, `李`, `"李"`, `""`, ``, `<sip:999@evil.example>,`, `"tag=9;x"`), 1)
	},
	func(m *mutant) { // parameters of the caller's URI and header
		i := m.of("From:")
		m.headers[i] = pick(m.r,
			strings.Replace(m.headers[i], "201@", pick(m.r, "201;x=999@", "201:secret@", "%3201@", "2%301@", "201?@", "201%00@", "201 @", "201@999@", "@"), 1),
			strings.Replace(m.headers[i], ">;tag", pick(m.r, ";tag=9>;tag", "?Call-ID=9>;tag", ">;TAG=9;tag", ">;x=\"tag=9\";tag", ">;x=\">;tag=9\";tag", ">>;tag", ";user=phone>;tag"), 1),
			strings.NewReplacer("<", "", ">", "").Replace(m.headers[i]))
	},
	func(m *mutant) { // spellings of the number
		m.line = strings.Replace(m.line, "+"+m.number, pick(m.r, m.number, m.number[1:], "+"+m.number[:4]+"-"+m.number[4:], "+1("+m.number[1:4]+")"+m.number[4:], "%2B"+m.number,
			"+"+m.number+";ext=9", "+"+m.number+";phone-context=evil", "+"+m.number+":secret", "+"+strings.Replace(m.number, "5", "%35", 1), "+"+m.number+"%20"), 1)
	},
	func(m *mutant) { // the rest of the request line
		m.line = strings.Replace(m.line, pick(m.r, "@127.0.0.1", " SIP/2.0", "INVITE ", "sip:"), pick(m.r, "@127.0.0.1;x=19005550000", "@127.0.0.1:5060", "  SIP/2.0", " sip/2.0", "INVITE  ", "INVITE sip:19005550000@x ", "SIP:",
			"sips:", "@19005550000@127.0.0.1", "@127.0.0.1?To=19005550000", " SIP/2.0 "), 1)
	},
	func(m *mutant) { // what other readers take for the called number
		m.insert(m.any(), pick(m.r, "P-Called-Party-ID: <sip:19005550000@x>", "Route: <sip:127.0.0.1;lr>", "P-Asserted-Identity: <sip:999@x>", "Request-URI: sip:19005550000@x", "X: a\nTo: <sip:19005550000@x>", "X: a\rFrom: <sip:999@x>"))
	},
	func(m *mutant) { // the order
		m.r.Shuffle(len(m.headers), func(i, j int) { m.headers[i], m.headers[j] = m.headers[j], m.headers[i] })
	},
	func(m *mutant) { // one header less
		i := m.any()
		m.headers = append(m.headers[:i:i], m.headers[i+1:]...)
	},
	func(m *mutant) { // numbers of the protocol
		i := m.of(pick(m.r, "CSeq", "Max-Forwards", "Content-Length"))
		name, _, _ := strings.Cut(m.headers[i], ":")
		m.headers[i] = name + ": " + pick(m.r, "1 INVITE", "01 INVITE", "1  INVITE", "4294967297 INVITE", "-1", "0", "00", "+1", "1,2", "0x10", "70 ", "")
	},
}

// flip changes one byte somewhere.
func flip(r *rand.Rand, text string) string {
	i := r.IntN(len(text))
	return text[:i] + pick(r, "\x00", "\t", " ", "\"", "<", ">", ";", ",", "\\", "%", "@", ":", "\xff", "\n", "\r") + text[i+1:]
}
