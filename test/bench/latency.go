package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/ringfence/ringfence/test/site"
)

// latency measures what each proxy adds to a message's way, by the kernel's time stamps at its door.
func (s *stand) latency(ctx context.Context) ([]table, error) {
	ring, err := s.ringfence(ctx, ours, s.unixURL(ringfenceDB))
	if err != nil {
		return nil, err
	}
	equal, err := s.nearby(ctx, equalWork)
	if err != nil {
		return nil, err
	}
	t := table{
		title: "Added delay by packet capture, µs: p50 / p99 / p99.9",
		head:  []string{"", "calls/s", ours, equalWork, "ratio p50", "ratio p99"},
		notes: []string{fmt.Sprintf("Median of %d run(s) of %g s each; ratios run by run. SIPp sends what is due in one go, so that p99 has queueing in it.", s.effort.runs(), s.effort.secs)},
	}
	for _, part := range []struct {
		ours, theirs load
		crossings    []crossing
		rate         int
		suffix       string
	}{
		{fullCalls, fullCalls, fullCrossings, 500, ""},
		{fullCalls, fullCalls, fullCrossings, 2000, ""},
		{listedNumbers, listedNumbers, blockedCrossings, 500, ", on a bulk list"},
		{ownedNumbers, listedNumbers, blockedCrossings, 500, ", by the round trip"},
	} {
		pair := []contender{{ours, ring, part.ours}, {equalWork, equal, part.theirs}}
		found, err := s.delays(ctx, pair, part.crossings, part.rate)
		if err != nil {
			return nil, err
		}
		for _, c := range part.crossings {
			a, b := found[0][c.name], found[1][c.name]
			t.add(c.name+part.suffix, fmt.Sprint(part.rate), a.String(), b.String(), ratioOf(a.p50, b.p50).spread(2), ratioOf(a.p99, b.p99).spread(2))
		}
	}
	return []table{t}, stopAll(ring, equal)
}

// runs is how often each delay is measured.
func (e effort) runs() int {
	if e.quick {
		return 1
	}
	return 3
}

// delay holds one value per run.
type delay struct{ p50, p99, p999 []float64 }

func (d *delay) add(sorted []float64) {
	d.p50 = append(d.p50, quantile(sorted, 0.5))
	d.p99 = append(d.p99, quantile(sorted, 0.99))
	d.p999 = append(d.p999, quantile(sorted, 0.999))
}

func (d *delay) String() string {
	return number(figureOf(d.p50).median, 0) + " / " + number(figureOf(d.p99).median, 0) + " / " + number(figureOf(d.p999).median, 0)
}

// delays measures the contenders in turn.
func (s *stand) delays(ctx context.Context, all []contender, crossings []crossing, rate int) ([]map[string]*delay, error) {
	found := make([]map[string]*delay, len(all))
	for run := range s.effort.runs() {
		for turn := range all {
			i := (run + turn) % len(all)
			if found[i] == nil {
				found[i] = make(map[string]*delay)
			}
			_, times, err := s.captured(ctx, all[i], crossings, rate)
			if err != nil {
				return nil, fmt.Errorf("%s, %d/s: %w", all[i].name, rate, err)
			}
			for _, c := range crossings {
				if found[i][c.name] == nil {
					found[i][c.name] = &delay{}
				}
				found[i][c.name].add(times[c.name])
			}
			progress("delay %d/s, run %d of %d: %-22s %s %v", rate, run+1, s.effort.runs(), all[i].name, crossings[0].name, found[i][crossings[0].name])
		}
	}
	return found, nil
}

// captured is a cell with dumpcap at the proxy's door. A capture with holes is an error as long as the calls went well.
func (s *stand) captured(ctx context.Context, c contender, crossings []crossing, rate int) (cell, map[string][]float64, error) {
	file := s.file("door.pcap")
	dumpcap, err := s.capture(c.proxy, file)
	if err != nil {
		return cell{}, nil, err
	}
	defer dumpcap.Kill()
	done, err := s.measure(ctx, c.proxy, c.load, rate, s.effort.secs)
	if err != nil {
		return done, nil, err
	}
	if err := dumpcap.Signal(os.Interrupt); err != nil {
		return done, nil, err
	}
	select {
	case <-dumpcap.Done():
	case <-time.After(10 * time.Second):
		return done, nil, errors.New("dumpcap did not end")
	}
	capture, err := os.ReadFile(file)
	if err != nil {
		return done, nil, err
	}
	times, err := crossingTimes(capture, c.proxy.at, s.trunk, crossings)
	if err != nil {
		return done, nil, err
	}
	if seen := len(times[crossings[0].name]); done.failed == 0 && seen < done.calls*99/100 {
		return done, nil, fmt.Errorf("the capture shows %d of %d calls: has dumpcap lost packets?\n%s", seen, done.calls, dumpcap.Output())
	}
	return done, times, os.Remove(file)
}

// capture starts dumpcap and returns when it listens.
func (s *stand) capture(p *proxy, file string) (*site.Process, error) {
	const headers = 1400 // bytes of a packet that are kept: as far as Call-ID and CSeq, behind the Vias and routes
	dumpcap, err := site.StartLogged(s.dir, s.file("dumpcap.log"), "dumpcap", "-q", "-P", "-i", "lo", "-s", fmt.Sprint(headers),
		"-B", "64", "-f", fmt.Sprintf("udp port %d", p.at.Port()), "-a", "duration:120", "-w", file)
	if err != nil {
		return nil, fmt.Errorf("dumpcap (Debian: apt-get install wireshark-common) is needed, with the right to capture: %w", err)
	}
	listens := func() bool {
		info, err := os.Stat(file)
		return err == nil && info.Size() >= fileHeader
	}
	if err := dumpcap.Ready(10*time.Second, listens); err != nil {
		return nil, err
	}
	time.Sleep(100 * time.Millisecond) // the header is written a moment before the first packet is taken
	return dumpcap, nil
}
