// Package sip is the proxy as one value: New wires listeners, transactions and the proxy core to a gate; Run serves.
// It knows the gate and never the registry.
package sip

import (
	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/answer"
	"github.com/ringfence/ringfence/sip/guard"
)

// Config is the `sip:` part of the configuration. Comments give default and unit.
type Config struct {
	Listen     []string   `yaml:"listen"` // udp://host:port, tcp://host:port, tls://host:port, ws://host:port, wss://host:port; port 0: the kernel chooses
	TLS        TLS        `yaml:"tls"`
	WebSocket  WebSocket  `yaml:"websocket"`
	Advertise  string     `yaml:"advertise"` // host others reach us by, when we listen on 0.0.0.0 behind NAT; default: the local address towards each destination
	Peers      []Peer     `yaml:"peers"`     // who may send us calls; first match wins
	Trunks     []Trunk    `yaml:"trunks"`    // where allowed calls go
	Extensions Extensions `yaml:"extensions"`
	Codes      gate.Codes `yaml:"codes"`       // what reps can do from the phone alone; default: nothing
	SecretFile string     `yaml:"secret_file"` // keys that sign Record-Route, Path and digest nonces, one a line, newest first; default: a random key, lost at restart
	Digest     Digest     `yaml:"digest"`
	Timers     Timers     `yaml:"timers"`
	Limits     Limits     `yaml:"limits"` // rates, bans, overload, connections
	DNS        DNS        `yaml:"dns"`    // where names are looked up

	Answers map[string]answer.Custom `yaml:"answers"` // answer profiles of your own, by name
	Card    answer.Card              `yaml:"card"`    // what answer profile 608 points to
}

// Peer is somebody who may send us calls.
type Peer struct {
	Name     string            `yaml:"name"`
	From     []string          `yaml:"from"`     // CIDR or single addresses
	Identity string            `yaml:"identity"` // from | asserted | remote_party | digest | certificate | flow | header:NAME; default from
	Answers  string            `yaml:"answers"`  // answer profile: phone | asterisk | freepbx | 3cx | freeswitch | cisco | 608 | one of sip.answers; default phone
	Rate     guard.Rate        `yaml:"rate"`     // new requests of one of its addresses, or off; default: limits.rate for digest, certificate and flow, else off
	Dialplan map[string]string `yaml:"dialplan"` // prefix as dialled → what replaces it, longest first, e.g. {"9": "", "00": "+"}

	Mode         string   `yaml:"mode"`         // proxy | redirect | teleblock | galaxtel | sippy; default proxy
	Lease        Duration `yaml:"lease"`        // 2m: how long a number stays reserved for a call that the gate does not carry (redirect, teleblock, galaxtel)
	Announcement string   `yaml:"announcement"` // URI that plays why a call was blocked, with {reason} and {language} in it; default: none
	Notify       bool     `yaml:"notify"`       // false: send the rep's phone a MESSAGE that says why a call was refused
}

// Trunk is one way out.
type Trunk struct {
	Name     string   `yaml:"name"`
	URI      string   `yaml:"uri"`      // sip:host:port;transport=udp|tcp|tls; a name is looked up by RFC 3263
	Priority int      `yaml:"priority"` // lower first; equal ones ring together; default: the order in the file
	Number   string   `yaml:"number"`   // e164 (+1212…) | digits (1212…) | national (212…); default e164
	Trusted  bool     `yaml:"trusted"`  // it is told who calls even when the caller wants privacy, and hides that itself; default false
	Ping     Duration `yaml:"ping"`     // how often each of its addresses is asked by OPTIONS whether it is there; default 0: never
}

// Extensions is the company's own side.
type Extensions struct {
	Pattern string `yaml:"pattern"` // anchored regular expression of internal numbers
	URI     string `yaml:"uri"`     // the PBX or registrar that rings them
}

// Timers are for tests and odd networks; every default is the standard's.
type Timers struct {
	T1       Duration `yaml:"t1"`        // 500ms
	TimerC   Duration `yaml:"c"`         // 3m10s: how long a branch may ring
	NoAnswer Duration `yaml:"no_answer"` // 5s: how long a trunk may stay silent before the next one is tried
	Trying   Duration `yaml:"trying"`    // 150ms: when 100 is sent though the decision is not there yet
}
