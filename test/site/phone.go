package site

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Phone is a SIPp at one end of a call.
type Phone struct {
	Name     string         // of its files in Dir
	Script   string         // path of the XML scenario
	Protocol Protocol       //
	At       netip.AddrPort // where it listens and sends from
	Contact  netip.AddrPort // what it tells others to reach it by; default: At
	Remote   netip.AddrPort // caller only: where it calls
	Number   string         // caller only: what it dials
	Rep      string         // caller only: who dials
	Calls    int            // how many; 0: until told to stop
	Rate     int            // calls per second; default 10
	Limit    time.Duration  // it fails when it is not done by then
	Trace    bool           // keep every message, for Messages
	Extra    []string       // further SIPp options
	Dir      string

	process *Process
}

// caller says whether this phone begins calls.
func (p *Phone) caller() bool { return p.Remote.IsValid() }

// Start runs SIPp; for a callee it returns when SIPp listens.
func (p *Phone) Start() error {
	process, err := start(p.Dir, "sipp", p.arguments()...)
	if err != nil {
		return err
	}
	p.process = process
	if p.caller() {
		return nil
	}
	return process.ready(10*time.Second, func() bool { return listens(p.Protocol, p.At) })
}

func (p *Phone) arguments() []string {
	contact := p.Contact
	if !contact.IsValid() {
		contact = p.At
	}
	mode := "u1"
	if p.Protocol == TCP {
		mode = "t1"
	}
	args := []string{
		"-sf", p.Script, "-t", mode, "-i", p.At.Addr().String(), "-p", strconv.Itoa(int(p.At.Port())),
		"-nostdin", "-r", strconv.Itoa(max(p.Rate, 10)), "-key", "contact", contact.String(),
		"-timeout", strconv.Itoa(int(p.Limit.Seconds())), "-timeout_error",
		"-trace_err", "-error_file", p.file("err"), "-trace_stat", "-stf", p.file("csv"), "-fd", "1",
	}
	if p.Calls > 0 {
		args = append(args, "-m", strconv.Itoa(p.Calls))
	}
	if p.Trace {
		args = append(args, "-trace_msg", "-message_file", p.file("msg"))
	}
	args = append(args, p.Extra...)
	if p.caller() {
		args = append(args, "-key", "rep", p.Rep, "-s", p.Number, p.Remote.String())
	}
	return args
}

func (p *Phone) file(kind string) string { return filepath.Join(p.Dir, p.Name+"."+kind) }

// Wait returns when SIPp has ended, with an error that says what went wrong at this phone.
func (p *Phone) Wait(ctx context.Context) error {
	select {
	case <-p.process.Done():
	case <-ctx.Done():
		p.process.kill()
		return fmt.Errorf("%s: %w; what it could not make sense of:\n%s", p.Name, context.Cause(ctx), p.complaints())
	}
	if p.process.err == nil {
		return nil
	}
	return fmt.Errorf("%s (%s): %w; what it could not make sense of:\n%s",
		p.Name, filepath.Base(p.Script), explain(p.process.err), p.complaints())
}

// Finish lets calls that are up end and then ends SIPp, though fewer calls came than it would take.
func (p *Phone) Finish(ctx context.Context) error {
	if err := p.process.Signal(syscall.SIGUSR1); err != nil {
		return err
	}
	err := p.Wait(ctx)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == noCalls {
		return nil
	}
	return err
}

// Kill ends SIPp at once. It does nothing to one that was not started or has ended.
func (p *Phone) Kill() {
	if p.process != nil {
		p.process.kill()
	}
}

// Messages are those that it sent and received, in order. It needs Trace.
func (p *Phone) Messages() ([]Message, error) { return ReadTrace(p.file("msg")) }

// SIPp's exit codes (sipp -h).
const (
	callsFailed = 1
	onCommand   = 97
	noCalls     = 99
)

func explain(err error) error {
	exit := (*exec.ExitError)(nil)
	if !errors.As(err, &exit) {
		return err
	}
	switch exit.ExitCode() {
	case callsFailed:
		return fmt.Errorf("at least one call failed: %w", err)
	case onCommand:
		return fmt.Errorf("SIPp ended on a command or its own time limit: %w", err)
	case noCalls:
		return fmt.Errorf("no call came: %w", err)
	}
	return fmt.Errorf("SIPp failed: %w", err)
}

// complaints are SIPp's own words about unexpected messages, and failing these, the end of its output.
func (p *Phone) complaints() string {
	raw, err := os.ReadFile(p.file("err"))
	if err != nil || len(raw) == 0 {
		return p.process.Output()
	}
	return string(raw[:min(len(raw), 4<<10)])
}
