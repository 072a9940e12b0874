package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

// enter types command lines that must be carried out.
func (f *floor) enter(lines ...string) {
	f.t.Helper()
	for _, line := range lines {
		got := f.run(strings.Fields(line)...)
		require.Zero(f.t, got.code, "%s: %s", line, got.stderr)
	}
}

// hears waits until the running gate knows what was typed.
func (f *floor) hears(what string, knows func(gate.People) bool) {
	f.t.Helper()
	soon(f.t, what, func() bool { return knows(f.program.store.People()) })
}

// TestPeopleAtTheGate: real calls of reps who were entered while the gate runs, of strangers and of somebody who leaves.
func TestPeopleAtTheGate(t *testing.T) {
	f := newFloor(t, "rules: {unknown_rep: block, claim: {min_talk: 1s}, owned: {action: redirect}}\n")
	f.serve()
	require.True(t, f.call(f.phone("299"), "+12125550100").Answered(), "while nobody is entered nobody is unknown")
	f.enter("team add east --queue 207", "rep add zhang --extension 201 --identity zhang.wei --team east", "rep add 202")
	f.hears("the gate knows zhang", func(p gate.People) bool { _, known := p.Person("202"); return known })

	require.Equal(t, 403, f.call(f.phone("299"), "+12125550101").Status, "a stranger")
	require.True(t, f.call(f.phone("299"), "911").Answered(), "whoever it is")
	require.True(t, f.call(f.phone("299"), "203").Answered(), "within the house")

	up := dial(t, f.phone("zhang.wei"), "+12125550102") // from the softphone
	soon(t, "it is zhang's customer", func() bool {
		var owner ownerReport
		f.decode(&owner, "owner", "show", "+12125550102")
		return owner.Owner == "zhang" && owner.Extension == "201"
	})
	require.NoError(t, up.Hangup(t.Context()))
	require.True(t, f.call(f.phone("201"), "+12125550102").Answered(), "from the desk")
	before := len(f.world.Received())
	require.True(t, f.call(f.phone("202"), "+12125550102").Answered())
	require.Equal(t, "201", f.world.Received()[before].User, "the colleague rings zhang's desk")

	talking := dial(t, f.phone("202"), "+12125550103")
	f.enter("rep set 202 --left")
	f.hears("202 has left", func(p gate.People) bool { person, _ := p.Person("202"); return person.Left })
	require.Equal(t, 403, f.call(f.phone("202"), "+12125550104").Status, "a leaver's new call")
	soon(t, "the call that was up is long enough", func() bool {
		var owner ownerReport
		f.decode(&owner, "owner", "show", "+12125550103")
		return owner.Owner == "202"
	})
	require.NoError(t, talking.Hangup(t.Context()), "it ended when its rep hung up, and not before")
	require.True(t, f.metric(`ringfence_decisions_total{reason="unknown_rep",verdict="block"} 2`))
}

// TestPeopleOutliveTheRegistry: a registry that is away takes nobody's name away.
func TestPeopleOutliveTheRegistry(t *testing.T) {
	f := newFloor(t, "rules: {unknown_rep: block, on_registry_down: allow}\n")
	f.enter("rep add 201")
	f.serve()
	require.True(t, f.call(f.phone("201"), "+12125550100").Answered())
	f.redis.Stop()
	soon(t, "the outage shows", func() bool { return f.metric("ringfence_registry_up 0") })
	require.True(t, f.call(f.phone("201"), "+12125550101").Answered())
	require.Equal(t, 403, f.call(f.phone("299"), "+12125550101").Status)

	f.redis.Restart() // with nothing on its disk
	soon(t, "what had to wait is written", func() bool { return f.metric("ringfence_registry_up 1") && f.program.gate.Queued() == 0 })
	soon(t, "the loss is logged", func() bool { return strings.Contains(f.log.String(), "they have gone from it") })
	require.Equal(t, 403, f.call(f.phone("299"), "+12125550101").Status, "a registry that has forgotten everybody")
	require.True(t, f.call(f.phone("201"), "+12125550102").Answered())
}

// TestTerritoryAtTheGate: each action by a real call, changed by reload.
func TestTerritoryAtTheGate(t *testing.T) {
	const rules = `rules: {territories: {action: %, areas: [{prefixes: ["+1212"], team: east}, {prefixes: ["718"], team: east, queue: "208"}]}}` + "\n"
	f := newFloor(t, strings.Replace(rules, "%", "mark", 1))
	f.enter("team add east --queue 207", "team add west", "rep add 201 --team east", "rep add 202 --team west")
	f.serve()
	ours, theirs := f.phone("201"), f.phone("202")
	require.True(t, f.call(ours, "+12125550100").Answered())
	require.True(t, f.call(theirs, "+12125550101").Answered(), "it goes out")
	require.True(t, f.call(theirs, "+13105550101").Answered(), "nobody's territory")
	soon(t, "the mark is counted", func() bool { return f.metric("ringfence_territory_marks_total 1") })
	require.Contains(t, f.log.String(), `"territory":"east"`)

	reload := func(action string) {
		f.write(strings.Replace(rules, "%", action, 1))
		(&shell{configFile: f.file, stderr: f.log}).reload(f.program)
		soon(t, "the reload", func() bool {
			return f.program.gate.Config().Rules.Territories.Action.String() == action
		})
	}
	reload("block")
	refused := f.call(theirs, "+12125550102")
	require.Equal(t, 403, refused.Status)
	require.Equal(t, "Not your territory", refused.Phrase)
	require.True(t, f.call(ours, "+12125550102").Answered())

	reload("redirect")
	for number, queue := range map[string]string{"+12125550103": "207", "+17185550103": "208"} {
		before := len(f.world.Received())
		require.True(t, f.call(theirs, number).Answered())
		require.Equal(t, queue, f.world.Received()[before].User, "the queue rings, and not the customer")
	}
	f.enter("team set east --queue=", "rep set 201 --team west")
	f.hears("the queue is gone", func(p gate.People) bool { return p.Queue("east") == "" })
	require.Equal(t, 403, f.call(theirs, "+12125550104").Status, "no queue to ring")
}

// TestTwoGatesHearOfAChange: each by itself; registry/people holds how soon.
func TestTwoGatesHearOfAChange(t *testing.T) {
	f := newFloor(t, "rules: {unknown_rep: block}\n")
	f.enter("rep add 201")
	f.serve()
	other := *f
	other.serve()
	f.enter("rep add 202")
	for _, gateway := range []*floor{f, &other} {
		gateway.hears("202 is entered", func(p gate.People) bool { _, known := p.Person("202"); return known })
		require.True(t, gateway.call(gateway.phone("202"), "+12125550100").Answered())
	}
}
