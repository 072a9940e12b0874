package sip

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/metrics"
	"github.com/ringfence/ringfence/sip/answer"
	"github.com/ringfence/ringfence/sip/guard"
	"github.com/ringfence/ringfence/sip/identity"
	"github.com/ringfence/ringfence/sip/message"
	"github.com/ringfence/ringfence/sip/proxy"
	"github.com/ringfence/ringfence/sip/transaction"
	"github.com/ringfence/ringfence/sip/transport"
)

// Options is what a Server works with.
type Options struct {
	Gate        *gate.Gate
	Directory   identity.Directory // digest users beyond sip.digest.users_file; may be nil
	Metrics     *metrics.Metrics
	Log         zerolog.Logger
	FullNumbers bool                // show whole numbers in the log
	Language    string              // en | zh: the texts that reps read
	Observe     func(gate.Decision) // told of every decision; may be nil
}

// Server is the SIP side of the gate.
type Server struct {
	cfg       Config
	options   Options
	transport *transport.Transport
	layer     *transaction.Layer
	proxy     *proxy.Proxy
	listeners []*transport.Listener
	issuer    *answer.Issuer // nil when the gate serves no card
	watch     *watch
	stop      context.CancelFunc // ends what the proxy asks on behalf of calls
}

// New binds every listener; nothing is read before Run. A Server that is not run must be closed.
func New(cfg Config, o Options) (*Server, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	keys, err := cfg.keys(o.Log)
	if err != nil {
		return nil, err
	}
	issuer, err := cfg.issuer(o.Log)
	if err != nil {
		return nil, err
	}
	life, stop := context.WithCancel(context.Background())
	s := &Server{cfg: cfg, options: o, issuer: issuer, stop: stop}
	certificates, err := s.certificates(cfg.TLS)
	if err != nil {
		stop()
		return nil, err
	}
	s.watch = &watch{resolver: cfg.resolver(life), log: o.Log, ping: func(ctx context.Context, t *proxy.Target, every time.Duration) {
		s.proxy.Ping(ctx, s.layer, t, every)
	}}
	routing, targets, err := s.watch.next(cfg, o.Language)
	if err != nil {
		stop()
		return nil, err
	}
	s.watch.adopt(targets)
	s.transport = transport.New(transport.Config{
		Handler:  s,
		Admit:    func(a transport.Address) bool { return s.proxy.Admit(a) },
		Look:     func(raw []byte, from transport.Source) bool { return s.proxy.Look(raw, from) },
		Dropped:  o.Metrics.Dropped,
		Panicked: s.panicked,
		Stopped:  o.Metrics.ListenerRestarted,
		Log:      o.Log,

		Certificates:   certificates,
		Origins:        cfg.WebSocket.Origins,
		MaxConnections: cfg.Limits.Connections, MaxPerSource: cfg.Limits.ConnectionsPerSource, Pace: cfg.Limits.ConnectionRate,
		FirstMessage: cfg.Limits.FirstMessage.Std(), HalfSent: cfg.Limits.HalfSent.Std(), QueueDelay: cfg.Limits.QueueDelay.std(),
	})
	sources := guard.NewSources(time.Now())
	o.Metrics.BannedNow(func() int { return sources.BannedNow(time.Now()) })
	s.proxy = proxy.New(life, proxy.Config{
		Gate: o.Gate, Metrics: o.Metrics, Log: o.Log, Transport: s.transport, Keys: keys, Routing: routing, Directory: o.Directory,
		Sources: sources, Wait: cfg.Limits.QueueDelay.std(), Advertise: cfg.Advertise, Full: o.FullNumbers, Observe: o.Observe, Resolve: s.locate,
		Timers: proxy.Timers{C: cfg.Timers.TimerC.Std(), NoAnswer: cfg.Timers.NoAnswer.Std(), Trying: cfg.Timers.Trying.Std(), Penalty: cfg.DNS.Penalty.Std()},
	})
	s.layer = transaction.New(transaction.Config{
		User: s.proxy, Sender: s.transport, Timers: transaction.Timers{T1: time.Duration(cfg.Timers.T1)},
		Panicked: s.panicked, Retransmitted: o.Metrics.Retransmission, Stray: o.Metrics.Dropped,
		Silence: sources,
	})
	s.proxy.Known = s.layer.Known
	for i, l := range cfg.Listen {
		address, err := parseListen(l)
		if err == nil {
			var listener *transport.Listener
			if listener, err = s.transport.Listen(address); err == nil {
				s.listeners = append(s.listeners, listener)
				continue
			}
		}
		return nil, errors.Join(fmt.Errorf("sip.listen[%d]: %w", i, err), s.Close())
	}
	return s, nil
}

// Receive implements transport.Handler.
func (s *Server) Receive(m *message.Message, from transport.Source) { s.layer.Receive(m, from) }

// Malformed implements transport.Handler.
func (s *Server) Malformed(m *message.Message, from transport.Source, fault *message.Fault) {
	s.proxy.Malformed(m, from, fault)
}

func (s *Server) panicked(v any, stack []byte) {
	s.options.Metrics.Panicked()
	s.options.Log.Error().Str("panic", fmt.Sprint(v)).Bytes("stack", stack).Msg("a message failed inside the gate; please report this")
}

// Run serves until ctx ends, and closes every socket on its way out.
func (s *Server) Run(ctx context.Context) error {
	defer s.stop()
	g, ctx := errgroup.WithContext(ctx)
	found := make(chan struct{})
	g.Go(func() error { s.watch.run(ctx, func() { close(found) }); return nil })
	g.Go(func() error { return s.layer.Run(ctx) })
	g.Go(func() error {
		<-found // calls that come earlier wait in the kernel: at most firstLookup
		return s.transport.Serve(ctx)
	})
	return g.Wait()
}

// Close lets go of the sockets of a Server that was never run. It is an io.Closer for the sake of its callers.
func (s *Server) Close() error {
	s.stop()
	s.transport.Close()
	return nil
}

// Addresses are what the listeners are bound to, in the order of sip.listen, such as "udp://127.0.0.1:5060".
func (s *Server) Addresses() []string {
	var all []string
	for _, l := range s.listeners {
		all = append(all, l.Address().String())
	}
	return all
}

// CardIssuer serves the card that answer profile 608 points to; nil when another server does, or nobody.
func (s *Server) CardIssuer() http.Handler {
	if s.issuer == nil {
		return nil
	}
	return s.issuer
}

// Ready is nil while every listener is being read and there is somewhere to send calls to.
func (s *Server) Ready() error {
	if !s.transport.Ready() {
		return errors.New("a SIP listener is down")
	}
	if !s.proxy.Reachable() {
		return errors.New("no trunk has an address: their names are not found")
	}
	return nil
}

// Trunks says of each trunk whether it can be used now, in order of priority.
func (s *Server) Trunks() []metrics.Trunk { return s.proxy.Trunks() }

// Drain refuses new calls with 503 and lets those that are up go on.
func (s *Server) Drain() { s.proxy.Drain() }

// Transactions is how many SIP transactions are held, finished ones that linger included.
func (s *Server) Transactions() int { return s.layer.Size() }

// Active is how many of them still wait for something: a final response or its ACK.
func (s *Server) Active() int { return s.layer.Active() }

// Reload takes a new configuration over at once: peers, trunks, extensions, digest users and certificates. What is bound or
// signed at the start cannot change; such a change is refused by name and the old configuration stays. So it does when a
// name that is new is not found.
func (s *Server) Reload(cfg Config) error {
	cfg = cfg.withDefaults()
	if err := errors.Join(cfg.Validate(), s.cfg.sameStatic(cfg)); err != nil {
		return err
	}
	routing, targets, err := s.watch.next(cfg, s.options.Language)
	if err != nil {
		return err
	}
	certificates, err := s.certificates(cfg.TLS)
	if err != nil {
		return err
	}
	if err := s.watch.find(context.Background(), targets); err != nil {
		return fmt.Errorf("a name in the new configuration is not found: %w", err)
	}
	s.proxy.Reroute(routing)
	s.transport.UseCertificates(certificates)
	s.watch.adopt(targets)
	return nil
}

// locate finds where a URI leads that a request carries.
func (s *Server) locate(ctx context.Context, u message.URI) ([]proxy.Hop, error) {
	q := queryOf(u)
	a, err := s.watch.resolver.Locate(ctx, q)
	return hops(q.Host, a), err
}

// parseListen reads "udp://host:port"; the host is a literal address.
func parseListen(s string) (transport.Address, error) {
	a, err := transport.ParseAddress(s)
	if err != nil {
		return a, fmt.Errorf("%q: %w (write udp://ADDRESS:PORT, or tcp, tls, ws or wss in the place of udp)", s, err)
	}
	return a, nil
}
