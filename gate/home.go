package gate

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// homePlan is the numbering plan of the gate's own region, taken from the library's tables once. Most calls and most
// lines of a list are valid numbers of it, written in one of three plain ways; those it reads some ten times faster than
// the library. FuzzHomePlan holds the two to the same answers.
type homePlan struct {
	region   string
	code     int      // country code
	abroad   string   // international prefix to dial with: 00, 011
	area     int      // digits of the shortest number with its area code
	examples []string // outside numbers as they are dialled, for checking the extension pattern

	fast    bool           // false: the plan shares its code with a bigger country; only the library knows
	prefix  string         // country code as text
	longest int            // digits of the longest national number
	strips  *regexp.Regexp // what the library would take off the front of a national number
	leaves  *regexp.Regexp // what it would take for an international prefix
	general *regexp.Regexp // every valid national number fits this one ...
	types   *regexp.Regexp // ... and one of these
}

func newHomePlan(region string) homePlan {
	h := homePlan{region: region, code: phonenumbers.GetCountryCodeForRegion(region), abroad: "00"}
	h.prefix = strconv.Itoa(h.code)
	meta := metadataOf(region)
	if meta == nil {
		return h
	}
	h.abroad = internationalPrefix(meta)
	h.examples, h.area = examplesOf(region)
	h.fast = phonenumbers.GetRegionCodeForCountryCode(h.code) == region && meta.GetNationalPrefixTransformRule() == ""
	h.longest = int(slices.Max(meta.GetGeneralDesc().GetPossibleLength()))
	h.strips = anchor(meta.GetNationalPrefixForParsing())
	h.leaves = anchor(meta.GetInternationalPrefix())
	h.general = regexp.MustCompile(`^(?:` + meta.GetGeneralDesc().GetNationalNumberPattern() + `)$`)
	h.types = regexp.MustCompile(`^(?:` + strings.Join(typePatterns(meta), "|") + `)$`)
	return h
}

// read is the short way for a valid home number written as +CC..., CC... or bare. ok is false whenever there is any
// doubt; the library then decides.
func (h *homePlan) read(digits string) (n Number, ok bool) {
	if !h.fast {
		return "", false
	}
	national, written := strings.CutPrefix(digits, "+")
	if written {
		if national, ok = strings.CutPrefix(national, h.prefix); !ok {
			return "", false
		}
	} else if rest, begins := strings.CutPrefix(digits, h.prefix); begins {
		// A bare number that begins like the country code has it only when it is too long to be a national one.
		if len(digits) <= h.longest {
			return "", false
		}
		national = rest
	} else if h.leaves != nil && h.leaves.MatchString(digits) {
		return "", false
	}
	if h.strips != nil && h.strips.MatchString(national) {
		return "", false
	}
	if len(h.prefix)+len(national) > mostE164 || !h.valid(national) {
		return "", false
	}
	if written {
		return Number(digits), true
	}
	return Number("+" + h.prefix + national), true
}

func (h *homePlan) valid(national string) bool {
	return h.general.MatchString(national) && h.types.MatchString(national)
}

// lacksAreaCode says whether an invalid home number is shorter than any number with its area code.
func (h *homePlan) lacksAreaCode(parsed *phonenumbers.PhoneNumber) bool {
	return int(parsed.GetCountryCode()) == h.code && len(phonenumbers.GetNationalSignificantNumber(parsed)) < h.area
}

func metadataOf(region string) *phonenumbers.PhoneMetadata {
	collection, err := phonenumbers.MetadataCollection()
	if err != nil {
		return nil
	}
	for _, meta := range collection.GetMetadata() {
		if meta.GetId() == region {
			return meta
		}
	}
	return nil
}

// internationalPrefix is the one to dial with. The tables hold a pattern; where that is more than digits they name a
// preferred one, and elsewhere 00 is what ITU-T E.164 recommends.
func internationalPrefix(meta *phonenumbers.PhoneMetadata) string {
	for _, prefix := range []string{meta.GetPreferredInternationalPrefix(), meta.GetInternationalPrefix()} {
		if digits := strings.ReplaceAll(prefix, "~", ""); isDialString(digits) {
			return digits
		}
	}
	return "00"
}

// examplesOf are the library's own example numbers as reps dial them, and the length of the shortest without prefixes.
func examplesOf(region string) (dialled []string, area int) {
	for _, kind := range []phonenumbers.PhoneNumberType{phonenumbers.FIXED_LINE, phonenumbers.MOBILE} {
		example := phonenumbers.GetExampleNumberForType(region, kind)
		if example == nil {
			continue
		}
		national := phonenumbers.GetNationalSignificantNumber(example)
		if area == 0 || len(national) < area {
			area = len(national)
		}
		dialled = append(dialled, national, strings.TrimPrefix(phonenumbers.Format(example, phonenumbers.E164), "+"),
			phonenumbers.NormalizeDigitsOnly(phonenumbers.Format(example, phonenumbers.NATIONAL)))
	}
	return dialled, area
}

func typePatterns(meta *phonenumbers.PhoneMetadata) []string {
	var patterns []string
	for _, desc := range []*phonenumbers.PhoneNumberDesc{
		meta.GetMobile(), meta.GetFixedLine(), meta.GetTollFree(), meta.GetPremiumRate(), meta.GetSharedCost(),
		meta.GetVoip(), meta.GetPersonalNumber(), meta.GetPager(), meta.GetUan(), meta.GetVoicemail(),
	} {
		if pattern := desc.GetNationalNumberPattern(); pattern != "" {
			patterns = append(patterns, "(?:"+pattern+")")
		}
	}
	return patterns
}

// anchor compiles a pattern to match at the beginning; nil when there is none.
func anchor(pattern string) *regexp.Regexp {
	if pattern == "" {
		return nil
	}
	return regexp.MustCompile(`^(?:` + pattern + `)`)
}
