package registry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/dnc"
	"github.com/ringfence/ringfence/registry/people"
)

// Store is the registry. It is safe for concurrent use.
type Store struct {
	client   redis.UniversalClient
	ask      func(context.Context, *redis.StringCmd) error // sends a decision's command
	place    place
	embedded *embeddedServer // nil unless the URL is embedded://
	lists    *dnc.Watcher    // nil when opened without lists
	people   *people.Watcher
	operator string
	cause    Cause // why, when it is not the operator's own doing
	keep     time.Duration
	within   time.Duration // bounds a question without a deadline
	log      func(error)
	late     bool          // Open does not insist on a server that answers
	holders  *holders      // shared by all that For returns
	prepared chan struct{} // closed once scripts and lists are where they belong
}

// holders is what this process remembers of reps who hold numbers, so as not to say or count it again and again.
type holders struct {
	sync.Mutex
	known map[gate.Rep]struct{}  // in the set of holders
	mend  map[gate.Rep]time.Time // when those who seem to hold too many may be counted anew
}

var _ gate.Registry = (*Store)(nil)

// Option changes how a Store is opened.
type Option func(*Store)

// WithLog takes what goes wrong in the background; default: nothing is done with it.
func WithLog(log func(error)) Option { return func(s *Store) { s.log = log } }

// WithOperator names who changes owners, refusals and listings; default: the user this process runs as.
func WithOperator(name string) Option { return func(s *Store) { s.operator = name } }

// WithKeep says how long records live that come without terms of their own; default 30 days.
func WithKeep(keep time.Duration) Option { return func(s *Store) { s.keep = keep } }

// WithoutLists leaves the bulk do-not-call lists where they are: for commands that never ask Listed.
func WithoutLists() Option { return func(s *Store) { s.lists = nil } }

// WithLateServer makes Open succeed though the server cannot be reached: a gate must carry emergency and internal calls
// whatever else is down. Run goes on trying. Until the lists have been read once, Decide answers gate.ErrListsUnknown.
func WithLateServer() Option { return func(s *Store) { s.late = true } }

const defaultKeep = 30 * 24 * time.Hour

// Open connects, hands the scripts to the server and, unless told otherwise, reads the bulk lists, so that a gate never
// serves without them. It fails when the server does not answer before ctx ends, unless that may be late; when the server
// answers no, it always fails.
func Open(ctx context.Context, cfg Config, options ...Option) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Store{operator: systemUser(), keep: defaultKeep, within: decideWithin, log: func(error) {}, holders: &holders{}, prepared: make(chan struct{})}
	var err error
	if s.place, err = parseURL(cfg.URL); err != nil {
		return nil, err
	}
	if s.place.topology == embedded {
		if s.embedded, err = startEmbedded(); err != nil {
			return nil, err
		}
		s.place, s.within = s.embedded.place(), decideWithinEmbedded
	}
	if s.client, err = newClient(s.place, cfg); err != nil {
		s.embedded.close()
		return nil, err
	}
	s.ask = (&together{client: s.client}).do
	if s.place.topology == cluster { // whose pipelines are sent again when a server is lost
		s.ask = func(ctx context.Context, cmd *redis.StringCmd) error { return s.client.Process(ctx, once{cmd}) }
	}
	s.lists = dnc.NewWatcher(s.client, func(err error) { s.log(err) })
	s.people = people.NewWatcher(s.client, func(err error) { s.log(fmt.Errorf("registry: %w", err)) })
	for _, option := range options {
		option(s)
	}
	err = s.prepare(ctx)
	var no redis.Error
	switch {
	case err == nil:
	case s.late && !errors.As(err, &no):
		s.log(fmt.Errorf("%w; outside calls are refused until it does, and it is asked again every second", err))
	default:
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Prepared is closed once the server has answered and the lists and the people have been read.
func (s *Store) Prepared() <-chan struct{} { return s.prepared }

func (s *Store) isPrepared() bool {
	select {
	case <-s.prepared:
		return true
	default:
		return false
	}
}

func (s *Store) prepare(ctx context.Context) error {
	if err := s.Ping(ctx); err != nil {
		return fmt.Errorf("%w; is Redis running there, and may this user log in?", err)
	}
	if err := loadScripts(ctx, s.client); err != nil {
		return err
	}
	if s.lists != nil {
		if err := s.lists.Refresh(ctx); err != nil {
			return fmt.Errorf("registry: reading the do-not-call lists: %w", err)
		}
	}
	if err := s.people.Refresh(ctx); err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	close(s.prepared)
	return nil
}

// prepareEvery is how often a server that is late is asked.
const prepareEvery = time.Second

// Run keeps the bulk lists and the people fresh until ctx ends, once a late server has come.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(prepareEvery)
	defer tick.Stop()
	for !s.isPrepared() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			_ = s.prepare(ctx) // Open has said what is wrong; Prepared says when it no longer is
		}
	}
	follow, ctx := errgroup.WithContext(ctx)
	follow.Go(func() error { return s.people.Run(ctx) })
	follow.Go(func() error {
		if err := s.Adopt(ctx); err != nil && ctx.Err() == nil {
			s.log(err) // it is tried again at the next start
		}
		return nil
	})
	if s.lists != nil {
		follow.Go(func() error { return s.lists.Run(ctx) })
	}
	return follow.Wait()
}

// Close ends every connection, and the embedded server with all it holds.
func (s *Store) Close() error {
	err := s.client.Close()
	s.embedded.close()
	return err
}

// Ping asks the server for a sign of life.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("registry: %s does not answer: %w", s.place, err)
	}
	return nil
}

// URL is how other processes reach this registry. User and password are left out.
func (s *Store) URL() string { return s.place.String() }

// Embedded says whether the registry lives in this process and keeps nothing.
func (s *Store) Embedded() bool { return s.embedded != nil }

// Client is the connection, for the commands of package dnc.
func (s *Store) Client() redis.UniversalClient { return s.client }

// People is who works here, as this process knows it.
func (s *Store) People() *people.Watcher { return s.people }

// Lists is what the bulk lists hold now, for metrics; nil when the Store was opened without them.
func (s *Store) Lists() *dnc.Watcher { return s.lists }

// Listed answers from the bulk lists in memory.
func (s *Store) Listed(n gate.Number) (gate.Listing, bool) {
	if s.lists == nil {
		return gate.Listing{}, false
	}
	list, version, ok := s.lists.Listed(n.Digits())
	return gate.Listing{List: list, Version: version}, ok
}

func systemUser() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	if name := os.Getenv("USER"); name != "" {
		return name
	}
	return "operator"
}
