package replay

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/gate/model"
	"github.com/ringfence/ringfence/registry"
)

// TestTheModelProtectsAsTheRegistryDoes: until the same moment by every rule that ends a protection.
func TestTheModelProtectsAsTheRegistryDoes(t *testing.T) {
	const n = gate.Number("+12125550100")
	hours := func(h int) time.Duration { return time.Duration(h) * time.Hour }
	for _, terms := range []gate.Terms{
		{Protection: hours(5)},
		{Protection: hours(5), Levels: "A=7200000\x1fB=36000000"},
		{Protection: hours(5), NoDeal: hours(3), Levels: "AB=1\x1fA=36000000"},
		{Protection: hours(5), ProtectionMost: hours(4), DealProtection: hours(8)},
	} {
		for _, level := range []string{"", "A", "B", "C"} {
			for _, deal := range []bool{false, true} {
				now := morning
				m := model.NewMemory(func() time.Time { return now })
				m.Claim(n, "", "201", "", level, 0, terms)
				h := registry.Holding{Owner: "201", Since: now, Level: level}
				now = now.Add(time.Hour)
				if deal {
					m.Deal(n, "", true, terms)
					h.Deal = now
				}
				until := registry.Until(h, terms)
				now = until.Add(-time.Millisecond)
				require.Equal(t, gate.Rep("201"), m.Owner(n), "%+v %q %v", terms, level, deal)
				now = until
				require.Empty(t, m.Owner(n), "%+v %q %v", terms, level, deal)
			}
		}
	}
}
