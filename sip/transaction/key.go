package transaction

import (
	"strconv"

	"github.com/ringfence/ringfence/sip/message"
)

// appendServerKey is RFC 3261 §17.2.3: branch, sent-by and method, with the INVITE's for its ACK and for what a CANCEL
// cancels. A peer that still speaks RFC 2543 sends no magic cookie; its transactions are told apart by the fields of
// §17.2.3's second half as well.
func appendServerKey(k []byte, m *message.Message, method string) []byte {
	k = append(k, method...)
	k = append(k, ' ')
	k = append(k, m.Via.Branch...)
	k = append(k, ' ')
	for _, c := range m.Via.Host {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		k = append(k, c)
	}
	k = append(k, ':')
	port := m.Via.Port
	if port == 0 {
		port = 5060
	}
	k = strconv.AppendUint(k, uint64(port), 10)
	if m.Via.RFC3261() {
		return k
	}
	k = append(k, ' ')
	k = append(k, m.CallID...)
	k = append(k, ' ')
	k = append(k, m.FromTag...)
	k = append(k, ' ')
	return strconv.AppendUint(k, uint64(m.CSeq), 10)
}

// appendClientKey is RFC 3261 §17.1.3: our branch, which no one else makes; a CANCEL shares its INVITE's.
func appendClientKey(k, branch []byte, method string) []byte {
	k = append(k, branch...)
	if method == "CANCEL" {
		k = append(k, " CANCEL"...)
	}
	return k
}
