package gate

import (
	"errors"
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// E.164 §6.1: at most 15 digits with the country code; no assigned number has fewer than 5.
const (
	leastE164 = 5
	mostE164  = 15
)

// Why a number is incomplete: more digits may make one of it (RFC 3261 §21.4.22, RFC 3578).
const (
	tooFew   = "it has too few digits"
	arealess = "it lacks its area code"
)

// e164 reads digits, with a + before them at most, into a canonical number: by the home plan's short way when that knows
// the answer, else by the phone-number library.
func (z *Normaliser) e164(digits string) (n Number, why string) {
	if n, ok := z.home.read(digits); ok {
		return n, ""
	}
	return z.parse(digits)
}

// parse has the library read digits, then refuses what it guessed. The library is made to find numbers in text and is
// lenient: it retries without the +, takes subscriber numbers for whole ones, and calls a number possible by its length
// alone. What is taken must be what every exchange on the way would ring.
func (z *Normaliser) parse(digits string) (n Number, why string) {
	parsed, err := phonenumbers.Parse(digits, z.region)
	if err != nil {
		return "", whyUnparsed(err)
	}
	n = Number(phonenumbers.Format(parsed, phonenumbers.E164))
	code := strconv.Itoa(int(parsed.GetCountryCode()))
	switch {
	case digits[0] == '+' && !strings.HasPrefix(digits[1:], code):
		return "", "no country has that code"
	case len(n.Digits()) > mostE164:
		return "", "it has too many digits"
	case len(n.Digits()) < leastE164:
		return "", tooFew
	case cutsTail(digits, n):
		return "", "it has digits after the end of a number"
	}
	if why = z.whyImpossible(parsed); why != "" {
		return "", why
	}
	// Some national prefixes can be read off twice (a number beginning like one). Such a number has no canonical form.
	if digits != string(n) && !readsAsItself(n, z.region) {
		return "", "it can be read as two different numbers"
	}
	return n, ""
}

// cutsTail says whether reading left out digits at the end, or what cannot be told from that: of +92 0 00000000 the
// national prefix is taken off, but just as well it could be the last digit.
func cutsTail(digits string, n Number) bool {
	rest, begins := strings.CutPrefix(strings.TrimPrefix(digits, "+"), n.Digits())
	return begins && rest != ""
}

// whyImpossible judges the length. Numbers that the tables do not know are taken, since new ranges come before new
// tables, with two exceptions that would be ways round a list: digits after the end of a number, which exchanges ignore,
// and a subscriber number without its area code, which some exchange may complete.
func (z *Normaliser) whyImpossible(parsed *phonenumbers.PhoneNumber) (why string) {
	switch phonenumbers.IsPossibleNumberWithReason(parsed) {
	case phonenumbers.IS_POSSIBLE:
	case phonenumbers.IS_POSSIBLE_LOCAL_ONLY:
		return arealess
	case phonenumbers.TOO_SHORT:
		return tooFew
	case phonenumbers.TOO_LONG:
		return "it has too many digits"
	default:
		return "no number of that country has so many digits"
	}
	if phonenumbers.IsValidNumber(parsed) {
		return ""
	}
	if z.home.lacksAreaCode(parsed) {
		return arealess
	}
	cut := phonenumbers.PhoneNumber{ // TruncateTooLongNumber changes what it is given
		CountryCode: parsed.CountryCode, NationalNumber: parsed.NationalNumber,
		ItalianLeadingZero: parsed.ItalianLeadingZero, NumberOfLeadingZeros: parsed.NumberOfLeadingZeros,
	}
	if phonenumbers.TruncateTooLongNumber(&cut) {
		return "it has digits after the end of a number"
	}
	return ""
}

// readsAsItself says whether a canonical number is read back unchanged.
func readsAsItself(n Number, region string) bool {
	again, err := phonenumbers.Parse(string(n), region)
	return err == nil && phonenumbers.Format(again, phonenumbers.E164) == string(n)
}

func whyUnparsed(err error) (why string) {
	switch {
	case errors.Is(err, phonenumbers.ErrInvalidCountryCode):
		return "no country has that code"
	case errors.Is(err, phonenumbers.ErrNumTooLong):
		return "it has too many digits"
	default: // too short in one way or another: nothing but digits comes here
		return tooFew
	}
}

// CountryDigits is the number in digits with its country code, for a trunk that wants no "+". Digits that an exchange of
// the region would take for another number, since they have the length of a national one, keep their "+".
func (z *Normaliser) CountryDigits(n Number) string {
	digits := n.Digits()
	if again, why := z.e164(digits); why != "" || again == n {
		return digits
	}
	return string(n)
}

// NationalDigits is the number as the region's own exchanges write it, in digits: with its national prefix where there
// is one, and for a foreign number with the international prefix.
func (z *Normaliser) NationalDigits(n Number) string {
	parsed, err := phonenumbers.Parse(string(n), z.region)
	if err != nil {
		return n.Digits() // not made by a Normaliser: nothing better is known of it
	}
	if int(parsed.GetCountryCode()) != z.home.code {
		return z.home.abroad + n.Digits()
	}
	return phonenumbers.NormalizeDigitsOnly(phonenumbers.Format(parsed, phonenumbers.NATIONAL))
}
