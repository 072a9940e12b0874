package site

import (
	"context"
	"net/netip"
	"time"
)

// Plan says where everything of one run is: who may call, where calls go.
type Plan struct {
	Gate   netip.AddrPort // the proxy, by UDP and TCP
	Listen []string       // further entries of the gate's sip.listen
	More   string         // further lines of the gate's sip part, indented
	Phones netip.Prefix   // where reps call from
	IPv6   netip.Prefix   // and where else
	Trunks []Trunk        // one to ring first, one to fall back on
	PBX    netip.AddrPort // rings the extensions
	Timers Timers
	Budget time.Duration // how long the gate waits for Redis; default 500 ms, for machines that do other things besides
	Peer   string        // further keys of the phones' peer in the gate's words, such as "mode: redirect"
	Peers  string        // further peers in the gate's words, before the phones', such as "{name: x, from: [192.0.2.1]},"
	Limits string        // keys of sip.limits in the gate's words, such as "queue_delay: 50ms"
	DNS    string        // further keys of sip.dns in the gate's words, such as "min_ttl: 1s"
	Dir    string        // for files of the run
}

// Trunk is a way out, as the proxy is told of it.
type Trunk struct {
	At       netip.AddrPort
	Protocol Protocol
	URI      string // in place of At and Protocol, to the gate only
	Keys     string // further ones of the trunk in the gate's words, such as "ping: 1s"
}

// Timers are those that a test may want shorter than the standard has them.
type Timers struct {
	T1       time.Duration // first retransmission
	C        time.Duration // how long a branch may ring
	NoAnswer time.Duration // how long a trunk may stay silent
}

// Proxy is what a site can be built around.
type Proxy interface {
	Name() string
	// Start runs it according to plan and returns when it takes calls.
	Start(ctx context.Context, plan Plan) (Running, error)
}

// Running is a proxy at work.
type Running interface {
	// Stop ends it; an error means that it was not well before or did not end properly.
	Stop() error
	// Output is the end of what it wrote.
	Output() string
}

// What the relay in the gate's place decides by number, and what the gate is told by command for the same outcome.
const (
	BlockedNumber    = "+12125550190"
	RedirectedNumber = "+12125550191"
	Owner            = "202" // of RedirectedNumber; also their extension
	Caller           = "201" // who dials
)
