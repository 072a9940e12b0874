package transaction

import (
	"hash/maphash"
	"strconv"

	"github.com/ringfence/ringfence/sip/message"
)

// key is 128 bits of two seeded hashes over what RFC 3261 tells transactions apart by: whoever sends messages knows no
// seed and can make no two of them collide, and by chance it does not happen. Server and client keys never have the same
// text: a server's has a method and two blanks before anything that we made.
type key [2]uint64

func (l *Layer) serverKey(s *Shard, m *message.Message, method string) key {
	s.text = appendServerKey(s.text[:0], m, method)
	return l.hash(s.text)
}

func (l *Layer) clientKey(s *Shard, branch []byte, method string) key {
	s.text = appendClientKey(s.text[:0], branch, method)
	return l.hash(s.text)
}

func (l *Layer) hash(text []byte) key {
	return key{maphash.Bytes(l.keys[0], text), maphash.Bytes(l.keys[1], text)}
}

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
