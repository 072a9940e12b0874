package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// How long a client may take. A scrape of this program is a few milliseconds; whoever needs longer is not a scraper.
const (
	headerTimeout  = 5 * time.Second
	answerTimeout  = 10 * time.Second
	idleTimeout    = 60 * time.Second
	maxHeaderBytes = 16 << 10
	maxScrapes     = 8 // at once; more are answered 503
	stopTimeout    = 2 * time.Second
)

// Server answers /metrics, /livez and /readyz, and the pages of other parts. It has no authentication: keep it on loopback or a management network.
type Server struct {
	listener net.Listener
	http     *http.Server
}

// Page is what another part of the house has to say over HTTP, at Path and, when that ends in a slash, below it.
type Page struct {
	Path    string
	Handler http.Handler
}

// Listen binds address, such as 127.0.0.1:9090; port 0 lets the kernel choose. ready says what keeps the gate from taking
// calls; nil is yes. It is asked at every /readyz and must not block.
func Listen(address string, gatherer prometheus.Gatherer, ready func() error, pages ...Page) (*Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("http.listen %s cannot be bound: %w; choose another address or port, or stop what holds it",
			address, err)
	}
	return &Server{
		listener: listener,
		http: &http.Server{
			Handler:           routes(gatherer, ready, pages),
			ReadHeaderTimeout: headerTimeout,
			ReadTimeout:       headerTimeout,
			WriteTimeout:      answerTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			ErrorLog:          log.New(io.Discard, "", 0), // a client that hangs up is no news
		},
	}, nil
}

// Address is where it listens, as host:port.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Run serves until ctx ends. Answers under way get a moment to finish.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("http listener %s: %w", s.Address(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if s.http.Shutdown(grace) != nil {
		_ = s.http.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func routes(gatherer prometheus.Gatherer, ready func() error, pages []Page) http.Handler {
	mux := http.NewServeMux()
	for _, page := range pages {
		mux.Handle(page.Path, page.Handler)
	}
	mux.Handle("GET /metrics", promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{
		EnableOpenMetrics:   true,
		MaxRequestsInFlight: maxScrapes,
		Timeout:             answerTimeout,
	}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			say(w, http.StatusServiceUnavailable, "not ready: "+err.Error())
			return
		}
		say(w, http.StatusOK, "ready")
	})
	return mux
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}
