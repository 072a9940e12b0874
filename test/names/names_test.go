package names

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/site"
)

// The first server is silent: the call goes to the second, the next call goes there at once, and when the penalty is over
// and the first one answers, it has the calls again.
func TestSilentServer(t *testing.T) {
	s := newStand(t)
	s.names.Set(s.record(0, 1, 60) + s.record(1, 2, 60))
	quiet := s.silent(0)
	other := s.serve(1, "callee-answers", site.UDP)
	s.start(byName)

	failed := time.Now()
	require.GreaterOrEqual(t, s.call(), noAnswer)
	before := invites(quiet)
	require.NotZero(t, before)
	require.Equal(t, 1, s.heard(other, "INVITE"))
	s.metric(`ringfence_trunk_up{trunk="trunk1"} 1`)

	s.call()
	if time.Since(failed) < penalty { // a machine that is that slow proves nothing here
		require.Equal(t, before, invites(quiet), "the penalty keeps the call off")
	}
	require.Equal(t, 2, s.heard(other, "INVITE"))

	require.NoError(t, quiet.Close())
	back := s.serve(0, "callee-answers", site.UDP)
	require.Eventually(t, func() bool { s.call(); return s.heard(back, "INVITE") > 0 }, patience, time.Millisecond)
	require.GreaterOrEqual(t, time.Since(failed), penalty)
}

// The first server refuses the connection; the caller waits for nothing. NAPTR says that it is TCP.
func TestRefusedConnection(t *testing.T) {
	s := newStand(t)
	zone := "carrier.example. 60 IN NAPTR 1 1 \"s\" \"SIP+D2T\" \"\" _sip._tcp.carrier.example.\n"
	for i, server := range s.servers {
		zone += fmt.Sprintf("_sip._tcp.carrier.example. 60 IN SRV %d 0 %d server%d.carrier.example.\nserver%d.carrier.example. 60 IN A %v\n",
			i, server.Port(), i, i, server.Addr())
	}
	s.names.Set(zone)
	other := s.serve(1, "callee-answers", site.TCP)
	s.start(site.Trunk{URI: "sip:carrier.example"})
	for i := range 3 {
		s.call()
		require.Equal(t, i+1, s.heard(other, "INVITE"))
	}
	s.says(`"an address comes after the others for a while"`)
}

// The first server is overloaded and says for how long: each call is answered, and it is asked once.
func TestOverloadedServer(t *testing.T) {
	s := newStand(t)
	s.names.Set(s.record(0, 1, 60) + s.record(1, 2, 60))
	overloaded := s.serve(0, "trunk-is-overloaded-a-while", site.UDP)
	other := s.serve(1, "callee-answers", site.UDP)
	s.start(byName)
	for i := range 3 {
		s.call()
		require.Equal(t, 1, s.heard(overloaded, "INVITE"))
		require.Equal(t, i+1, s.heard(other, "INVITE"))
	}
}

// What the zone says moves the calls when the old records have run out, without a word to the gate.
func TestZoneMoves(t *testing.T) {
	s := newStand(t)
	s.names.Set(s.record(0, 1, 1))
	old, moved := s.serve(0, "callee-answers", site.UDP), s.serve(1, "callee-answers", site.UDP)
	s.start(byName)
	s.call()
	require.Equal(t, 1, s.heard(old, "INVITE"))
	s.names.Set(s.record(1, 1, 1))
	require.Eventually(t, func() bool { s.call(); return s.heard(moved, "INVITE") > 0 }, patience, time.Millisecond)
	stayed := s.heard(old, "INVITE")
	s.call()
	require.Equal(t, stayed, s.heard(old, "INVITE"))
}

// The name server dies: calls go on to where they went. It comes back with other records, and they follow.
func TestNameServerDies(t *testing.T) {
	s := newStand(t)
	s.names.Set(s.record(0, 1, 1))
	old, moved := s.serve(0, "callee-answers", site.UDP), s.serve(1, "callee-answers", site.UDP)
	s.start(byName)
	s.names.Silence(true)
	s.says("a target's name is not found any more; its last addresses stay in use")
	s.call()
	s.call()
	require.Equal(t, 2, s.heard(old, "INVITE"))
	s.names.Set(s.record(1, 1, 1))
	s.names.Silence(false)
	require.Eventually(t, func() bool { s.call(); return s.heard(moved, "INVITE") > 0 }, patience, time.Millisecond)
}

// The gate starts while no name server answers: calls take the other trunk at once, and the first when it is found.
func TestStartWithoutNameServer(t *testing.T) {
	s := newStand(t)
	s.names.Silence(true)
	s.names.Set(s.record(0, 1, 60))
	first, other := s.serve(0, "callee-answers", site.UDP), s.serve(1, "callee-answers", site.UDP)
	s.start(byName, s.second())
	s.says("a target's name is not found, and calls cannot go there")
	s.metric(`ringfence_trunk_up{trunk="trunk1"} 0`)
	s.metric(`ringfence_trunk_up{trunk="trunk2"} 1`)
	s.call()
	require.Equal(t, 1, s.heard(other, "INVITE"))
	s.names.Silence(false)
	s.metric(`ringfence_trunk_up{trunk="trunk1"} 1`)
	s.call()
	require.Equal(t, 1, s.heard(first, "INVITE"))
	require.Equal(t, 1, s.heard(other, "INVITE"))
}

// A pinged trunk that is silent is found out before a call could be, and is back as soon as it answers.
func TestPing(t *testing.T) {
	s := newStand(t)
	quiet := s.silent(0)
	other := s.serve(1, "callee-answers", site.UDP)
	s.start(site.Trunk{At: s.servers[0], Protocol: site.UDP, Keys: "ping: 1s"}, s.second())
	s.metric(`ringfence_trunk_up{trunk="trunk1"} 0`)
	s.call()
	require.Equal(t, 1, s.heard(other, "INVITE"))
	require.Zero(t, invites(quiet))
	require.NoError(t, quiet.Close())
	s.serve(0, "trunk-answers-pings", site.UDP)
	s.metric(`ringfence_trunk_up{trunk="trunk1"} 1`)
}
