package main

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/ringfence/ringfence/test/site"
)

// How a call goes on: it is held for a while; a BYE that is not answered is sent again, as RFC 3261 §17.1.2.2 has it.
const (
	hold   = 200 * time.Millisecond
	again  = 500 * time.Millisecond
	tries  = 6
	linger = 700 * time.Millisecond // of silence: what has not come by then does not come
	tick   = time.Millisecond
)

// behind is how much a sender that was not scheduled may make good at once; the rest was never offered.
const behind = 20 * time.Millisecond

// call is one of the crowd.
type call struct {
	sent  time.Duration // since the offering began
	first time.Duration // until the first answer of consequence: 180 or a final one
	final int           // its status; 0: none yet
	ended bool          // its BYE was answered
}

// bye is a call that is up.
type bye struct {
	n     int
	due   time.Duration
	tries int
	b     []byte
}

// callers are those of one offering.
type callers struct {
	parties
	*socket
	o     site.Offering
	to    net.Addr
	began time.Time

	mu       sync.Mutex
	calls    []call
	byes     []bye // in the order in which they are due
	repeated int
	open     int           // calls that something is missing of
	heard    time.Duration // when something came last
	over     bool
}

// offer makes the calls and waits until they are over.
func offer(s *socket, gate netip.AddrPort, o site.Offering) (became site.Became, err error) {
	at := s.LocalAddr().(*net.UDPAddr).AddrPort()
	c := &callers{socket: s, o: o, to: net.UDPAddrFromAddrPort(gate), began: time.Now()}
	c.parties = parties{at: at, gate: gate, run: c.began.UnixNano()}
	c.calls = make([]call, 0, int(float64(o.Rate)*o.For.Seconds()))
	var heard error
	var hearing sync.WaitGroup
	hearing.Go(func() { heard = c.hear() })
	err = c.speak()
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	hearing.Wait()
	if err == nil {
		err = heard
	}
	return c.count(), err
}

// speak sends what is due, every tick, until all calls are made and over.
func (c *callers) speak() error {
	clock := time.NewTicker(tick)
	defer clock.Stop()
	var out outgoing
	credit, last := 0.0, time.Duration(0)
	for range clock.C {
		now := time.Since(c.began)
		c.mu.Lock()
		if now < c.o.For {
			credit += float64(c.o.Rate) * min(now-last, behind).Seconds()
			for ; credit >= 1; credit-- {
				n := len(c.calls)
				c.calls = append(c.calls, call{sent: now})
				c.open++
				out.add(c.invite(out.next(), n, c.number(n)), c.to)
			}
		}
		last = now
		c.hangUp(&out, now)
		over := now > c.o.For && (c.open == 0 || now > max(c.heard, c.o.For)+linger)
		c.mu.Unlock()
		if err := c.send(&out); err != nil || over {
			return err
		}
	}
	return nil
}

func (c *callers) number(n int) uint64 { return c.o.First + uint64(n%c.o.Many) }

// hangUp sends the BYEs that are due. c.mu is held.
func (c *callers) hangUp(out *outgoing, now time.Duration) {
	for len(c.byes) > 0 && c.byes[0].due <= now {
		b := c.byes[0]
		c.byes = c.byes[1:]
		if c.calls[b.n].ended || b.tries == tries {
			continue
		}
		if b.tries > 0 {
			c.repeated++
		}
		out.add(append(out.next(), b.b...), c.to)
		b.due, b.tries = now+again, b.tries+1
		i, _ := slices.BinarySearchFunc(c.byes, b.due, func(x bye, due time.Duration) int { return int(x.due - due) })
		c.byes = slices.Insert(c.byes, i, b)
	}
}

// hear takes answers until speak is over.
func (c *callers) hear() error {
	var out outgoing
	for {
		all, err := c.receive(time.Now().Add(50 * time.Millisecond))
		if err != nil {
			return err
		}
		c.mu.Lock()
		if c.over {
			c.mu.Unlock()
			return nil
		}
		now := time.Since(c.began)
		for i := range all {
			c.take(&out, all[i].Buffers[0][:all[i].N], now)
		}
		c.mu.Unlock()
		if err := c.send(&out); err != nil {
			return err
		}
	}
}

// take does what a phone does with a response. c.mu is held.
func (c *callers) take(out *outgoing, m []byte, now time.Duration) {
	n, code := serial(m), status(m)
	if n < 0 || n >= len(c.calls) || code <= 100 || !bytes.Contains(value(m, "Call-ID"), c.mark()) {
		return
	}
	c.heard = now
	call := &c.calls[n]
	switch of := method(m); {
	case of == "BYE" && code >= 200 && !call.ended:
		call.ended = true
		c.open--
	case of != "INVITE":
	case code < 200:
		if call.first == 0 {
			call.first = now - call.sent
		}
	default:
		c.settle(out, m, n, code, now)
	}
}

// settle acknowledges a final response, and notes the first one of a call. c.mu is held.
func (c *callers) settle(out *outgoing, m []byte, n, code int, now time.Duration) {
	call := &c.calls[n]
	fresh := call.final == 0
	if !fresh {
		c.repeated++
	}
	if fresh && call.first == 0 {
		call.first = now - call.sent
	}
	if code >= 300 {
		out.add(c.acknowledge(out.next(), n, c.number(n), m), c.to)
		if fresh {
			call.final = code
			c.open--
		}
		return
	}
	out.add(c.within(out.next(), "ACK", 1, n, m), c.to)
	if fresh {
		call.final = code
		c.byes = append(c.byes, bye{n: n, due: now + hold, b: c.within(nil, "BYE", 2, n, m)})
	}
}
