// Package transport moves SIP messages between sockets and the transaction layer (RFC 3261 §18). sipgo's read loops run
// on sockets that this package binds; its read filter takes every byte before sipgo's own parser, address pool and log
// see any. Whole messages go to a Handler in the reader's own goroutine, so that their order is kept. Sending is direct:
// UDP from the very socket that listens, TCP and TLS through one writer for each connection.
//
// It knows neither transactions nor calls, and never looks at what a message asks for.
package transport

import (
	"context"
	"crypto/x509"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringfence/ringfence/sip/guard"
	"github.com/ringfence/ringfence/sip/message"
)

// Why something was not sent.
var (
	ErrConnectionGone = errors.New("the TCP connection is gone")
	ErrQueueFull      = errors.New("the peer reads too slowly: its TCP send queue is full")
	ErrTooMany        = errors.New("too many TCP connections are open")
	ErrClosed         = errors.New("the transport is closed")
)

// Why something was dropped on its way in: the closed set that Config.Dropped is told.
const (
	DropSource        = "source"         // Config.Admit said no
	DropMalformed     = "malformed"      // not SIP, or SIP that cannot be answered
	DropSTUN          = "stun"           // a STUN keep-alive, which is not for us
	DropOversize      = "oversize"       // longer than Config.MaxMessage
	DropFrame         = "frame"          // a TCP stream without message boundaries, or a message that was never finished
	DropConnectionCap = "connection_cap" // more TCP connections than Config allows
	DropHandshake     = "handshake"      // a TLS or WebSocket handshake that failed or was not finished
)

// Drops lists every reason that Config.Dropped is told.
func Drops() []string {
	return []string{DropSource, DropMalformed, DropSTUN, DropOversize, DropFrame, DropConnectionCap, DropHandshake}
}

// Source is who sent a message and the way back to it.
type Source struct {
	Address                // where it came from; a response over UDP goes to its AddrPort
	Listener   *Listener   // the socket it came in by
	connection *connection // all but UDP
}

// Certificate is the client certificate that whoever connected to us proved to own, checked against the configured
// authorities; nil without one.
func (s Source) Certificate() *x509.Certificate {
	if s.connection == nil {
		return nil
	}
	return s.connection.certificate
}

// Handler takes what came in. Both methods run in a reader's goroutine: while one runs, nothing else from that socket
// or connection is read, so they must not block.
type Handler interface {
	// Receive takes a well-formed message.
	Receive(m *message.Message, from Source)

	// Malformed takes a request that must be refused and can be answered; what cannot be answered is dropped. The
	// answer must be given before Malformed returns: a TCP stream that has lost its message boundaries closes then.
	Malformed(m *message.Message, from Source, fault *message.Fault)
}

// Config is what a Transport is made of. Comments give the default, which the zero value means.
type Config struct {
	Handler  Handler
	Admit    func(Address) bool            // who may send us anything, asked before a byte is read closer; everybody
	Look     func([]byte, Source) bool     // a first look at a whole message before it is read; false: it is not; all are
	Dropped  func(why string)              // told of every drop, for the metrics; nobody
	Panicked func(value any, stack []byte) // told when Handler panicked on a message; nobody
	Stopped  func()                        // told when a listener stopped reading and is begun again; nobody
	Log      zerolog.Logger

	Certificates *Certificates // what TLS shows and believes; nothing, and the system's authorities
	Origins      []string      // pages that may open a WebSocket, such as https://phone.example.com; any

	MaxMessage     int           // bytes of a message; 64 KiB
	MaxConnections int           // TCP connections in total, dialled ones included; 8192
	MaxPerSource   int           // TCP connections accepted from one IP address, which may be a whole office; 1024
	FirstMessage   time.Duration // for an accepted TCP connection to say something; 30s
	Handshake      time.Duration // for the TLS and WebSocket handshakes of an accepted connection; 10s
	HalfSent       time.Duration // for a message on TCP to come in whole; 10s
	Ping           time.Duration // how often a WebSocket is pinged; 30s
	Idle           time.Duration // how long a TCP connection may be silent; 2h
	Dial           time.Duration // for a TCP connection to be made, TLS handshake included; 4s
	Write          time.Duration // for TCP to take what is queued; 5s
	Unacknowledged time.Duration // how long a TCP peer may acknowledge nothing that was sent; 20s
	QueueBytes     int           // bytes that may wait for one TCP connection; 256 KiB
	Pace           guard.Rate    // messages a second on one TCP connection, above which it is read more slowly; no limit
	QueueDelay     time.Duration // how long a datagram may wait before Source.Late says so; for ever
}

func (c *Config) setDefaults() {
	orDefault(&c.MaxMessage, 64<<10)
	orDefault(&c.MaxConnections, 8192)
	orDefault(&c.MaxPerSource, 1024)
	orDefault(&c.FirstMessage, 30*time.Second)
	orDefault(&c.Handshake, 10*time.Second)
	orDefault(&c.HalfSent, 10*time.Second)
	orDefault(&c.Ping, 30*time.Second)
	orDefault(&c.Idle, 2*time.Hour)
	orDefault(&c.Dial, 4*time.Second)
	orDefault(&c.Write, 5*time.Second)
	orDefault(&c.Unacknowledged, 20*time.Second)
	orDefault(&c.QueueBytes, 256<<10)
	if c.Admit == nil {
		c.Admit = func(Address) bool { return true }
	}
	if c.Look == nil {
		c.Look = func([]byte, Source) bool { return true }
	}
	if c.Dropped == nil {
		c.Dropped = func(string) {}
	}
	if c.Panicked == nil {
		c.Panicked = func(any, []byte) {}
	}
	if c.Stopped == nil {
		c.Stopped = func() {}
	}
}

func orDefault[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Transport is all listeners and connections of one proxy.
type Transport struct {
	config      Config
	log         *lineLimiter
	listeners   []*Listener // fixed once Serve runs
	connections connections
	routes      routes

	certificates atomic.Pointer[Certificates] // replaced while connections live

	open  context.Context // until the transport closes: what a dial in the background lives under
	abort context.CancelFunc
	ready atomic.Bool // Serve runs

	mu      sync.Mutex
	serving bool
	closed  bool
	tasks   sync.WaitGroup // dials, writers and TCP readers
}

// New makes a Transport that listens nowhere yet.
func New(c Config) *Transport {
	c.setDefaults()
	t := &Transport{config: c, log: &lineLimiter{log: c.Log}}
	t.open, t.abort = context.WithCancel(context.Background())
	t.connections.init(c.MaxConnections, c.MaxPerSource)
	t.routes.kernel.init()
	t.UseCertificates(c.Certificates)
	return t
}

// Ready says whether Serve runs and every listener listens.
func (t *Transport) Ready() bool {
	if !t.ready.Load() {
		return false
	}
	for _, l := range t.listeners {
		if !l.up.Load() {
			return false
		}
	}
	return true
}

// spawn runs task in a goroutine that Serve waits for, unless the transport is closed.
func (t *Transport) spawn(task func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.tasks.Go(task)
	return true
}
