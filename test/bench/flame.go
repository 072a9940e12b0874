package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// How Ringfence is profiled: this many full calls a second for so long, and so many samples of a processor a second. An
// odd frequency keeps out of step with the ticks of timers.
const (
	flameRate    = 2000
	flameSeconds = 8
	flameHertz   = 997
)

// drawFlame profiles Ringfence under full calls with perf and draws where its CPU time goes.
func (s *stand) drawFlame(ctx context.Context, to string) error {
	p, err := s.ringfence(ctx, ours, s.unixURL(ringfenceDB))
	if err != nil {
		return err
	}
	data := filepath.Join(p.dir, "perf.data")
	record := exec.CommandContext(ctx, "perf", "record", "-q", "-g", "-F", strconv.Itoa(flameHertz),
		"-p", strconv.Itoa(p.process.Pid()), "-o", data, "--", "sleep", strconv.Itoa(flameSeconds-2))
	record.Stderr = os.Stderr
	if err := record.Start(); err != nil {
		return fmt.Errorf("flame: %w: perf is needed (Debian package linux-perf)", err)
	}
	c, err := s.measure(ctx, p, fullCalls, flameRate, flameSeconds)
	if err != nil {
		return err
	}
	if err := record.Wait(); err != nil {
		return fmt.Errorf("flame: perf record: %w: as root, or with kernel.perf_event_paranoid at 1 or less", err)
	}
	script := exec.CommandContext(ctx, "perf", "script", "-i", data, "-F", "comm,ip,sym,dso")
	out, err := script.StdoutPipe()
	if err != nil {
		return err
	}
	if err := script.Start(); err != nil {
		return fmt.Errorf("flame: perf script: %w", err)
	}
	root, err := foldStacks(out)
	if err != nil {
		return err
	}
	if err := script.Wait(); err != nil {
		return fmt.Errorf("flame: perf script: %w", err)
	}
	title := fmt.Sprintf("Ringfence, %d full calls a second, %.0f µs of CPU a call, %d samples", flameRate, c.cpu, root.samples)
	progress("%s", title)
	return os.WriteFile(to, root.svg(title), 0o644)
}

// frame is a function as it was called by the frames below it.
type frame struct {
	name    string
	kernel  bool
	samples int
	calls   []*frame // in order of first sight
}

// call finds or makes the frame that f called.
func (f *frame) call(name string, kernel bool) *frame {
	for _, c := range f.calls {
		if c.name == name {
			return c
		}
	}
	c := &frame{name: name, kernel: kernel}
	f.calls = append(f.calls, c)
	return c
}

// foldStacks reads what perf script prints: for each sample a line with the thread, then its stack, the innermost
// function first, then an empty line.
func foldStacks(perf io.Reader) (*frame, error) {
	root := &frame{name: "all"}
	var stack []string
	flush := func() {
		if len(stack) == 0 {
			return
		}
		at := root
		at.samples++
		for _, function := range slices.Backward(stack) {
			name, kernel := strings.CutSuffix(function, "_[k]")
			at = at.call(name, kernel)
			at.samples++
		}
		stack = stack[:0]
	}
	lines := bufio.NewScanner(perf)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case line == "":
			flush()
		case line[0] == ' ' || line[0] == '\t':
			stack = append(stack, symbol(line))
		}
	}
	flush()
	if root.samples == 0 && lines.Err() == nil {
		return nil, fmt.Errorf("flame: perf took no sample")
	}
	return root, lines.Err()
}

// symbol is the function of a line such as "  4a1b2c gate.(*Gate).Ask (/usr/bin/ringfence)", marked when the kernel's.
func symbol(line string) string {
	line = strings.TrimSpace(line)
	_, line, _ = strings.Cut(line, " ") // the address
	name, home := line, ""
	if i := strings.LastIndex(line, " ("); i >= 0 {
		name, home = line[:i], line[i+2:]
	}
	name = strings.TrimPrefix(name, "github.com/ringfence/ringfence/")
	name = strings.TrimPrefix(name, "github.com/")
	if strings.HasPrefix(home, "[") {
		name += "_[k]"
	}
	return name
}
