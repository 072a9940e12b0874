package registry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/dnc"
)

// Store is the registry. It is safe for concurrent use.
type Store struct {
	client   redis.UniversalClient
	place    place
	embedded *embeddedServer // nil unless the URL is embedded://
	lists    *dnc.Watcher    // nil when opened without lists
	operator string
	keep     time.Duration
	within   time.Duration // bounds a question without a deadline
	log      func(error)
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

const defaultKeep = 30 * 24 * time.Hour

// Open connects, hands the scripts to the server and, unless told otherwise, reads the bulk lists, so that a gate never
// serves without them. It fails when the server does not answer before ctx ends.
func Open(ctx context.Context, cfg Config, options ...Option) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Store{operator: systemUser(), keep: defaultKeep, within: decideWithin, log: func(error) {}}
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
	s.lists = dnc.NewWatcher(s.client, func(err error) { s.log(err) })
	for _, option := range options {
		option(s)
	}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) prepare(ctx context.Context) error {
	if err := s.Ping(ctx); err != nil {
		return fmt.Errorf("%w; is Redis running there, and may this user log in?", err)
	}
	if err := loadScripts(ctx, s.client); err != nil {
		return err
	}
	if s.lists == nil {
		return nil
	}
	if err := s.lists.Refresh(ctx); err != nil {
		return fmt.Errorf("registry: reading the do-not-call lists: %w", err)
	}
	return nil
}

// Run keeps the bulk lists fresh until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	if s.lists == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	return s.lists.Run(ctx)
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
