package transport

import (
	"log/slog"
	"math"

	"github.com/emiago/sipgo/sip"
)

// sipgo's settings are package variables, to be set before anything of it runs: no other moment is early enough for
// every user of it in this process (the built-in phones are others).
func init() {
	// Each TCP connection holds a buffer of this size for as long as it lives. UDP has one of our own, so nothing is
	// cut off there.
	sip.TransportBufferReadSize = 8 << 10
	// When to leave UDP for TCP is the proxy's decision (RFC 3261 §18.1.1), not an error of the socket.
	sip.UDPMTUSize = math.MaxUint16 + 200
	// What sipgo logs through its default logger is reference counting.
	sip.SetDefaultLogger(slog.New(slog.DiscardHandler))
}

// newLayer makes sipgo's share of one read loop. It gets no transports of its own through options: they would have to
// come after the filter, or the filter would never run.
func (l *Listener) newLayer() *sip.TransportLayer {
	return sip.NewTransportLayer(nil, sip.NewParser(), nil,
		sip.WithTransportLayerReadFilter(filter),
		sip.WithTransportLayerLogger(slog.New(logHandler{limiter: l.transport.log})),
	)
}
