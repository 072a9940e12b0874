package gate_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/gate/registrytest"
)

// What a rep may hold is the rep's own limit, else the rule's; a day ends where the company is.
func TestTermsOfARep(t *testing.T) {
	c := config()
	c.Rules.Holdings.Most = 100
	c.Timezone = "Asia/Shanghai"
	o := open(t, c, with(registrytest.NewPeople(
		gate.Person{Rep: "zhang", Holdings: 300, DailyClaims: 9}, gate.Person{Rep: "li"})))
	zhang, li := o.TermsFor("zhang"), o.TermsFor("li")
	require.Equal(t, []int{300, 9, 100}, []int{zhang.Holdings, zhang.DailyClaims, li.Holdings})
	require.Equal(t, 8*time.Hour, li.Offset)
	require.Equal(t, 8*time.Hour, o.Terms().Offset)
}

// The rep's limits, scope and team go with what may make an owner.
func TestEventsKnowTheirRep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, config(), with(registrytest.NewPeople(
			gate.Person{Rep: "zhang", Team: "east", Scope: "loans", Extension: "201", Holdings: 300})))
		d := o.dial("zhang", string(customer), "a")
		o.Answered(d.Reservation)
		wait(time.Minute)
		o.End(d.Reservation, gate.EndAnswered, 200)
		wait(time.Second)
		seen := 0
		for _, e := range o.registry.events() {
			if e.Kind == gate.Firm || e.Kind == gate.Ended {
				require.Equal(t, gate.Scope("loans"), e.Scope)
				require.Equal(t, gate.Team("east"), e.Team)
				require.Equal(t, 300, e.Terms.Holdings)
				seen++
			}
		}
		require.Equal(t, 2, seen)
	})
}
