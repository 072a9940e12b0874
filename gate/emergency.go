package gate

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/nyaruka/phonenumbers"
)

// emergencyNumbers are the emergency numbers of two to four digits that the phone-number library knows for a region:
// the default of rules.emergency. The library holds patterns, so every number of a fitting length is tried.
//
// Its ConnectsToEmergencyNumber is of no use for calls: it takes 11013800138000 for 110 and would let any number out.
func emergencyNumbers(region string) []string {
	var found []string
	if desc := emergencyDesc(region); desc.GetNationalNumberPattern() != "" {
		pattern := regexp.MustCompile(`^(?:` + desc.GetNationalNumberPattern() + `)$`)
		for digits, limit := 2, 100; digits <= 4; digits, limit = digits+1, limit*10 {
			if !slices.Contains(desc.GetPossibleLength(), int32(digits)) {
				continue
			}
			for n := range limit {
				if number := fmt.Sprintf("%0*d", digits, n); pattern.MatchString(number) {
					found = append(found, number)
				}
			}
		}
	}
	switch {
	case region == "CN":
		return append(found, "122") // traffic accidents: missing in the library
	case len(found) == 0:
		return []string{"112", "911"}
	}
	return found
}

// emergencyDesc is what the tables say of a region's emergency numbers. They leave the lengths out where those are the
// lengths of all its short numbers.
func emergencyDesc(region string) *phonenumbers.PhoneNumberDesc {
	collection, err := phonenumbers.ShortNumberMetadataCollection()
	if err != nil {
		return nil
	}
	for _, meta := range collection.GetMetadata() {
		if meta.GetId() != region || meta.GetEmergency() == nil {
			continue
		}
		desc := meta.GetEmergency()
		if len(desc.GetPossibleLength()) > 0 {
			return desc
		}
		return &phonenumbers.PhoneNumberDesc{
			NationalNumberPattern: desc.NationalNumberPattern, PossibleLength: meta.GetGeneralDesc().GetPossibleLength(),
		}
	}
	return nil
}
