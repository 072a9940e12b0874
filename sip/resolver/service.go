package resolver

import (
	"fmt"
	"slices"
)

// service is one way to speak SIP: how NAPTR and SRV records name it, and the port that it uses when nobody names one.
type service struct {
	transport string // as the transport parameter of a URI spells it
	naptr     string // RFC 3263 §4.1, RFC 7118 §8
	srv       string // RFC 3263 §4.1: what stands before the domain
	port      uint16
	secure    bool // good enough for a sips URI
}

// services is RFC 3263's table, with TLS and WebSocket. Which of its rows are used says Config.Transports.
var services = []service{
	{transport: "udp", naptr: "SIP+D2U", srv: "_sip._udp", port: 5060},
	{transport: "tcp", naptr: "SIP+D2T", srv: "_sip._tcp", port: 5060},
	{transport: "tls", naptr: "SIPS+D2T", srv: "_sips._tcp", port: 5061, secure: true},
	{transport: "ws", naptr: "SIP+D2W", srv: "_sip._ws", port: 80},
	{transport: "wss", naptr: "SIPS+D2W", srv: "_sips._ws", port: 443, secure: true},
}

// spoken are the services that we speak and that serve q, in our own order of preference.
func (r *Resolver) spoken(q Query) (all []service) {
	for _, t := range r.Transports {
		i := slices.IndexFunc(services, func(s service) bool { return s.transport == t })
		if i >= 0 && services[i].serves(q) {
			all = append(all, services[i])
		}
	}
	return all
}

// serves: a sips URI is never resolved to anything less (RFC 3263 §4.1), and a transport parameter has the last word.
func (s service) serves(q Query) bool {
	if q.Secure && !s.secure {
		return false
	}
	return q.Transport == "" || q.Transport == s.transport || q.Secure && over[q.Transport] == s.transport
}

// over is what a transport parameter means in a sips URI (RFC 3261 §26.2.2, RFC 7118 §5.3).
var over = map[string]string{"tcp": "tls", "ws": "wss"}

// chosen is the service to use where no record says which (RFC 3263 §4.1): what the transport parameter names, else UDP,
// and TLS for sips.
func (r *Resolver) chosen(q Query) (service, error) {
	all := r.spoken(q)
	if len(all) == 0 {
		return service{}, fmt.Errorf("%w: nothing listens for transport %q: add such a listener to sip.listen", ErrAbsent, q.Transport)
	}
	for _, s := range all {
		if s.transport == "udp" || q.Secure && s.transport == "tls" {
			return s, nil
		}
	}
	return all[0], nil
}

// portOf is the port that q names, else the service's own.
func (s service) portOf(q Query) uint16 {
	if q.Port != 0 {
		return q.Port
	}
	return s.port
}
