package site

import (
	"net"
	"path/filepath"
	"time"
)

// Redis is a private redis-server on a Unix socket: nothing of it is seen from outside, nothing of it stays.
type Redis struct {
	*Process
	Socket string
}

// StartRedis runs one in dir and returns when it answers.
func StartRedis(dir string) (*Redis, error) {
	socket := filepath.Join(dir, "redis.sock")
	p, err := start(dir, "redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--daemonize", "no")
	if err != nil {
		return nil, err
	}
	err = p.ready(10*time.Second, func() bool {
		c, err := net.Dial("unix", socket)
		if err != nil {
			return false
		}
		defer c.Close()
		_, err = c.Write([]byte("PING\r\n"))
		answer := make([]byte, len("+PONG\r\n"))
		n, readErr := c.Read(answer)
		return err == nil && readErr == nil && string(answer[:n]) == "+PONG\r\n"
	})
	if err != nil {
		return nil, err
	}
	return &Redis{p, socket}, nil
}

// URL is what the configuration's registry.url takes.
func (r *Redis) URL() string { return "unix://" + r.Socket }
