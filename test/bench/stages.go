package main

import (
	"context"
	"fmt"
	"math"
	"strings"
)

// decision measures the registry's answer by itself: an open loop of questions in one process, against a GET and the bare
// script by EVALSHA on the same settings, in turns of one second. registry.BenchmarkLatency does it, where the script's
// own name and keys are known.
func (s *stand) decision(ctx context.Context) ([]table, error) {
	which := "^BenchmarkLatency$/^unix$"
	if s.effort.quick {
		which += "/^5000$"
	}
	found, err := s.goBench(ctx, "-bench", which, "-benchtime", "1x", "-timeout", "10m", "./registry")
	if err != nil {
		return nil, err
	}
	t := table{
		title: "A decision in one process, open loop, µs: p50 / p99 / p99.9",
		head:  []string{"decisions/s", "GET", "EVALSHA of the same script", "Decide", "p50 × GET", "p99.9 × EVALSHA", "own share at p50, µs"},
		notes: []string{"Unix socket, Redis on the same cores. Questions come at random moments and do not wait for one another; a time runs from the moment a question came. Own share: Decide less EVALSHA."},
	}
	for _, b := range found {
		var failed error
		at := func(operation, q string) float64 {
			v, ok := b.values[operation+"-"+q+"-µs"]
			if !ok {
				failed = fmt.Errorf("%s does not report %s-%s-µs", b.name, operation, q)
			}
			return v
		}
		three := func(operation string) string {
			return number(at(operation, "p50"), 0) + " / " + number(at(operation, "p99"), 0) + " / " + number(at(operation, "p99.9"), 0)
		}
		t.add(b.name[strings.LastIndexByte(b.name, '/')+1:], three("Get"), three("EvalSha"), three("Decide"),
			number(at("Decide", "p50")/at("Get", "p50"), 2), number(at("Decide", "p99.9")/at("EvalSha", "p99.9"), 2),
			number(at("Decide", "p50")-at("EvalSha", "p50"), 0))
		if failed != nil {
			return nil, failed
		}
	}
	return []table{t}, nil
}

// stages are the Go benchmarks of every step of a call.
func (s *stand) stages(ctx context.Context) ([]table, error) {
	long := "0.5s"
	if s.effort.quick {
		long = "20ms"
	}
	found, err := s.goBench(ctx, "-bench", ".", "-skip", "^BenchmarkLatency$", "-benchtime", long, "-p", "1", "-timeout", "20m",
		"./sip/...", "./gate", "./registry/...", "./metrics")
	if err != nil {
		return nil, err
	}
	t := table{title: "Stages of a call, Go benchmarks", head: []string{"", "ns/op", "B/op", "allocs/op"}}
	for _, b := range found {
		pkg := strings.TrimPrefix(b.pkg, "github.com/ringfence/ringfence/")
		t.add(pkg+" "+b.name, b.of("ns/op"), b.of("B/op"), b.of("allocs/op"))
	}
	return []table{t}, nil
}

// of writes a value, a dash when the benchmark does not have it.
func (b benchmark) of(unit string) string {
	v, ok := b.values[unit]
	switch {
	case !ok:
		return "–"
	case math.Abs(v) < 100 && v != math.Trunc(v):
		return number(v, 1)
	}
	return number(v, 0)
}
