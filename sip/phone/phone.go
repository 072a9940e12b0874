// Package phone holds the user agents that come with Ringfence: a phone, the outside world behind a trunk (Callee) and
// a small PBX with a registrar. The demonstration and the tests place real calls with them. They carry signalling
// only: their SDP is valid and says inactive. They know neither the gate nor the registry.
package phone

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// Config describes one phone.
type Config struct {
	User      string        // user part of its address: the rep's id or extension
	Display   string        // shown to the other side; default: User
	Transport string        // udp | tcp | tls: how its requests leave; every phone hears the first two. Default udp
	Listen    string        // host:port of both its sockets; default 127.0.0.1:0, the kernel chooses
	Proxy     string        // host:port that its calls and its REGISTER go to; "": straight to the dialled host
	TLS       *tls.Config   // whom it believes; with a certificate it shows that, and hears TLS as well
	Talk      time.Duration // how long Call keeps an answered call up before it hangs up
}

// Phone is a user agent that can place and take any number of calls at once.
type Phone struct {
	cfg    Config
	line   *line
	ua     *sipgo.UserAgent
	client *sipgo.Client

	mu        sync.Mutex
	legs      map[legKey]*leg // calls that are up, by dialog
	answers   map[string]Behaviour
	behaviour Behaviour
	received  []Invite
	arrived   chan struct{} // closed and replaced with every INVITE that arrives

	life   context.Context // ends with Close
	stop   context.CancelFunc
	closed bool
	busy   sync.WaitGroup // handlers and calls that run
}

// New starts a phone. It answers every call at once until Answer says otherwise.
func New(cfg Config) (*Phone, error) {
	cfg = cfg.withDefaults()
	if !slices.Contains([]string{"udp", "tcp", "tls"}, cfg.Transport) {
		return nil, fmt.Errorf("phone %s: transport %q is none of udp, tcp and tls", cfg.User, cfg.Transport)
	}
	p := &Phone{
		cfg:       cfg,
		legs:      map[legKey]*leg{},
		answers:   map[string]Behaviour{},
		behaviour: AnswerAfter(0),
		arrived:   make(chan struct{}),
	}
	p.life, p.stop = context.WithCancel(context.Background())
	if err := p.start(); err != nil {
		return nil, fmt.Errorf("phone %s: %w", cfg.User, err)
	}
	return p, nil
}

func (c Config) withDefaults() Config {
	if c.Transport == "" {
		c.Transport = "udp"
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	if c.Display == "" {
		c.Display = c.User
	}
	return c
}

func (p *Phone) start() error {
	var err error
	if p.ua, err = sipgo.NewUA(
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(quiet), sip.WithTransportLayerReadFilter(p.hear)),
		sipgo.WithUserAgentTransactionLayerOptions(sip.WithTransactionLayerLogger(quiet)),
		sipgo.WithUserAgenTLSConfig(p.cfg.TLS),
	); err != nil {
		return err
	}
	server, err := sipgo.NewServer(p.ua, sipgo.WithServerLogger(quiet))
	if err != nil {
		return err
	}
	p.handle(server)
	if p.line, err = bind(p.cfg.Listen); err != nil {
		return err
	}
	if p.cfg.TLS != nil && len(p.cfg.TLS.Certificates) > 0 {
		if err := p.line.bindSecure(p.cfg.TLS); err != nil {
			return errors.Join(err, p.line.close())
		}
	}
	// rport (RFC 3581): an answer finds its way back through the port the request left from.
	p.client, err = sipgo.NewClient(p.ua, sipgo.WithClientLogger(quiet), sipgo.WithClientAddr(p.line.address()), sipgo.WithClientNAT())
	if err != nil {
		return errors.Join(err, p.line.close())
	}
	p.line.serve(p.ua.TransportLayer())
	return nil
}

// Address is the host:port the phone listens on, for UDP and TCP alike.
func (p *Phone) Address() string { return p.line.address() }

// SecureAddress is the host:port the phone listens on for TLS; "" without a certificate.
func (p *Phone) SecureAddress() string { return p.line.secureAddress() }

// User is the user part of the phone's address.
func (p *Phone) User() string { return p.cfg.User }

// Close ends the phone without a word to the other side of its calls; Hangup says goodbye. No goroutine is left.
func (p *Phone) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	p.stop()
	p.mu.Unlock()

	// First our own goroutines: what is sent after sipgo has forgotten its sockets would open others.
	p.busy.Wait()
	err := errors.Join(p.ua.Close(), p.line.close())
	// A request that was read just before runs in a goroutine of sipgo's that nobody can wait for, and opens a socket
	// of its own when it finds ours gone. This closes that one too.
	time.AfterFunc(sweepAfter, func() { _ = p.ua.TransportLayer().Close() })
	return err
}

// sweepAfter is long for a goroutine that only waits for its turn.
const sweepAfter = 100 * time.Millisecond

// hear drops what comes once the phone is closing.
func (p *Phone) hear(_ sip.TransportReadProps, data []byte) ([]byte, error) {
	if p.life.Err() != nil {
		return nil, nil
	}
	return data, nil
}

// do sends a request and waits for its final response, not beyond the end of the phone.
func (p *Phone) do(ctx context.Context, req *sip.Request) (*sip.Response, error) {
	if !p.enter() {
		return nil, errClosed
	}
	defer p.busy.Done()
	ctx, cancel := context.WithTimeout(ctx, goodbye)
	defer cancel()
	defer context.AfterFunc(p.life, cancel)()
	return p.client.Do(ctx, req, asBuilt)
}

var errClosed = errors.New("the phone is closed")

// goodbye bounds how long a phone waits for the answer to anything but an INVITE.
const goodbye = 4 * time.Second

// enter counts in a goroutine that Close must wait for; it refuses when the phone is closing.
func (p *Phone) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.busy.Add(1)
	return true
}

// Hangup ends every call that is up, in whichever direction it was set up.
func (p *Phone) Hangup(ctx context.Context) error {
	p.mu.Lock()
	up := make([]*leg, 0, len(p.legs))
	for _, l := range p.legs {
		up = append(up, l)
	}
	p.mu.Unlock()
	var errs []error
	for _, l := range up {
		errs = append(errs, l.bye(ctx))
	}
	return errors.Join(errs...)
}

// domain is the host part of the phone's own address and of the numbers it dials.
func (p *Phone) domain() string {
	if host, _, err := net.SplitHostPort(p.cfg.Proxy); err == nil {
		return host
	}
	host, _, _ := net.SplitHostPort(p.Address())
	return host
}

// self is the address of record: sip:user@domain.
func (p *Phone) self() sip.Uri {
	return sip.Uri{Scheme: "sip", User: p.cfg.User, Host: p.domain()}
}

// contact is where the phone can be reached. A phone without a user of its own answers as whoever was called, which is
// a user part as it came.
func (p *Phone) contact(called string) *sip.ContactHeader {
	at := p.Address()
	if p.cfg.Transport == "tls" && p.SecureAddress() != "" {
		at = p.SecureAddress()
	}
	host, port, _ := net.SplitHostPort(at)
	n, _ := strconv.Atoi(port)
	user, display := p.cfg.User, p.cfg.Display
	if user == "" {
		user, display = called, unescape(called)
	}
	uri := sip.Uri{Scheme: "sip", User: user, Host: host, Port: n}
	if p.cfg.Transport != "udp" {
		uri.UriParams.Add("transport", p.cfg.Transport)
	}
	return &sip.ContactHeader{DisplayName: quotable(display), Address: uri}
}

// quotable makes s fit into a quoted string, RFC 3261 §25.1.
func quotable(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", " ", "\n", " ").Replace(s)
}
