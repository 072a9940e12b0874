package main

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// benchmark is one line of `go test -bench`.
type benchmark struct {
	pkg, name string
	values    map[string]float64 // by unit: ns/op, B/op, …
}

// goBench runs Go benchmarks of the repository and returns what they said, in order.
func (s *stand) goBench(ctx context.Context, args ...string) ([]benchmark, error) {
	args = append([]string{"test", "-run", "^$", "-benchmem"}, args...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = s.root
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	found, err := parseBenchmarks(string(out))
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("go %s: no benchmark ran\n%s", strings.Join(args, " "), out)
	}
	return found, err
}

// parseBenchmarks reads lines like "BenchmarkParse/invite-2  1000  812 ns/op  64 B/op  2 allocs/op".
func parseBenchmarks(text string) ([]benchmark, error) {
	var all []benchmark
	pkg := ""
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		if path, found := strings.CutPrefix(lines.Text(), "pkg: "); found {
			pkg = path
			continue
		}
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || len(fields)%2 != 0 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		b := benchmark{pkg, withoutProcs(strings.TrimPrefix(fields[0], "Benchmark")), make(map[string]float64)}
		for i := 2; i < len(fields); i += 2 {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("benchmark line %q: %w", lines.Text(), err)
			}
			b.values[fields[i+1]] = v
		}
		all = append(all, b)
	}
	return all, nil
}

// withoutProcs takes GOMAXPROCS off the end of a benchmark's name.
func withoutProcs(name string) string {
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		return name
	}
	if _, err := strconv.Atoi(name[i+1:]); err != nil {
		return name
	}
	return name[:i]
}
