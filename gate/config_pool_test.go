package gate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDayPart(t *testing.T) {
	at := func(clock string) time.Time {
		d, err := time.Parse("15:04", clock)
		require.NoError(t, err)
		return d
	}
	for text, tt := range map[string]struct{ in, out []string }{
		"":            {in: []string{"00:00", "12:00", "23:59"}},
		"00:00-06:00": {in: []string{"00:00", "05:59"}, out: []string{"06:00", "23:59"}},
		"22:30-05:00": {in: []string{"22:30", "23:59", "00:00", "04:59"}, out: []string{"05:00", "12:00", "22:29"}},
	} {
		var p DayPart
		require.NoError(t, p.UnmarshalText([]byte(text)))
		require.Equal(t, text, p.String())
		for _, clock := range tt.in {
			require.True(t, p.Hold(at(clock)), "%s in %q", clock, text)
		}
		for _, clock := range tt.out {
			require.False(t, p.Hold(at(clock)), "%s in %q", clock, text)
		}
	}
	for text, why := range map[string]string{
		"6": "dash", "00:00-24:00": "23:59", "01:00-01:00": "begins when it ends", "-": "HH:MM", "1h-2h": "HH:MM",
	} {
		_, err := ParseDayPart(text)
		require.ErrorContains(t, err, why, text)
		require.ErrorContains(t, err, "write them like", text)
	}
}

func TestPoolRuleIsChecked(t *testing.T) {
	for key, change := range map[string]func(*Rules){
		"rules.pool.daily_claims": func(r *Rules) { r.Pool.DailyClaims = -1 },
		"rules.pool.pace":         func(r *Rules) { r.Pool.Pace = 0 },
		"rules.pool.bar":          func(r *Rules) { r.Pool.Bar = -1 },
		"rules.pool.warn":         func(r *Rules) { r.Pool.Warn = -1 },
		"rules.pool.settle":       func(r *Rules) { r.Pool.Settle = Duration(366 * day) },
		"rules.offboard.undo":     func(r *Rules) { r.Offboard.Undo = 0 },
	} {
		c := Defaults("US")
		change(&c.Rules)
		require.ErrorContains(t, c.Validate(), key+": ")
	}
}
