package gate

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// PoolRule says how numbers come into the pool and how they leave it.
type PoolRule struct {
	Bar         Duration `yaml:"bar"`          // 1d: so long the previous owner cannot claim it again. 0s: at once
	DailyClaims int      `yaml:"daily_claims"` // 0: so many numbers one rep may claim in a day. 0: any number
	Warn        Duration `yaml:"warn"`         // 3d: so long before its end a protection is warned of. 0s: never
	Settle      Duration `yaml:"settle"`       // 1h: changed rules move nobody's end before they have been in force so long
	Hours       DayPart  `yaml:"hours"`        // "": any time; else the part of the day, HH:MM-HH:MM, in which numbers are moved
	Pace        int      `yaml:"pace"`         // 20: percent of the time that moving numbers may keep the registry busy
}

func poolDefaults() PoolRule {
	return PoolRule{Bar: Duration(day), Warn: Duration(3 * day), Settle: Duration(time.Hour), Pace: 20}
}

// mostDailyClaims keeps a typing mistake from being taken for "any number".
const mostDailyClaims = 1_000_000

func (p PoolRule) validate(wrong func(key, format string, args ...any)) {
	if p.DailyClaims < 0 || p.DailyClaims > mostDailyClaims {
		wrong("rules.pool.daily_claims", "%d is out of range; allowed are 0 (any number) to %d", p.DailyClaims, mostDailyClaims)
	}
	if p.Pace < 1 || p.Pace > 100 {
		wrong("rules.pool.pace", "%d is out of range; allowed are 1 to 100 percent", p.Pace)
	}
}

// DayPart is a part of the day; the zero value is all of it. One that ends before it begins goes on past midnight.
type DayPart struct{ From, To int } // minutes since midnight

// ParseDayPart reads "00:00-06:00". "" is the whole day.
func ParseDayPart(text string) (DayPart, error) {
	if text == "" {
		return DayPart{}, nil
	}
	from, to, ok := strings.Cut(text, "-")
	h := DayPart{}
	var err error
	if !ok {
		err = errors.New("the dash is missing")
	}
	if err == nil {
		h.From, err = sinceMidnight(from)
	}
	if err == nil {
		h.To, err = sinceMidnight(to)
	}
	if err == nil && h.From == h.To {
		err = errors.New("it begins when it ends")
	}
	if err != nil {
		return DayPart{}, fmt.Errorf("hours %q: %w; write them like 00:00-06:00, or leave them out for any time", clip(text), err)
	}
	return h, nil
}

func sinceMidnight(text string) (int, error) {
	at, err := time.Parse("15:04", strings.TrimSpace(text))
	if err != nil {
		return 0, errors.New("a time of day is HH:MM, 00:00 to 23:59")
	}
	return at.Hour()*60 + at.Minute(), nil
}

// Hold says whether at, by its own zone, falls into these hours.
func (h DayPart) Hold(at time.Time) bool {
	if h == (DayPart{}) {
		return true
	}
	now := at.Hour()*60 + at.Minute()
	if h.From < h.To {
		return h.From <= now && now < h.To
	}
	return h.From <= now || now < h.To
}

// String writes what ParseDayPart reads.
func (h DayPart) String() string {
	if h == (DayPart{}) {
		return ""
	}
	return fmt.Sprintf("%02d:%02d-%02d:%02d", h.From/60, h.From%60, h.To/60, h.To%60)
}

// MarshalText writes what String writes.
func (h DayPart) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what ParseDayPart reads.
func (h *DayPart) UnmarshalText(text []byte) error {
	parsed, err := ParseDayPart(string(text))
	if err != nil {
		return err
	}
	*h = parsed
	return nil
}
