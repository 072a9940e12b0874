package registry

import (
	"errors"
	"fmt"
	"os"
)

// Config is the `registry:` part of the configuration. Comments give default and unit.
type Config struct {
	// URL says where Redis is, in one of these forms; no default:
	//   redis://[user:password@]host:port/db       one server, or a managed service's endpoint
	//   rediss://…                                 the same over TLS
	//   unix:///path/to/socket?db=1                one server on this machine: a tenth faster than TCP
	//   redis+sentinel://host1:port,host2/master   the master that the sentinels name
	//   redis+cluster://host1:port,host2           a Redis Cluster
	//   embedded://                                a server inside this process that keeps nothing
	URL string `yaml:"url"`

	Username     string `yaml:"username"`      // ACL user; default: the URL's, or Redis's default user
	PasswordFile string `yaml:"password_file"` // file that holds the password alone; wins over the URL's
	CAFile       string `yaml:"ca_file"`       // rediss: PEM certificates to trust instead of the system's
	CertFile     string `yaml:"cert_file"`     // rediss: client certificate, PEM, together with key_file
	KeyFile      string `yaml:"key_file"`      // rediss: its private key, PEM
	Connections  int    `yaml:"connections"`   // 64: at most so many connections to each server
}

// defaultConnections carries 5,000 decisions a second even when each takes 10 ms.
const defaultConnections = 64

// Defaults is the configuration with every default filled in; it still lacks a URL.
func Defaults() Config { return Config{Connections: defaultConnections} }

// Validate says everything that is wrong with the configuration, each mistake with its key.
func (c Config) Validate() error {
	var mistakes []error
	u, err := parseURL(c.URL)
	if err != nil {
		mistakes = append(mistakes, fmt.Errorf("registry.url: %w", err))
	}
	if c.Connections < 0 || c.Connections > maxConnections {
		mistakes = append(mistakes, fmt.Errorf("registry.connections: %d is out of range; write 1 to %d, or leave it out for %d",
			c.Connections, maxConnections, defaultConnections))
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		mistakes = append(mistakes, errors.New("registry.cert_file and registry.key_file belong together; give both or neither"))
	}
	if err == nil && !u.tls && (c.CAFile != "" || c.CertFile != "") {
		mistakes = append(mistakes, errors.New("registry.ca_file, cert_file and key_file need TLS; write rediss:// in registry.url"))
	}
	for _, f := range []struct{ key, path string }{
		{"password_file", c.PasswordFile}, {"ca_file", c.CAFile}, {"cert_file", c.CertFile}, {"key_file", c.KeyFile},
	} {
		if f.path == "" {
			continue
		}
		if _, err := os.Stat(f.path); err != nil {
			mistakes = append(mistakes, fmt.Errorf("registry.%s: %w", f.key, err))
		}
	}
	return errors.Join(mistakes...)
}

// maxConnections keeps a typing mistake from emptying the server's connection limit (10,000 by default).
const maxConnections = 4096
