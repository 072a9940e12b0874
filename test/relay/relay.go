// Package relay is a bad network: it carries UDP between two sides and drops, repeats or reorders what its rules say.
// It reads nothing of what it carries.
package relay

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// holdTime is how long a held packet waits for a successor.
const holdTime = 30 * time.Millisecond

// Relay stands between whoever sends to its front and one address behind its back. It answers the sender who spoke
// last, so each relay serves one socket in front.
type Relay struct {
	front, back *net.UDPConn
	target      netip.AddrPort
	sender      atomic.Pointer[netip.AddrPort]
	running     sync.WaitGroup

	There, Back Counts
}

// Counts says what a direction did to its packets.
type Counts struct{ Passed, Dropped, Repeated, Held atomic.Int64 }

// Start relays between front, where it listens, and target, which it reaches from a port of its own on the address
// from. The rule there decides over packets towards target, back over those that return.
func Start(front netip.AddrPort, from netip.Addr, target netip.AddrPort, there, back Rule) (*Relay, error) {
	f, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(front))
	if err != nil {
		return nil, fmt.Errorf("relay: listen in front: %w", err)
	}
	b, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0)))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("relay: listen behind: %w", err), f.Close())
	}
	r := &Relay{front: f, back: b, target: target}
	r.running.Go(func() { r.carry(f, there, &r.There, r.toTarget, true) })
	r.running.Go(func() { r.carry(b, back, &r.Back, r.toSender, false) })
	return r, nil
}

// Front is the address that the relay answers on.
func (r *Relay) Front() netip.AddrPort { return local(r.front) }

// Behind is the address that the target sees.
func (r *Relay) Behind() netip.AddrPort { return local(r.back) }

func local(c *net.UDPConn) netip.AddrPort {
	a, err := netip.ParseAddrPort(c.LocalAddr().String())
	if err != nil {
		panic("a UDP socket's own address does not parse: " + err.Error())
	}
	return a
}

// Close stops both directions and waits for them.
func (r *Relay) Close() error {
	err := errors.Join(r.front.Close(), r.back.Close())
	r.running.Wait()
	return err
}

// A write that fails is a packet lost, which is what this network does anyway.

func (r *Relay) toTarget(p []byte) { _, _ = r.back.WriteToUDPAddrPort(p, r.target) }

func (r *Relay) toSender(p []byte) {
	if to := r.sender.Load(); to != nil {
		_, _ = r.front.WriteToUDPAddrPort(p, *to)
	}
}

func (r *Relay) carry(c *net.UDPConn, rule Rule, counts *Counts, send func([]byte), learn bool) {
	buf := make([]byte, 65535)
	var held []byte
	release := func() {
		if held != nil {
			send(held)
			held = nil
		}
	}
	for {
		deadline := time.Time{}
		if held != nil {
			deadline = time.Now().Add(holdTime)
		}
		_ = c.SetReadDeadline(deadline) // fails only on a closed socket, which the read reports
		n, from, err := c.ReadFromUDPAddrPort(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // the deadline, or an ICMP error of an earlier write
			release()
			continue
		}
		if learn {
			r.sender.Store(&from)
		}
		switch packet := buf[:n]; rule(packet) {
		case Drop:
			counts.Dropped.Add(1)
			continue
		case Hold:
			if held == nil {
				counts.Held.Add(1)
				held = append([]byte(nil), packet...)
				continue
			}
			fallthrough
		case Pass:
			counts.Passed.Add(1)
			send(packet)
		case Repeat:
			counts.Repeated.Add(1)
			send(packet)
			send(packet)
		}
		release()
	}
}
