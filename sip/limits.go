package sip

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/guard"
)

// Limits bound what one source, and all of them together, may ask of the gate. Comments give default and unit.
type Limits struct {
	Rate       guard.Rate `yaml:"rate"`        // 50/s: new requests of one address, for peers that are phones; a peer's own rate comes first
	Burst      int        `yaml:"burst"`       // 500: how many of them may come at once
	Ban        OrOff      `yaml:"ban"`         // 5m: for how long an address that keeps sending ten times its rate is not heard; off: never
	Trusted    []string   `yaml:"trusted"`     // CIDR or single addresses that are never slowed down or banned
	QueueDelay OrOff      `yaml:"queue_delay"` // 25ms: new requests are refused while messages have to wait for longer; off: never

	Connections          int        `yaml:"connections"`            // 8192 TCP connections in total
	ConnectionsPerSource int        `yaml:"connections_per_source"` // 1024 of them accepted from one address, which may be a whole office
	ConnectionRate       guard.Rate `yaml:"connection_rate"`        // 5000/s: messages on one TCP connection; above it, it is read more slowly
	FirstMessage         Duration   `yaml:"first_message"`          // 30s: for an accepted TCP connection to say something
	HalfSent             Duration   `yaml:"half_sent"`              // 10s: for a message on TCP to come in whole
}

// OrOff is a span of time, or none that was meant: "off".
type OrOff time.Duration

const off OrOff = -1

// std is 0 for off.
func (d OrOff) std() time.Duration { return max(0, time.Duration(d)) }

// MarshalText writes what UnmarshalText reads.
func (d OrOff) MarshalText() ([]byte, error) {
	if d == off {
		return []byte("off"), nil
	}
	return Duration(d).MarshalText()
}

// UnmarshalText reads "off" or what gate.ParseDuration reads. No time at all is off as well.
func (d *OrOff) UnmarshalText(text []byte) error {
	span, err := gate.ParseDuration(string(text))
	switch {
	case string(text) == "off" || err == nil && span == 0:
		*d = off
	case err != nil:
		return fmt.Errorf("%w, or off", err)
	default:
		*d = OrOff(span)
	}
	return nil
}

// The defaults that are no zero values.
const (
	defaultRate           = guard.Rate(50)
	defaultBurst          = 500
	defaultBan            = OrOff(5 * time.Minute)
	defaultQueueDelay     = OrOff(25 * time.Millisecond)
	defaultConnectionRate = guard.Rate(5000)
)

func (l *Limits) setDefaults() {
	l.Rate = cmp.Or(l.Rate, defaultRate)
	l.Burst = cmp.Or(l.Burst, defaultBurst)
	l.Ban = cmp.Or(l.Ban, defaultBan)
	l.QueueDelay = cmp.Or(l.QueueDelay, defaultQueueDelay)
	l.Connections = cmp.Or(l.Connections, 8192)
	l.ConnectionsPerSource = cmp.Or(l.ConnectionsPerSource, 1024)
	l.ConnectionRate = cmp.Or(l.ConnectionRate, defaultConnectionRate)
	l.FirstMessage = cmp.Or(l.FirstMessage, Duration(30*time.Second))
	l.HalfSent = cmp.Or(l.HalfSent, Duration(10*time.Second))
}

// validate takes limits that have their defaults.
func (l *Limits) validate() (errs []keyError) {
	bad := func(key, text string) { errs = append(errs, keyError{key, errors.New(text)}) }
	if l.Burst < 1 || l.Burst > 1_000_000 {
		bad("burst", "is how many requests may come at once: 1 to 1000000")
	}
	for i, t := range l.Trusted {
		if _, err := prefix(t); err != nil {
			errs = append(errs, keyError{fmt.Sprintf("trusted[%d]", i), err})
		}
	}
	if d := l.QueueDelay.std(); d > 0 && d < time.Millisecond || d > time.Second {
		bad("queue_delay", "is 1ms to 1s, or off to shed nothing: shorter waits are every gate's, and longer ones cost calls")
	}
	if l.Connections < 1 || l.ConnectionsPerSource < 1 {
		bad("connections", "and connections_per_source must leave room for at least one")
	}
	if min(l.FirstMessage, l.HalfSent) < Duration(time.Second) {
		bad("half_sent", "and first_message are 1s at least: honest phones on a bad network would be cut off")
	}
	return errs
}

// same says whether nothing differs that a reload cannot change.
func (l *Limits) same(next *Limits) bool {
	return l.QueueDelay == next.QueueDelay && l.Connections == next.Connections && l.ConnectionsPerSource == next.ConnectionsPerSource &&
		l.ConnectionRate == next.ConnectionRate && l.FirstMessage == next.FirstMessage && l.HalfSent == next.HalfSent
}

// trusted are the prefixes that have no limit.
func (l *Limits) trusted() (all []netip.Prefix) {
	for _, t := range l.Trusted {
		if p, err := prefix(t); err == nil {
			all = append(all, p)
		}
	}
	return all
}

// limitOf is what each address of p may send. A peer that is known by its address alone may be a PBX with hundreds of
// phones behind it, which nobody must lock out: it is limited only when its own rate says so.
func (l *Limits) limitOf(p *Peer) *guard.Limit {
	rate := p.Rate
	if rate == 0 && slices.Contains(phones, p.Identity) {
		rate = l.Rate
	}
	if !rate.Limits() {
		return nil
	}
	return &guard.Limit{Rate: rate, Burst: l.Burst, Ban: l.Ban.std()}
}

// phones are the identities that each phone proves for itself.
var phones = []string{"digest", "certificate", "flow"}
