package transport

import "weak"

// Flow names what a message came over (RFC 5626 §1): over UDP the address it came from, on a stream the very connection.
// Flows are comparable; that of a connection never equals that of a later one, even from the same address, and does not
// keep the connection in memory.
type Flow struct {
	Address
	connection weak.Pointer[connection]
}

// Flow is what the message came over.
func (s Source) Flow() Flow { return Flow{s.Address, weak.Make(s.connection)} }
