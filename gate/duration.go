package gate

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a span of time as people write it in the configuration and on the command line: "30d", "12h", "1d12h",
// "10s", "250ms". A day is 24 hours: rules count time, not calendars.
type Duration time.Duration

// day is the one unit that package time does not know.
const day = 24 * time.Hour

// Std is the duration in the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// ParseDuration reads a span such as "1d12h". Days come first, must be whole and may stand alone; what follows them is
// read as time.ParseDuration does. A bare number has no unit and is refused, as is anything negative.
func ParseDuration(text string) (Duration, error) {
	d, err := parseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("duration %q: %w; write it like 30d, 12h, 1d12h, 10s or 250ms", clip(text), err)
	}
	return d, nil
}

func parseDuration(text string) (Duration, error) {
	if text == "" {
		return 0, errors.New("it is empty")
	}
	if text[0] == '-' || text[0] == '+' {
		return 0, errors.New("it has a sign")
	}
	days, rest, found := strings.Cut(text, "d")
	if !found {
		d, err := time.ParseDuration(text)
		return Duration(d), unitError(text, err)
	}
	n, err := strconv.ParseUint(days, 10, 32)
	if err != nil {
		return 0, errors.New("days must be a whole number and come first")
	}
	if n > uint64(math.MaxInt64/int64(day)) {
		return 0, errors.New("it is longer than 292 years")
	}
	span := time.Duration(n) * day
	if rest == "" {
		return Duration(span), nil
	}
	if rest[0] == '-' || rest[0] == '+' {
		return 0, errors.New("it has a sign")
	}
	more, err := time.ParseDuration(rest)
	if err != nil {
		return 0, unitError(rest, err)
	}
	if more > math.MaxInt64-span {
		return 0, errors.New("it is longer than 292 years")
	}
	return Duration(span + more), nil
}

// unitError puts package time's complaint, which quotes the text once more, into fewer words.
func unitError(text string, err error) error {
	switch {
	case err == nil:
		return nil
	case strings.Trim(text, "0123456789.") == "":
		return errors.New("it has no unit")
	default:
		return errors.New("it is not a number followed by a unit (d, h, m, s, ms, us, ns)")
	}
}

// String writes the span with the fewest units that ParseDuration reads back: "1d12h", "1m30s", "0s".
func (d Duration) String() string {
	if d == 0 {
		return "0s"
	}
	var b strings.Builder
	left := time.Duration(d)
	if left < 0 {
		return left.String()
	}
	for _, unit := range durationUnits {
		if n := left / unit.span; n > 0 {
			b.WriteString(strconv.FormatInt(int64(n), 10))
			b.WriteString(unit.name)
			left -= n * unit.span
		}
	}
	return b.String()
}

var durationUnits = []struct {
	name string
	span time.Duration
}{
	{"d", day},
	{"h", time.Hour},
	{"m", time.Minute},
	{"s", time.Second},
	{"ms", time.Millisecond},
	{"us", time.Microsecond},
	{"ns", time.Nanosecond},
}

// MarshalText writes what String writes.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := ParseDuration(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// clip shortens hostile text before it is quoted in an error.
func clip(text string) string {
	const most = 40
	if len(text) <= most {
		return text
	}
	return text[:most] + "..."
}
