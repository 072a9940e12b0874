package phone

import (
	"log/slog"
	"math"

	"github.com/emiago/sipgo/sip"
)

// sipgo's settings are package variables, to be set before anything of it runs. Package transport sets the same ones.
func init() {
	// A phone on loopback sends what it has; over UDP too. sipgo's own limit of 1300 bytes knows no way out.
	sip.UDPMTUSize = math.MaxUint16 + 200
	// What sipgo logs through its default logger is reference counting.
	sip.SetDefaultLogger(quiet)
}

// quiet keeps sipgo's own log, which prints whole messages, out of ours.
var quiet = slog.New(slog.DiscardHandler)
