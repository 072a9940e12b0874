package gate

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var divisionDay = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func spoke(rep Rep, day int, talk time.Duration) Contact {
	return Contact{Rep: rep, At: divisionDay.AddDate(0, 0, day), Talk: talk}
}

func rulesWith(d DivisionRule) Rules {
	r := Defaults("US").Rules
	r.Division = d
	return r
}

// The quarrel: A spoke with the customer first and owns it, B helped, and B wants half.
func TestDivideTheQuarrel(t *testing.T) {
	contacts := []Contact{spoke("A", 0, time.Minute), spoke("B", 3, 2*time.Minute), spoke("B", 4, time.Minute), spoke("A", 5, 20*time.Second)}
	end := divisionDay.AddDate(0, 0, 10)
	percents := func(parts []Part) map[Rep]int {
		m := make(map[Rep]int)
		for _, p := range parts {
			m[p.Rep] += p.Percent
			require.NotEmpty(t, p.Basis)
			require.Equal(t, p.Basis != BasisAgreement, p.Rule != "")
		}
		return m
	}
	for _, test := range []struct {
		name   string
		rule   DivisionRule
		owner  Rep
		agreed []Agreement
		at     time.Time
		want   map[Rep]int
	}{
		{"nothing agreed, no helper rule: the owner has it all", defaultDivision, "A", nil, end, map[Rep]int{"A": 100}},
		{"half was agreed", defaultDivision, "A", []Agreement{{"B", 50, divisionDay.AddDate(0, 0, 2), "lead"}}, end, map[Rep]int{"A": 50, "B": 50}},
		{"half was agreed after the deal", defaultDivision, "A", []Agreement{{"B", 50, end.AddDate(0, 0, 1), "lead"}}, end, map[Rep]int{"A": 100}},
		{"helpers share a third", DivisionRule{Helper: 33, HelperCalls: 2}, "A", nil, end, map[Rep]int{"A": 67, "B": 33}},
		{"one call more would make a helper", DivisionRule{Helper: 33, HelperCalls: 3}, "A", nil, end, map[Rep]int{"A": 100}},
		{"an agreement comes before the helper's part", DivisionRule{Helper: 50, HelperCalls: 1}, "A", []Agreement{{"B", 10, divisionDay, "lead"}}, end, map[Rep]int{"A": 90, "B": 10}},
		{"last contact", DivisionRule{Result: ByLastContact, HelperCalls: 1}, "B", nil, end, map[Rep]int{"A": 100}},
		{"most talk", DivisionRule{Result: ByMostTalk, HelperCalls: 1}, "A", nil, end, map[Rep]int{"B": 100}},
		{"first contact", DivisionRule{Result: ByFirstContact, HelperCalls: 1}, "B", nil, end, map[Rep]int{"A": 100}},
		{"nobody owned it", defaultDivision, "", nil, end, map[Rep]int{"A": 100}},
		{"before B helped", DivisionRule{Helper: 50, HelperCalls: 1}, "A", nil, divisionDay.AddDate(0, 0, 1), map[Rep]int{"A": 100}},
		{"more was agreed than there is", defaultDivision, "A", []Agreement{{"B", 70, divisionDay, "x"}, {"C", 60, divisionDay, "x"}}, end, map[Rep]int{"A": 0, "B": 70, "C": 30}},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, percents(rulesWith(test.rule).Divide(test.at, test.owner, contacts, test.agreed)))
		})
	}
	require.Empty(t, rulesWith(defaultDivision).Divide(end, "", nil, nil), "nobody did anything")
}

// Whatever happened, the parts add up and nobody has two of the same kind.
func TestDivideAddsUp(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	reps := []Rep{"A", "B", "C", "D", ""}
	for range 5000 {
		rules := rulesWith(DivisionRule{Result: Claimant(random.IntN(int(claimantCount))), Helper: random.IntN(101), HelperCalls: 1 + random.IntN(3)})
		var contacts []Contact
		for range random.IntN(8) {
			contacts = append(contacts, spoke(reps[random.IntN(4)], random.IntN(20), time.Duration(random.IntN(60))*time.Second))
		}
		var agreed []Agreement
		for _, rep := range reps[:random.IntN(4)] {
			agreed = append(agreed, Agreement{rep, random.IntN(101), divisionDay.AddDate(0, 0, random.IntN(20)), "lead"})
		}
		parts := rules.Divide(divisionDay.AddDate(0, 0, random.IntN(25)), reps[random.IntN(5)], contacts, agreed)
		if len(parts) == 0 {
			continue
		}
		sum, seen := 0, map[Rep]bool{}
		for _, p := range parts {
			require.GreaterOrEqual(t, p.Percent, 0)
			require.False(t, seen[p.Rep], "%s twice in %+v", p.Rep, parts)
			seen[p.Rep] = true
			sum += p.Percent
		}
		require.Equal(t, 100, sum, "%+v", parts)
	}
}
