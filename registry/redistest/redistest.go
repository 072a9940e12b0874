// Package redistest runs private Redis servers for tests: real redis-server processes on a socket and a port of their
// own, in the test's temporary directory, gone when the test ends.
package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startWithin is how long a server may take until it answers; 0.1 s is usual, a loaded machine takes longer.
const startWithin = 20 * time.Second

// Server is one redis-server process.
type Server struct {
	tb   testing.TB
	dir  string
	port int
	args []string
	env  []string // nil: this process's

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{} // closed when the process is gone
}

// Start runs a server that keeps nothing on disk unless args say so; args are redis-server's own ("--save", "1 1").
// The test fails at once when redis-server is not installed.
func Start(tb testing.TB, args ...string) *Server {
	tb.Helper()
	return start(tb, nil, args...)
}

func start(tb testing.TB, env []string, args ...string) *Server {
	tb.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		tb.Fatal("redis-server is not installed and this test needs a real one; on Debian: apt-get install redis-server")
	}
	// A unix socket's path may hold 107 bytes; t.TempDir() of a long test name does not leave room for it.
	dir, err := os.MkdirTemp("", "redistest") //nolint:usetesting // for the reason above
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{tb: tb, dir: dir, args: args, env: env}
	tb.Cleanup(func() {
		s.Stop()
		_ = os.RemoveAll(dir)
	})
	s.startOnFreePort()
	return s
}

// startOnFreePort asks the kernel for a port and tries another when somebody took it meanwhile.
func (s *Server) startOnFreePort() {
	s.tb.Helper()
	var err error
	for range 5 {
		s.port = freePort(s.tb)
		if err = s.start(); err == nil {
			return
		}
	}
	s.tb.Fatalf("redis-server did not start: %v\n%s", err, s.Log())
}

func freePort(tb testing.TB) int {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (s *Server) start() error {
	args := append([]string{
		"--bind", "127.0.0.1", "--port", strconv.Itoa(s.port), "--unixsocket", s.Socket(), "--dir", s.dir,
		"--save", "", "--appendonly", "no", "--daemonize", "no", "--logfile", s.logfile(),
	}, s.args...)
	s.mu.Lock()
	s.cmd = exec.Command("redis-server", args...)
	s.cmd.Env = s.env
	s.mu.Unlock()
	return s.run()
}

// run starts the process of s.cmd and returns once it answers.
func (s *Server) run() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	dieWithParent(s.cmd)
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.exited = make(chan struct{})
	go func(cmd *exec.Cmd, exited chan struct{}) {
		_ = cmd.Wait() // killed on purpose as often as not
		close(exited)
	}(s.cmd, s.exited)
	return s.awaitAnswer()
}

// awaitAnswer returns once the server answers PING with anything: PONG, LOADING or NOAUTH all mean that it serves.
func (s *Server) awaitAnswer() error {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		select {
		case <-s.exited:
			return errors.New("it exited")
		case <-ctx.Done():
			return fmt.Errorf("no answer on port %d within %v", s.port, startWithin)
		case <-tick.C:
			if reply, err := s.command("PING"); err == nil && reply != "" {
				tick.Stop()
				return nil
			}
		}
	}
}

// command sends one inline command and returns what comes back first, at most 4 KiB of it.
func (s *Server) command(line string) (string, error) {
	c, err := net.DialTimeout("tcp", s.Addr(), time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if _, err := fmt.Fprintf(c, "%s\r\n", line); err != nil {
		return "", err
	}
	reply := make([]byte, 4096)
	n, err := c.Read(reply)
	return string(reply[:n]), err
}

// Addr is the server's host:port on loopback.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Port is the server's TCP port.
func (s *Server) Port() int { return s.port }

// Socket is the path of the server's unix socket.
func (s *Server) Socket() string { return filepath.Join(s.dir, "redis.sock") }

// URL is how registry.Config.URL names the server over TCP.
func (s *Server) URL() string { return "redis://" + s.Addr() + "/0" }

// UnixURL is how registry.Config.URL names the server over its socket.
func (s *Server) UnixURL() string { return "unix://" + s.Socket() + "?db=0" }

func (s *Server) logfile() string { return filepath.Join(s.dir, "redis.log") }

// Log is what the server wrote to its log.
func (s *Server) Log() string {
	text, err := os.ReadFile(s.logfile())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// PID is the process id, for measuring its CPU time.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cmd.Process.Pid
}

// Stop kills the process, as a crash would: nothing is saved. Stopping twice does nothing.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	<-s.exited
}

// Restart stops the server if it runs and starts it again on the same port and socket.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Stop()
	if err := s.start(); err != nil {
		s.tb.Fatalf("redis-server did not start again: %v\n%s", err, s.Log())
	}
}

// Freeze stops the process without closing its connections: the worst kind of outage.
func (s *Server) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw lets a frozen process go on.
func (s *Server) Thaw() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.tb.Fatalf("redis-server: %v: %v", sig, err)
	}
}
