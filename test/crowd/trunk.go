package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// ringing is the number that is never answered, only cancelled.
const ringing = "sip:112@"

// trunk rings and answers at once whoever calls.
type trunk struct {
	*socket
	at      netip.AddrPort
	cancels map[string][]byte // INVITEs to ringing by what names their transaction
	running sync.WaitGroup
}

func openTrunk(at netip.AddrPort) (*trunk, error) {
	s, err := openSocket(at)
	if err != nil {
		return nil, err
	}
	t := &trunk{socket: s, at: at, cancels: map[string][]byte{}}
	t.running.Go(t.serve)
	return t, nil
}

// Close ends it.
func (t *trunk) Close() error {
	err := t.socket.Close()
	t.running.Wait()
	return err
}

func (t *trunk) serve() {
	var out outgoing
	for {
		all, err := t.receive(time.Time{})
		if errors.Is(err, net.ErrClosed) {
			return
		}
		for i := range all {
			t.answer(&out, all[i].Buffers[0][:all[i].N], all[i].Addr)
		}
		_ = t.send(&out) // what is lost is counted by who waits for it
	}
}

func (t *trunk) answer(out *outgoing, m []byte, to net.Addr) {
	switch word, _, _ := bytes.Cut(m, []byte(" ")); string(word) {
	case "INVITE":
		out.add(t.respond(out.next(), m, "180 Ringing", ""), to)
		if bytes.Contains(m[:min(len(m), 64)], []byte(ringing)) {
			t.cancels[string(header(m, "Via"))] = bytes.Clone(m)
			return
		}
		out.add(t.respond(out.next(), m, "200 OK", sdp), to)
	case "CANCEL":
		out.add(t.respond(out.next(), m, "200 OK", ""), to)
		if invite := t.cancels[string(header(m, "Via"))]; invite != nil {
			out.add(t.respond(out.next(), invite, "487 Request Terminated", ""), to)
			delete(t.cancels, string(header(m, "Via")))
		}
	case "ACK":
	default:
		out.add(t.respond(out.next(), m, "200 OK", ""), to)
	}
}

// respond is RFC 3261 §8.2.6: the headers that a response takes over from its request, in their order.
func (t *trunk) respond(b, request []byte, line, body string) []byte {
	b = append(append(append(b, "SIP/2.0 "...), line...), "\r\n"...)
	section, _, _ := bytes.Cut(request, []byte("\r\n\r\n"))
	for l := range bytes.SplitSeq(section, []byte("\r\n")) {
		name, _, _ := bytes.Cut(l, []byte(":"))
		switch string(name) {
		case "Via", "Record-Route", "From", "Call-ID", "CSeq":
			b = append(append(b, l...), "\r\n"...)
		case "To":
			b = append(b, l...)
			if !bytes.Contains(l, []byte("tag=")) {
				b = append(b, ";tag=trunk"...)
			}
			b = append(b, "\r\n"...)
		}
	}
	b = fmt.Appendf(b, "Contact: <sip:callee@%v>\r\n", t.at)
	if body != "" {
		b = append(b, "Content-Type: application/sdp\r\n"...)
	}
	return fmt.Appendf(b, "Content-Length: %d\r\n\r\n%s", len(body), body)
}
