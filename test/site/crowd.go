package site

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Offering is so many calls a second for so long, to numbers one after another.
type Offering struct {
	Rate  int           `json:"rate"`
	For   time.Duration `json:"for"`
	First uint64        `json:"first"` // E.164 digits of the first number
	Many  int           `json:"many"`  // how many numbers there are; then the first comes again
}

// Became is what an Offering came to. Nothing was sent a second time but BYEs, so that a call without a final response is
// one whose message somebody has lost.
type Became struct {
	Calls    int             `json:"calls"`
	Finals   map[int]int     `json:"finals"`    // calls by the status of their final response; 0: there was none
	NotEnded int             `json:"not_ended"` // calls that were answered and whose BYE was not, six times
	Repeated int             `json:"repeated"`  // BYEs, and final responses by the gate
	Made     float64         `json:"made"`      // calls a second, after the first quarter of the time
	Settled  map[int]float64 `json:"settled"`   // of these, by status
	P50      time.Duration   `json:"p50"`       // until 180 or the final response, of those that were not refused for load
	P99      time.Duration   `json:"p99"`
}

// Crowd is many callers and the trunk that answers them, in a process of their own.
type Crowd struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

// BuildCrowd compiles it into dir: without the race detector, which would leave it no faster than SIPp.
func BuildCrowd(ctx context.Context, dir string) (binary string, err error) {
	binary = filepath.Join(dir, "crowd")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/ringfence/ringfence/test/crowd")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the crowd: %w\n%s", err, out)
	}
	return binary, nil
}

// StartCrowd starts it; its trunk answers from then on.
func StartCrowd(binary string, gate, at, trunk netip.AddrPort) (*Crowd, error) {
	c := &Crowd{command: exec.Command(binary, "-gate", gate.String(), "-at", at.String(), "-trunk", trunk.String())}
	c.command.Stderr = os.Stderr
	in, err := c.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.in, c.out = in, bufio.NewReader(out)
	return c, c.command.Start()
}

// Pid is its process.
func (c *Crowd) Pid() int { return c.command.Process.Pid }

// Offer makes the calls and returns when they are over.
func (c *Crowd) Offer(o Offering) (became Became, err error) {
	if err := json.NewEncoder(c.in).Encode(o); err != nil {
		return became, fmt.Errorf("crowd: %w", err)
	}
	line, err := c.out.ReadBytes('\n')
	if err != nil {
		return became, fmt.Errorf("crowd: it ended: %w", err)
	}
	return became, json.Unmarshal(line, &became)
}

// Stop ends it.
func (c *Crowd) Stop() error { return errors.Join(c.in.Close(), c.command.Wait()) }

// Pin lets a process, all of its threads, run on one core only; those that it starts later inherit that.
func Pin(pid, core int) error {
	var one unix.CPUSet
	one.Set(core)
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return err
	}
	for _, thread := range threads {
		var id int
		if _, err := fmt.Sscan(thread.Name(), &id); err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, &one); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}
