package transport

import (
	"net/netip"
	"sync"
)

// connections is every TCP connection that is open or being dialled.
type connections struct {
	max          int
	maxPerSource int

	mu        sync.Mutex
	all       map[*connection]struct{}
	byPeer    map[Address]*connection // the latest with that remote address, under its name and without one
	perSource map[netip.Addr]int      // accepted ones
}

func (s *connections) init(limit, perSource int) {
	s.max, s.maxPerSource = limit, perSource
	s.all = make(map[*connection]struct{})
	s.byPeer = make(map[Address]*connection)
	s.perSource = make(map[netip.Addr]int)
}

// add takes c in, unless there are too many.
func (s *connections) add(c *connection) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addLocked(c)
}

func (s *connections) addLocked(c *connection) error {
	source := c.peer.Addr()
	if len(s.all) >= s.max || !c.dialled && s.perSource[source] >= s.maxPerSource {
		return ErrTooMany
	}
	if !c.dialled {
		s.perSource[source]++
	}
	s.all[c] = struct{}{}
	s.byPeer[c.peer] = c
	s.byPeer[c.peer.unnamed()] = c
	return nil
}

// remove forgets c.
func (s *connections) remove(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.all[c]; !known {
		return
	}
	delete(s.all, c)
	s.retireLocked(c)
	if c.dialled {
		return
	}
	source := c.peer.Addr()
	if s.perSource[source]--; s.perSource[source] == 0 {
		delete(s.perSource, source)
	}
}

// retire lets nothing new be sent on c: the next message to its peer dials.
func (s *connections) retire(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retireLocked(c)
}

func (s *connections) retireLocked(c *connection) {
	for _, a := range [...]Address{c.peer, c.peer.unnamed()} {
		if s.byPeer[a] == c {
			delete(s.byPeer, a)
		}
	}
}

// get is the connection to peer, nil when there is none.
func (s *connections) get(peer Address) *connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byPeer[peer]
}

// getOrDial is the connection to peer. When there is none, it is a new one that the caller must dial.
func (s *connections) getOrDial(peer Address, by *Listener) (c *connection, dial bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.byPeer[peer]; c != nil {
		return c, false, nil
	}
	c = newConnection(by.transport, by, peer)
	c.dialled = true
	return c, true, s.addLocked(c)
}

// snapshot is all of them at one moment.
func (s *connections) snapshot() []*connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*connection, 0, len(s.all))
	for c := range s.all {
		all = append(all, c)
	}
	return all
}
