package gate

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
	"github.com/stretchr/testify/require"
)

// regionsOf returns every region the library knows, in order; under the race detector, where each takes a tenth of a
// second, every twelfth.
func regionsOf() []string {
	var regions []string
	for region := range phonenumbers.GetSupportedRegions() {
		regions = append(regions, region)
	}
	slices.Sort(regions)
	if !underRace {
		return regions
	}
	var some []string
	for i := 0; i < len(regions); i += 12 {
		some = append(some, regions[i])
	}
	return some
}

func plain(t testing.TB, region string) *Normaliser {
	z, err := NewNormaliser(region, []string{"112"}, "")
	require.NoError(t, err)
	return z
}

// agrees fails when the short way knows an answer that the library does not give.
func agrees(t testing.TB, z *Normaliser, digits string) (short bool) {
	fast, ok := z.home.read(digits)
	if !ok {
		return false
	}
	slow, why := z.parse(digits)
	if fast != slow || why != "" {
		t.Errorf("%s, %s: the short way reads %s, the library %q (%s)", z.region, digits, fast, slow, why)
	}
	return true
}

// TestHomePlanAgrees walks all regions: their example numbers in all spellings of the short way, and near misses.
func TestHomePlanAgrees(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, region := range regionsOf() {
		z := plain(t, region)
		short := 0
		for kind := phonenumbers.FIXED_LINE; kind <= phonenumbers.VOICEMAIL; kind++ {
			example := phonenumbers.GetExampleNumberForType(region, kind)
			if example == nil {
				continue
			}
			national := phonenumbers.GetNationalSignificantNumber(example)
			for range 15 {
				for _, form := range []string{"+" + z.home.prefix + national, z.home.prefix + national, national, "0" + national, "1" + national} {
					if agrees(t, z, form) {
						short++
					}
				}
				national = mutate(rng, national)
			}
		}
		if z.home.fast && short == 0 {
			t.Errorf("%s: the short way never knew an answer", region)
		}
	}
}

// mutate changes, adds or cuts one digit.
func mutate(rng *rand.Rand, digits string) string {
	at, digit := rng.IntN(len(digits)), string(rune('0'+rng.IntN(10)))
	switch rng.IntN(6) {
	case 0:
		return digits + digit
	case 1:
		if len(digits) > 4 {
			return digits[:len(digits)-1]
		}
		return digits
	default:
		return digits[:at] + digit + digits[at+1:]
	}
}

func FuzzHomePlan(f *testing.F) {
	regions := []string{"US", "CN", "GB", "DE", "IT", "FR", "JP", "AU", "BR", "AR", "MX", "RU", "SG", "HK", "CA", "IN"}
	plans := make([]*Normaliser, len(regions))
	for i, region := range regions {
		plans[i] = plain(f, region)
		for _, example := range plans[i].home.examples {
			f.Add(uint8(i), example)
			f.Add(uint8(i), "+"+example)
		}
	}
	f.Fuzz(func(t *testing.T, region uint8, digits string) {
		if len(digits) <= maxDigits && isDialString(digits) {
			agrees(t, plans[int(region)%len(plans)], digits)
		}
	})
}

func TestHomePlanLeavesTheHardOnesAlone(t *testing.T) {
	for region, hard := range map[string][]string{
		"CN": {"0013800138000", "1795113800138000", "013800138000", "138001380001", "5550100", "110", "+8610086"},
		"US": {"01113800138000", "+8613800138000", "5550100", "0112125550100", "121255501001"},
		"AR": {"+5491123456789", "01115234567", "1123456789"}, // the library rewrites the middle of these
	} {
		z := plain(t, region)
		for _, digits := range hard {
			n, ok := z.home.read(digits)
			require.False(t, ok, "%s %s was read as %s", region, digits, n)
		}
	}
}

func TestNationalDigits(t *testing.T) {
	for _, test := range []struct{ region, number, national string }{
		{"US", "+12125550100", "2125550100"},
		{"US", "+442079460958", "011442079460958"},
		{"CN", "+8613800138000", "13800138000"},
		{"CN", "+862112345678", "02112345678"},
		{"CN", "+12125550100", "0012125550100"},
		{"GB", "+442079460958", "02079460958"},
		{"IT", "+390612345678", "0612345678"},
		{"RU", "+12125550100", "81012125550100"},
		{"AU", "+12125550100", "001112125550100"},
	} {
		z := plain(t, test.region)
		got := z.NationalDigits(Number(test.number))
		require.Equal(t, test.national, got, "%s %s", test.region, test.number)
		back, why := z.e164(got)
		require.Equal(t, Number(test.number), back, "%s %s reads back: %s", test.region, got, why)
	}
	require.True(t, strings.HasPrefix(plain(t, "US").NationalDigits("+999"), "999"), "what no normaliser made is written as it is")
}
