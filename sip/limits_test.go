package sip

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/sip/guard"
)

func limits(change func(*Limits)) Limits {
	var l Limits
	if change != nil {
		change(&l)
	}
	l.setDefaults()
	return l
}

func TestLimitsAreChecked(t *testing.T) {
	good := limits(nil)
	require.Empty(t, good.validate())
	for key, change := range map[string]func(*Limits){
		"burst":       func(l *Limits) { l.Burst = -1 },
		"trusted[0]":  func(l *Limits) { l.Trusted = []string{"the PBX"} },
		"queue_delay": func(l *Limits) { l.QueueDelay = OrOff(2 * time.Second) },
		"connections": func(l *Limits) { l.ConnectionsPerSource = -1 },
		"half_sent":   func(l *Limits) { l.HalfSent = Duration(time.Millisecond) },
	} {
		bad := limits(change)
		errs := bad.validate()
		require.Len(t, errs, 1, key)
		assert.Equal(t, key, errs[0].key)
	}
}

func TestOrOff(t *testing.T) {
	for text, want := range map[string]OrOff{"off": off, "0s": off, "5m": OrOff(5 * time.Minute)} {
		var d OrOff
		require.NoError(t, d.UnmarshalText([]byte(text)), text)
		assert.Equal(t, want, d, text)
	}
	var d OrOff
	require.ErrorContains(t, d.UnmarshalText([]byte("never")), "or off")
	assert.Zero(t, off.std())
	l := limits(func(l *Limits) { l.Ban, l.QueueDelay = off, off })
	assert.Empty(t, l.validate())
	assert.Zero(t, l.QueueDelay.std(), "off is no default")
}

// Phones that prove who they are have a rate; whoever is known by an address alone has none, unless the peer says so.
func TestWhoseRate(t *testing.T) {
	l := limits(nil)
	for identity, limited := range map[string]bool{
		"digest": true, "certificate": true, "flow": true, "": false, "from": false, "asserted": false, "remote_party": false, "header:X-Rep": false,
	} {
		assert.Equal(t, limited, l.limitOf(&Peer{Identity: identity}) != nil, identity)
	}
	own := l.limitOf(&Peer{Identity: "from", Rate: 7})
	assert.Equal(t, &guard.Limit{Rate: 7, Burst: 500, Ban: 5 * time.Minute}, own)
	assert.Nil(t, l.limitOf(&Peer{Identity: "digest", Rate: guard.Off}))
}

func TestLimitsOnReload(t *testing.T) {
	now := limits(nil)
	changed := limits(func(l *Limits) {
		l.Rate, l.Burst, l.Ban, l.Trusted = 7, 8, off, []string{"192.0.2.1"}
	})
	assert.True(t, now.same(&changed))
	fixed := limits(func(l *Limits) { l.Connections = 7 })
	assert.False(t, now.same(&fixed))
}
