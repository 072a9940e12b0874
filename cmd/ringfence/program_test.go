package main

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/cmd/ringfence/config"
	"github.com/ringfence/ringfence/sip/phone"
)

// TestServe takes a call through the whole program: phone, gate, real Redis, trunk; and what operators see of it.
func TestServe(t *testing.T) {
	f := newFloor(t, "rules: {claim: {min_talk: 1s}}\n")
	f.serve()
	mine := dial(t, f.phone("201"), "92125550100") // with the outside-line prefix of the dial plan
	require.Equal(t, "+12125550100", f.world.Received()[0].User)
	soon(t, "the answered call makes its rep the owner", func() bool {
		var owner ownerReport
		f.decode(&owner, "owner", "show", "+12125550100")
		require.Equal(t, "201", string(owner.InFlight.Rep))
		return owner.Owner == "201"
	})
	require.NoError(t, mine.Hangup(t.Context()))
	theirs := f.call(f.phone("202"), "+12125550100")
	require.Equal(t, 403, theirs.Status)
	require.Len(t, f.world.Received(), 1, "a refused call reached the trunk")

	emergency := f.call(f.phone("202"), "911")
	require.True(t, emergency.Answered())

	soon(t, "the metrics tell of three decisions", func() bool {
		return f.metric(`ringfence_decisions_total{reason="allowed",verdict="allow"} 1`) &&
			f.metric(`ringfence_decisions_total{reason="owned",verdict="block"} 1`) &&
			f.metric(`ringfence_decisions_total{reason="emergency",verdict="allow"} 1`) &&
			f.metric(`ringfence_calls_ended_total{ending="answered"} 1`) &&
			f.metric(`ringfence_calls_up 0`) && f.metric(`ringfence_registry_up 1`) && f.metric(`ringfence_ready 1`)
	})
	status, body := f.get("/readyz")
	require.Equal(t, 200, status, body)

	require.NoError(t, f.end())
	var kinds []string
	var records []recordReport
	f.decode(&records, "history", "+12125550100")
	for _, r := range records {
		kinds = append(kinds, r.Kind)
	}
	require.ElementsMatch(t, []string{"decision", "end", "decision"}, kinds, "what is queued at the end is written")
	require.NotContains(t, f.log.String(), "2125550100", "a whole number in the log")
	require.Contains(t, f.log.String(), "+1212*****00")
}

func TestReload(t *testing.T) {
	f := newFloor(t, "rules: {owned: {action: block}}\n")
	f.serve()
	policy := f.program.gate.Terms().Policy
	reload := func(extra string) error {
		f.write(extra)
		next, err := config.Load(f.file, nil, nil)
		require.NoError(t, err)
		return f.program.Reload(next)
	}

	require.NoError(t, reload("rules: {owned: {action: redirect}, protection: 7d}\n"))
	require.True(t, f.program.gate.Terms().Redirect)
	require.Equal(t, 7*24*time.Hour, f.program.gate.Terms().Protection)
	require.NotEqual(t, policy, f.program.gate.Terms().Policy)

	err := reload("log: {level: debug}\nrules: {protection: 8d}\n")
	require.ErrorContains(t, err, "log.level cannot change while the gate runs")
	require.Equal(t, 7*24*time.Hour, f.program.gate.Terms().Protection, "half of a refused configuration was taken")
}

// TestSignals drives the running program as its operators do: SIGHUP with a good and a bad file, SIGTERM to drain.
func TestSignals(t *testing.T) {
	f := newFloor(t, "")
	f.serve()
	sh := &shell{configFile: f.file, stderr: f.log}
	signals := make(chan os.Signal)
	obeying := t.Context()
	go sh.obey(obeying, f.program, signals, time.Minute, f.stop)

	f.write("rules: {protection: 9d}\n")
	signals <- syscall.SIGHUP
	soon(t, "the reload", func() bool { return f.program.gate.Terms().Protection == 9*24*time.Hour })

	f.write("rules: {protectoin: 9d}\n")
	signals <- syscall.SIGHUP
	soon(t, "the refused reload shows", func() bool { return f.metric("ringfence_config_last_reload_successful 0") })
	require.Contains(t, f.log.String(), "did you mean protection?")
	require.Equal(t, 9*24*time.Hour, f.program.gate.Terms().Protection)

	rep, late := f.phone("201"), f.phone("202")
	up := dial(t, rep, "+12125550100")
	signals <- syscall.SIGTERM
	soon(t, "not ready while draining", func() bool { status, _ := f.get("/readyz"); return status == 503 })
	require.Equal(t, 503, f.call(late, "+12125550199").Status, "a new call while draining")
	require.True(t, f.call(late, "911").Answered(), "an emergency call while draining")
	select {
	case err := <-f.done:
		require.Fail(t, "ended with a call up", "%v", err)
	default:
	}
	require.NoError(t, up.Hangup(t.Context()), "the call that was up can be hung up")
	err := f.ended() // finished transactions that only linger are not waited for
	f.done <- err
	require.NoError(t, err)
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	f := newFloor(t, "")
	f.serve()
	sh := &shell{configFile: f.file, stderr: f.log}
	signals := make(chan os.Signal)
	go sh.obey(t.Context(), f.program, signals, time.Minute, f.stop)
	dial(t, f.phone("201"), "+12125550100")
	signals <- syscall.SIGTERM
	signals <- syscall.SIGTERM
	err := f.ended()
	f.done <- err
	require.NoError(t, err)
}

// dial starts a call and waits until it was answered.
func dial(t *testing.T, p *phone.Phone, number string) *phone.Call {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	call, err := p.Dial(ctx, number)
	require.NoError(t, err)
	outcome, err := call.Wait(ctx)
	require.NoError(t, err)
	require.True(t, outcome.Answered(), outcome)
	return call
}

func TestDrainEndsWithItsLimit(t *testing.T) {
	f := newFloor(t, "")
	f.serve()
	dial(t, f.phone("201"), "+12125550100")
	limit, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	f.program.Drain(limit)
	require.Equal(t, 1, f.program.gate.CallsUp())
	require.Contains(t, f.log.String(), "drained for long enough")
}

// TestRegistryFrozen: calls go on by the outage rule, health tells of it, and all heals by itself.
func TestRegistryFrozen(t *testing.T) {
	f := newFloor(t, "")
	f.serve()
	soon(t, "the registry answers", func() bool { return f.metric("ringfence_registry_up 1") })
	f.redis.Freeze()
	rep := f.phone("201")
	require.True(t, f.call(rep, "+12125550100").Answered(), "on_registry_down is allow")
	soon(t, "the outage shows", func() bool {
		return f.metric("ringfence_registry_up 0") && f.metric(`ringfence_decisions_total{reason="registry_down",verdict="allow"} 1`)
	})
	status, _ := f.get("/readyz")
	require.Equal(t, 200, status, "a gate that lets calls through is ready")
	require.Contains(t, f.log.String(), "the registry does not answer")
	f.redis.Thaw()
	soon(t, "it heals", func() bool { return f.metric("ringfence_registry_up 1") })
	require.True(t, f.call(rep, "+12125550101").Answered())
	require.True(t, f.metric(`ringfence_decisions_total{reason="allowed",verdict="allow"} 1`), "decided with the registry again")
}

func TestRegistryGoneAndBlocking(t *testing.T) {
	f := newFloor(t, "rules: {on_registry_down: block}\n")
	f.serve()
	f.redis.Stop()
	rep := f.phone("201")
	require.GreaterOrEqual(t, f.call(rep, "+12125550100").Status, 400)
	require.True(t, f.call(rep, "911").Answered())
	soon(t, "the next sign of life that does not come", func() bool {
		status, body := f.get("/readyz")
		return status == 503 && strings.Contains(body, "rules.on_registry_down is block")
	})
	f.redis.Restart()
	soon(t, "ready again", func() bool { status, _ := f.get("/readyz"); return status == 200 })
}

func TestProgramThatCannotStartLetsGo(t *testing.T) {
	f := newFloor(t, "")
	f.serve()
	taken := f.program.sip.Addresses()[1]
	_, err := startWith(t, f, "sip.listen=["+taken+"]")
	require.ErrorContains(t, err, "sip.listen[0]")
	_, err = startWith(t, f, "http.listen="+f.program.http.Address())
	require.ErrorContains(t, err, "cannot be bound")
	_, err = startWith(t, f, "registry.url=redis://"+f.redis.Addr()+"/99")
	require.ErrorContains(t, err, "DB index is out of range", "a server that says no is not one that is late")
}

// TestRegistryComesLate: after a power cut the gate may be up before Redis. It carries what needs no registry, refuses
// what nobody can decide, and takes everything once Redis and the lists are there.
func TestRegistryComesLate(t *testing.T) {
	f := newFloor(t, "") // on_registry_down: allow
	f.redis.Stop()
	f.serve()
	rep := f.phone("201")
	require.True(t, f.call(rep, "911").Answered())
	require.Equal(t, 503, f.call(rep, "+12125550100").Status, "it may be on a list")
	status, body := f.get("/readyz")
	require.Equal(t, 503, status)
	require.Contains(t, body, "do-not-call lists have not been read")
	f.redis.Restart()
	soon(t, "ready", func() bool { status, _ := f.get("/readyz"); return status == 200 })
	require.True(t, f.call(rep, "+12125550100").Answered())
}

func startWith(t *testing.T, f *floor, set string) (*program, error) {
	t.Helper()
	cfg, err := config.Load(f.file, strings.Fields(set), nil)
	require.NoError(t, err)
	return newProgram(t.Context(), cfg, f.log)
}
