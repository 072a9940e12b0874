package registry

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// Time-outs of the connection. A decision's own deadline is in its ctx and ends it earlier; these bound commands and
// list transfers, which may be long.
const (
	dialTimeout    = 250 * time.Millisecond
	commandTimeout = 3 * time.Second
)

// newClient makes the client and connects nothing yet.
func newClient(p place, cfg Config) (redis.UniversalClient, error) {
	logging.Disable() // the library would write to stderr what it returns as an error as well
	o, err := clientOptions(p, cfg)
	if err != nil {
		return nil, err
	}
	switch p.topology {
	case sentinel:
		client := redis.NewFailoverClient(failoverOptions(p, o))
		client.AddHook(newBreaker())
		return client, nil
	case cluster:
		return redis.NewClusterClient(clusterOptions(p, o)), nil
	default:
		return newNode(o), nil
	}
}

// newNode is the client of one server.
func newNode(o *redis.Options) *redis.Client {
	o.Dialer = failLater(quietly(redis.NewDialer(o)))
	client := redis.NewClient(o)
	client.AddHook(newBreaker())
	return client
}

// clientOptions are the settings for one server. Every one that differs from the library's default is here for a call
// that waits: nothing is retried, nothing outlives its context.
func clientOptions(p place, cfg Config) (*redis.Options, error) {
	o := &redis.Options{
		Network:               p.network,
		Username:              p.username,
		Password:              p.password,
		DB:                    p.db,
		Protocol:              2, // version 3 costs a HELLO per connection and brings nothing that is used here
		DisableIdentity:       true,
		ContextTimeoutEnabled: true, // without it a context of 40 ms does not bound a command
		MaxRetries:            -1,
		DialerRetries:         1,
		DialTimeout:           dialTimeout,
		ReadTimeout:           commandTimeout,
		WriteTimeout:          commandTimeout,
		PoolSize:              cfg.Connections,
		PoolTimeout:           commandTimeout,
	}
	if o.PoolSize == 0 {
		o.PoolSize = defaultConnections
	}
	if p.topology == single {
		o.Addr = p.hosts[0]
	}
	if cfg.Username != "" {
		o.Username = cfg.Username
	}
	if cfg.PasswordFile != "" {
		text, err := os.ReadFile(cfg.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("registry.password_file: %w", err)
		}
		o.Password = strings.TrimRight(string(text), "\r\n")
	}
	if p.tls {
		var err error
		if o.TLSConfig, err = tlsConfig(p, cfg); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func failoverOptions(p place, o *redis.Options) *redis.FailoverOptions {
	return &redis.FailoverOptions{
		MasterName: p.master, SentinelAddrs: p.hosts,
		Username: o.Username, Password: o.Password, DB: o.DB, TLSConfig: o.TLSConfig,
		Protocol: o.Protocol, DisableIdentity: o.DisableIdentity, ContextTimeoutEnabled: o.ContextTimeoutEnabled,
		MaxRetries: o.MaxRetries, DialerRetries: o.DialerRetries,
		DialTimeout: o.DialTimeout, ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout,
		PoolSize: o.PoolSize, PoolTimeout: o.PoolTimeout,
	}
}

func clusterOptions(p place, o *redis.Options) *redis.ClusterOptions {
	return &redis.ClusterOptions{
		Addrs:    p.hosts,
		Username: o.Username, Password: o.Password, TLSConfig: o.TLSConfig,
		Protocol: o.Protocol, DisableIdentity: o.DisableIdentity, ContextTimeoutEnabled: o.ContextTimeoutEnabled,
		MaxRetries: o.MaxRetries, DialerRetries: o.DialerRetries,
		DialTimeout: o.DialTimeout, ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout,
		PoolSize: o.PoolSize, PoolTimeout: o.PoolTimeout,
		DisableRoutingPolicies: true, // every command here names its keys; the policies cost a COMMAND at start
		NewClient:              newNode,
	}
}

func tlsConfig(p place, cfg Config) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if p.topology == single {
		host, _, err := net.SplitHostPort(p.hosts[0])
		if err != nil {
			return nil, err
		}
		c.ServerName = host
	}
	if cfg.CAFile != "" {
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, fmt.Errorf("registry.ca_file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("registry.ca_file: it holds no PEM certificate")
		}
	}
	if cfg.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(cfg.CertFile, cfg.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("registry.cert_file: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
