// Package site sets up what a test of the whole gate needs, on loopback and in processes of its own: the built gate, a
// real Redis, Kamailio in the gate's place, and SIPp as phones. Whatever it starts it ends by its process id.
package site

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a child of the test.
type Process struct {
	name   string
	cmd    *exec.Cmd
	output *tail
	done   chan struct{}
	err    error // of Wait; read after done
}

// start runs name with args in dir. What it writes is kept for error messages.
func start(dir, name string, args ...string) (*Process, error) {
	path, err := find(name)
	if err != nil {
		return nil, err
	}
	p := &Process{name: name, cmd: exec.Command(path, args...), output: &tail{}, done: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.WaitDelay = 5 * time.Second // children of a killed child may hold its output open
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// packages names the Debian package of each program that is not this module's own.
var packages = map[string]string{
	"sipp": "sip-tester", "kamailio": "kamailio", "redis-server": "redis-server", "baresip": "baresip-core", "svcrack": "sipvicious",
}

// Run runs a program to its end and returns what it wrote; whether that is a success is for the caller to say.
func Run(dir, name string, limit time.Duration, args ...string) (output string, err error) {
	p, err := start(dir, name, args...)
	if err != nil {
		return "", err
	}
	select {
	case <-p.Done():
	case <-time.After(limit):
		p.kill()
		err = fmt.Errorf("%s did not end within %v", name, limit)
	}
	return p.Output(), err
}

// find looks in PATH and where Debian puts daemons.
func find(name string) (string, error) {
	for _, candidate := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed: run `make tools` as root, or `apt-get install %s`", name, packages[name])
}

// Pid is the child's process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Output is the end of what the child has written.
func (p *Process) Output() string { return p.output.String() }

// Signal sends a signal; one that comes after the end is no error.
func (p *Process) Signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s: %w", p.name, err)
	}
	return nil
}

// Stop asks the child to end and makes it end after patience. It is an error when it had to be made, or when it had
// ended before or ends with a failure.
func (p *Process) Stop(patience time.Duration) error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended by itself: %w\n%s", p.name, errors.Join(p.err, errEnded), p.Output())
	default:
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.done:
		if p.err != nil {
			return fmt.Errorf("%s: %w\n%s", p.name, p.err, p.Output())
		}
		return nil
	case <-time.After(patience):
		p.kill()
		return fmt.Errorf("%s did not end within %v of SIGTERM and %w\n%s", p.name, patience, errKilled, p.Output())
	}
}

var (
	errEnded  = errors.New("nobody asked it to")
	errKilled = errors.New("was killed")
)

// kill ends the child at once, with its own children where it has a group of its own, and waits for it.
func (p *Process) kill() {
	if p.cmd.SysProcAttr.Setpgid {
		_ = syscall.Kill(-p.Pid(), syscall.SIGKILL)
	}
	_ = p.cmd.Process.Kill() // fails only when it has ended
	<-p.done
}

// ready waits until up says yes, the child ends, or time runs out.
func (p *Process) ready(limit time.Duration, up func() bool) error {
	deadline := time.After(limit)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !up() {
		select {
		case <-p.done:
			return fmt.Errorf("%s ended before it was ready: %w\n%s", p.name, errors.Join(p.err, errEnded), p.Output())
		case <-deadline:
			p.kill()
			return fmt.Errorf("%s was not ready within %v\n%s", p.name, limit, p.Output())
		case <-tick.C:
		}
	}
	return nil
}

// tail keeps the last tailSize bytes written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailSize = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - tailSize; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(bytes.ToValidUTF8(t.buf, nil)))
}
