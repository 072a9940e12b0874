package transport

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/emiago/sipgo/sip"

	"github.com/ringfence/ringfence/sip/message"
)

// filter sees every chunk that sipgo's read loops read, before sipgo does anything with it, and leaves nothing of it to
// sipgo. It never returns an error: that would end a UDP listener.
func filter(read sip.TransportReadProps, data []byte) ([]byte, error) {
	switch from := read.RemoteAddr.(type) {
	case *datagramSource:
		(*datagrams)(from).take()
	case connectionSource:
		from.take(data)
	}
	return nil, nil
}

// deliver parses one message and hands it on, unless a first look says that this would be too much.
func (t *Transport) deliver(raw []byte, from Source) {
	var m *message.Message
	defer func() { t.survive(recover(), m, from) }()
	if !t.config.Look(raw, from) {
		return
	}
	// The reader's buffer is used again; what the message points into lives as long as the message.
	m, err := message.Parse(bytes.Clone(raw))
	if err == nil {
		t.config.Handler.Receive(m, from)
		return
	}
	var fault *message.Fault
	if m == nil || !errors.As(err, &fault) {
		t.config.Dropped(DropMalformed)
		return
	}
	t.config.Handler.Malformed(m, from, fault)
}

// refuse has a request answered with fault of which only the header section is there, and says whether it could be.
func (t *Transport) refuse(section []byte, from Source, fault *message.Fault) (answered bool) {
	var m *message.Message
	defer func() { t.survive(recover(), m, from) }()
	m, _ = message.Parse(bytes.Clone(section)) // what else is wrong with it does not matter any more
	if m == nil || !m.Request || m.Method == "ACK" {
		return false
	}
	t.config.Handler.Malformed(m, from, fault)
	return true
}

// survive is where a panic over a message ends: one that we cannot stand must not take the listener with it.
func (t *Transport) survive(panicked any, m *message.Message, from Source) {
	if panicked == nil {
		return
	}
	t.config.Panicked(panicked, debug.Stack())
	t.log.error(fmt.Sprintf("dropped a message from %v (Call-ID hash %s)", from.Address, callIDHash(m)),
		fmt.Errorf("panic: %v", panicked))
}

// callIDHash tells calls apart in the log without naming the host and user that many a Call-ID holds.
func callIDHash(m *message.Message) string {
	if m == nil {
		return "none"
	}
	sum := sha256.Sum256(m.CallID)
	return hex.EncodeToString(sum[:6])
}

func onlyCRLF(b []byte) bool {
	for _, c := range b {
		if c != '\r' && c != '\n' {
			return false
		}
	}
	return true
}

func onlyNUL(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
