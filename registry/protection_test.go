package registry

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

// TestUntilIsTheScripts holds Until and until_ in ownership.lua to the same end, for thousands of numbers and rules.
func TestUntilIsTheScripts(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		source := prelude + "\n" + ownershipLua + `
local out = {}
for line in string.gmatch(ARGV[1], '[^\n]+') do
  local since, contact, deal, level, rules = string.match(line, '^(%d+),(%d+),(%d+),(%a*),(.*)$')
  local a = {since = tonumber(since), contact = tonumber(contact), deal = tonumber(deal), level = level}
  table.insert(out, whole(until_(a, rules)))
end
return out`
		random := rand.New(rand.NewPCG(1, 2))
		some := func(least, most int64) int64 {
			if least == 0 && random.IntN(2) == 0 {
				return 0
			}
			return least + random.Int64N(most-least) + 1
		}
		const day = 86400000
		var lines []string
		var want []string
		for range 2000 {
			since := some(1700000000000, 1700000000000+100*day)
			contact, deal := some(0, 100*day), some(0, 100*day)
			if contact > 0 {
				contact += since
			}
			if deal > 0 {
				deal += since
			}
			level := []string{"", "A", "B", "AB", "C"}[random.IntN(5)]
			terms := gate.Terms{
				Protection: ms(some(1, 60*day)), ProtectionMost: ms(some(0, 200*day)), NoDeal: ms(some(0, 90*day)),
				DealProtection: ms(some(0, 400*day)),
			}
			if random.IntN(2) == 0 {
				terms.Levels = fmt.Sprintf("A=%d%sAB=%d%sB=%d", some(1, 9*day), sep, some(1, 9*day), sep, some(1, 9*day))
			}
			h := Holding{Since: millis(fmt.Sprint(since)), Contact: millis(fmt.Sprint(contact)), Deal: millis(fmt.Sprint(deal)), Level: level}
			lines = append(lines, fmt.Sprintf("%d,%d,%d,%s,%s", since, contact, deal, level, rulesOf(terms)))
			want = append(want, fmt.Sprint(Until(h, terms).UnixMilli()))
		}
		got, err := s.client.Eval(t.Context(), source, []string{"rf:{b0000}:s"}, strings.Join(lines, "\n")).StringSlice()
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
