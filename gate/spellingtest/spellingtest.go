// Package spellingtest writes one telephone number in every way that somebody may hope to get round a list with. It says
// of each what must become of it, and knows nothing of the code that reads them: the tables were written by hand, from
// the numbering plans and RFC 3261, 3966, 4694 and 4904.
package spellingtest

import "strings"

// Reading is what must become of a spelling.
type Reading uint8

// The readings.
const (
	TheNumber Reading = iota // read as the number
	Refused                  // refused: what an exchange would make of it is anybody's guess
	Either                   // one of the two: it depends on the dial plan or on the scheme
	Another                  // refused, or another number of its own: every exchange would ring that one
)

func (r Reading) String() string {
	return [...]string{"the number", "refused", "the number or refused", "another number or refused"}[r]
}

// Spelling is one way to write the number.
type Spelling struct {
	Scheme string
	User   string // escaped and with its own parameters, as it stands before the @; for tel everything after the colon
	Params string // of the whole URI, each with its semicolon
	Reading
}

// URI is the spelling as a Request-URI at host.
func (s Spelling) URI(host string) string {
	if strings.EqualFold(s.Scheme, "tel") {
		return s.Scheme + ":" + s.User + s.Params
	}
	return s.Scheme + ":" + s.User + "@" + host + s.Params
}

// Subject is a number with the digits by which its region dials it.
type Subject struct {
	Region string
	Number string   // E.164
	Plain  []string // each rings the number from a line of the region; the first is E.164, the last national
	Doubt  []string // an exchange rings the number or nothing
	Other  []string // an exchange rings another number or nothing
}

// Subjects are a number each of a plan with fixed lengths, of one with variable lengths and IP-call prefixes, and of one
// with carrier selection.
func Subjects() []Subject {
	return []Subject{
		{
			Region: "US", Number: "+12125550100",
			Plain: []string{"+12125550100", "12125550100", "01112125550100", "2125550100"},
			Doubt: []string{
				"112125550100", "1112125550100", "+112125550100", "02125550100", "012125550100", "0012125550100", "002125550100",
				"92125550100", "912125550100", "9912125550100", "9011112125550100", "82125550100", "812125550100",
				"101028812125550100", "10102882125550100", "10328812125550100", "11672125550100", "118212125550100",
				"91112125550100", "9112125550100", "91121255501 00", "11212125550100", "1122125550100", "112 12125550100",
			},
			Other: []string{"212555010", "12125550", "+1212555010", "0111212555010", "5550100", "0112125550100", "+2125550100"},
		},
		{
			Region: "CN", Number: "+8613800138000",
			Plain: []string{
				"+8613800138000", "8613800138000", "013800138000", "008613800138000", "1795113800138000", "1259313800138000",
				"1791113800138000", "1790913800138000", "13800138000",
			},
			Doubt: []string{
				"+86013800138000", "+861795113800138000", "1019313800138000", "19313800138000", "00013800138000",
				"+86008613800138000", "868613800138000", "9013800138000", "913800138000", "9008613800138000", "0008613800138000",
				"00008613800138000", "11013800138000", "12013800138000", "11913800138000", "12213800138000", "1798913800138000",
				"179510138001 38000", "17951013800138000", "17951008613800138000", "179511795113800138000", "110 13800138000",
			},
			Other: []string{"1380013800", "+861380013800", "0013800138000", "138001380", "00861380013800", "+13800138000"},
		},
		{
			Region: "BR", Number: "+5511961234567",
			Plain: []string{
				"+5511961234567", "5511961234567", "011961234567", "01511961234567", "02111961234567", "04111961234567",
				"00155511961234567", "00215511961234567", "11961234567",
			},
			Doubt: []string{
				"+55011961234567", "+5501511961234567", "0151511961234567", "90151511961234567", "901511961234567",
				"9011961234567", "0015511961234567", "19011961234567", "190 11961234567", "911961234567", "9090511961234567",
				"0005511961234567",
			},
			Other: []string{"1196123456", "005511961234567", "961234567", "+551196123456", "0119612345"},
		},
	}
}
