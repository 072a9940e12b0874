package site

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// StartLogged runs name with args in dir and sends what it writes into the file log, as a service manager would. A
// measured program must not wait for, nor be slowed down by, a reader at the other end of a pipe.
func StartLogged(dir, log, name string, args ...string) (*Process, error) {
	path, err := find(name)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the log of %s: %w", name, err)
	}
	defer file.Close() // the child has its own
	p := &Process{name: name, cmd: exec.Command(path, args...), output: &tail{}, done: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = file, file
	// A group of its own: an interrupt typed at the terminal reaches the parent alone, which then ends its children in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		p.keepEnd(log)
		close(p.done)
	}()
	return p, nil
}

// lastWords is how much of a log is kept for error messages, in bytes: a line for every call has little to tell.
const lastWords = 2 << 10

// keepEnd makes the end of the log the process's output, for error messages.
func (p *Process) keepEnd(log string) {
	text, err := os.ReadFile(log)
	if err != nil {
		text = []byte(err.Error())
	}
	_, _ = p.output.Write(text[max(0, len(text)-lastWords):]) // never fails
}

// Ready waits until up says yes, the child ends, or limit has passed; then the child is ended.
func (p *Process) Ready(limit time.Duration, up func() bool) error { return p.ready(limit, up) }

// Kill ends the child at once and waits for it. One that has ended already is left as it is.
func (p *Process) Kill() { p.kill() }

// Listens says whether some process has bound a for p, without touching the socket.
func Listens(p Protocol, a netip.AddrPort) bool { return listens(p, a) }
