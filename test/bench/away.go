package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/ringfence/ringfence/registry"
	"github.com/ringfence/ringfence/test/site"
)

// oneWay is how far away Redis is moved, in ms each way.
const oneWay = 1

// awayRates are full calls a second; lowestAway is where the search for the highest begins.
var awayRates = []int{500, 1000, 2000, 3000}

const lowestAway = 1000

// away measures what becomes of both when Redis is not on the same machine. Near and away go over TCP through the same
// relay, so that its own work is in both.
func (s *stand) away(ctx context.Context) (tables []table, err error) {
	l, err := s.link(ctx)
	if err != nil {
		return nil, err
	}
	defer l.close()
	all, err := s.awayContenders(ctx, l)
	if err != nil {
		return nil, err
	}
	t := table{
		title: "Full calls with Redis near and 2 ms away, calls/s",
		head:  []string{"", "", "INVITE → INVITE µs p50 / p99 / p99.9", "CPU µs a call", "failed", "repeated", "astray"},
		notes: []string{fmt.Sprintf("Through toxiproxy, %s. One cell of %g s each. After a failure the proxy is started afresh.", l.found, s.effort.secs)},
	}
	rates := awayRates
	if s.effort.quick {
		rates = []int{500, 2000}
	}
	for _, rate := range rates {
		for _, c := range all {
			if err := s.awayCell(ctx, c, rate, &t); err != nil {
				return nil, err
			}
		}
	}
	tables = []table{t}
	if !s.effort.quick {
		limits, err := s.awayLimits(ctx, all)
		if err != nil {
			return nil, err
		}
		tables = append(tables, limits)
	}
	return tables, stopAll(proxiesOf(all)...)
}

func proxiesOf(all []contender) []*proxy {
	proxies := make([]*proxy, len(all))
	for i, c := range all {
		proxies[i] = c.proxy
	}
	return proxies
}

// manyWorkers is what one would give Kamailio for a Redis far away: each of its workers waits for the answer.
const manyWorkers = 16

func (s *stand) awayContenders(ctx context.Context, l *link) (all []contender, err error) {
	many := fmt.Sprintf("Kamailio, %d workers", manyWorkers)
	for _, place := range []struct {
		name string
		port int
	}{{"near", l.near}, {"away", l.away}} {
		url := fmt.Sprintf("redis://127.0.0.1:%d/%d", place.port, ringfenceDB)
		ring, errOurs := s.ringfence(ctx, ours+", "+place.name, url)
		address := fmt.Sprintf("addr=127.0.0.1;port=%d", place.port)
		equal, errEqual := s.kamailio(ctx, equalWork+", "+place.name, opponent{work: equalWork, redis: address})
		crowd, errCrowd := s.kamailio(ctx, many+", "+place.name, opponent{work: equalWork, redis: address, workers: manyWorkers})
		if err := errors.Join(errOurs, errEqual, errCrowd); err != nil {
			return nil, err
		}
		for _, p := range []*proxy{ring, equal, crowd} {
			all = append(all, contender{p.name, p, fullCalls})
		}
	}
	slices.SortStableFunc(all, func(a, b contender) int { return strings.Compare(b.name, a.name) }) // Ringfence first, near beside away
	return all, nil
}

func (s *stand) awayCell(ctx context.Context, c contender, rate int, t *table) error {
	first := fullCrossings[:1]
	done, times, err := s.captured(ctx, c, first, rate)
	if err != nil {
		return fmt.Errorf("%s, %d/s: %w", c.name, rate, err)
	}
	var d delay
	d.add(times[first[0].name])
	progress("away %d/s: %-32s %v, %v", rate, c.name, &d, done)
	t.add(c.name, fmt.Sprint(rate), d.String(), number(done.cpu, 1), fmt.Sprint(done.failed), fmt.Sprint(done.repeated), fmt.Sprint(done.astray))
	if done.flawless() {
		return nil
	}
	return s.afresh(ctx, c, rate)
}

func (s *stand) awayLimits(ctx context.Context, all []contender) (table, error) {
	t := table{title: "Highest full rate with Redis near and 2 ms away, calls/s", head: []string{"", "calls/s"}, notes: []string{"One search each."}}
	for _, c := range all {
		rate, err := s.highest(ctx, c, lowestAway)
		if err != nil {
			return t, fmt.Errorf("%s: %w", c.name, err)
		}
		t.add(c.name, fmt.Sprint(rate))
	}
	return t, nil
}

// link is two relays to the stand's Redis: one that passes on at once, one that lets everything wait.
type link struct {
	near, away int // TCP ports
	found      string
	relays     []*toxiproxy.Proxy
}

func (s *stand) link(ctx context.Context) (l *link, err error) {
	l = &link{}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	port, err := s.openRedisPort(ctx)
	if err != nil {
		return l, err
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	for _, relay := range []struct {
		name string
		port *int
	}{{"near", &l.near}, {"away", &l.away}} {
		p := toxiproxy.NewProxy(server, relay.name, "127.0.0.1:0", fmt.Sprintf("127.0.0.1:%d", port))
		if err := p.Start(); err != nil {
			return l, fmt.Errorf("toxiproxy: %w", err)
		}
		l.relays = append(l.relays, p)
		_, text, err := net.SplitHostPort(p.Listen)
		if err != nil {
			return l, fmt.Errorf("toxiproxy listens on %q: %w", p.Listen, err)
		}
		if *relay.port, err = strconv.Atoi(text); err != nil {
			return l, err
		}
	}
	for _, stream := range []string{"upstream", "downstream"} {
		toxic := fmt.Sprintf(`{"type":"latency","stream":%q,"attributes":{"latency":%d}}`, stream, oneWay)
		if _, err := l.relays[1].Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			return l, fmt.Errorf("toxiproxy: %w", err)
		}
	}
	return l, l.measure(ctx)
}

// openRedisPort makes the stand's Redis listen on loopback too.
func (s *stand) openRedisPort(ctx context.Context) (port int, err error) {
	at, err := site.FreeAddress(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		return 0, err
	}
	return int(at.Port()), s.withStore(ctx, 0, func(store *registry.Store) error {
		return errors.Join(store.Client().ConfigSet(ctx, "bind", at.Addr().String()).Err(),
			store.Client().ConfigSet(ctx, "port", fmt.Sprint(at.Port())).Err())
	})
}

// measure finds out how far away Redis really is: a timer of a millisecond is not exact.
func (l *link) measure(ctx context.Context) error {
	var medians []string
	for _, port := range []int{l.near, l.away} {
		store, err := registry.Open(ctx, registry.Config{URL: fmt.Sprintf("redis://127.0.0.1:%d/0", port)}, registry.WithoutLists())
		if err != nil {
			return err
		}
		var times []float64
		for range 200 {
			began := time.Now()
			if err := store.Ping(ctx); err != nil {
				return errors.Join(err, store.Close())
			}
			times = append(times, micros(time.Since(began)))
		}
		if err := store.Close(); err != nil {
			return err
		}
		medians = append(medians, number(figureOf(times).median, 0)+" µs")
	}
	l.found = "a PING takes " + medians[0] + " near and " + medians[1] + " away"
	return nil
}

func (l *link) close() {
	for _, p := range l.relays {
		p.Stop()
	}
}
