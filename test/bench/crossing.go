package main

import (
	"bytes"
	"net/netip"
	"slices"
)

// crossing is one message on its way through a proxy: from when it comes in until it, or the answer to it, goes out.
type crossing struct {
	name    string
	in, out sighting
}

// sighting is a message at the proxy's door. Start is the method, or status and method.
type sighting struct {
	start string
	way   way
}

// way is in which direction a message passes the proxy's door.
type way byte

// The ways.
const (
	in       way = 'i'
	toCaller way = 'c'
	toCallee way = 't'
)

var (
	fullCrossings = []crossing{
		{"INVITE → INVITE", sighting{"INVITE", in}, sighting{"INVITE", toCallee}},
		{"180 → 180", sighting{"180 INVITE", in}, sighting{"180 INVITE", toCaller}},
		{"200 → 200", sighting{"200 INVITE", in}, sighting{"200 INVITE", toCaller}},
		{"BYE → BYE", sighting{"BYE", in}, sighting{"BYE", toCallee}},
	}
	blockedCrossings = []crossing{{"INVITE → 403", sighting{"INVITE", in}, sighting{"403 INVITE", toCaller}}}
)

// crossingTimes reads how long each crossing took, in µs and ascending, from a capture at the proxy's door. Only the
// first copy of a message counts.
func crossingTimes(capture []byte, proxy, callee netip.AddrPort, crossings []crossing) (map[string][]float64, error) {
	calls := make(map[string]map[sighting]float64)
	err := packets(capture, func(p packet) {
		way := in
		switch {
		case p.to == proxy:
		case p.from == proxy && p.to == callee:
			way = toCallee
		case p.from == proxy:
			way = toCaller
		default:
			return
		}
		id := headerOf(p.payload, "Call-ID:")
		seen := calls[string(id)]
		if seen == nil {
			seen = make(map[sighting]float64)
			calls[string(id)] = seen
		}
		s := sighting{startOf(p.payload), way}
		if _, again := seen[s]; !again {
			seen[s] = p.at
		}
	})
	times := make(map[string][]float64)
	for _, seen := range calls {
		for _, c := range crossings {
			came, did := seen[c.in]
			went, done := seen[c.out]
			if did && done {
				times[c.name] = append(times[c.name], went-came)
			}
		}
	}
	for _, t := range times {
		slices.Sort(t)
	}
	return times, err
}

// startOf is a request's method, or a response's status and the method of its CSeq: "200 BYE".
func startOf(message []byte) string {
	first, _, _ := bytes.Cut(message, []byte(" "))
	if !bytes.Equal(first, []byte("SIP/2.0")) {
		return string(first)
	}
	status := message[len("SIP/2.0 "):]
	cseq := headerOf(message, "CSeq:")
	method := cseq[bytes.LastIndexByte(cseq, ' ')+1:]
	return string(status[:min(3, len(status))]) + " " + string(method)
}

// headerOf is the value of a header field as SIPp and both proxies spell its name.
func headerOf(message []byte, name string) []byte {
	_, after, found := bytes.Cut(message, []byte("\n"+name))
	if !found {
		return nil
	}
	value, _, _ := bytes.Cut(after, []byte("\r"))
	return bytes.TrimSpace(value)
}
