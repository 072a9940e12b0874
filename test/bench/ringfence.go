package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ringfence/ringfence/test/site"
)

// configuration is Ringfence as shipped: every default, records, metrics, a log line a decision.
const configuration = `region: US
sip:
  listen: ["udp://%v"]
  peers: [{name: desk, from: [%v/32], identity: from}]
  trunks: [{name: carrier, uri: "sip:%v;transport=udp"}]
registry: {url: %q}
http: {listen: %q}
log: {level: info}
`

// ringfence starts the gate on a registry.
func (s *stand) ringfence(ctx context.Context, name, registryURL string) (*proxy, error) {
	p, err := s.newProxy(name)
	if err != nil {
		return nil, err
	}
	if p.http, err = site.FreeAddress(netip.MustParseAddr("127.0.0.1")); err != nil {
		return nil, err
	}
	config := filepath.Join(p.dir, "ringfence.yaml")
	text := fmt.Sprintf(configuration, p.at, s.caller.Addr(), s.trunk, registryURL, p.http.String())
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	p.launch = func() (*site.Process, error) {
		return site.StartLogged(p.dir, filepath.Join(p.dir, "log"), s.binary, "--config", config, "serve", "--drain", "50ms")
	}
	return p, s.start(ctx, p)
}

// saysReady asks Ringfence; others are ready when they listen.
func (p *proxy) saysReady(ctx context.Context) bool {
	if !p.http.IsValid() {
		return true
	}
	body, err := p.get(ctx, "/readyz")
	return err == nil && body.Close() == nil
}

func (p *proxy) get(ctx context.Context, path string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.http.String()+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		_ = res.Body.Close() // the status says enough
		return nil, fmt.Errorf("%s: GET %s: %s", p.name, path, res.Status)
	}
	return res.Body, nil
}

// metric adds up Ringfence's series of a family, those with all the labels given; others have no metrics and say 0.
func (p *proxy) metric(ctx context.Context, family string, labels ...string) (float64, error) {
	if !p.http.IsValid() {
		return 0, nil
	}
	body, err := p.get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	defer body.Close()
	return sumSeries(body, family, labels...)
}

// decided is how many decisions Ringfence has taken for this reason, whatever the verdict.
func (p *proxy) decided(ctx context.Context, reason string) (int, error) {
	n, err := p.metric(ctx, "ringfence_decisions_total", `reason="`+reason+`"`)
	return int(n), err
}

// sumSeries reads a Prometheus exposition. A family that is not in it is an error: zero would look like a result.
func sumSeries(exposition io.Reader, family string, labels ...string) (sum float64, err error) {
	found := false
	lines := bufio.NewScanner(exposition)
	for lines.Scan() {
		series, value, _ := strings.Cut(lines.Text(), " ")
		name, rest, _ := strings.Cut(series, "{")
		if name != family || slices.ContainsFunc(labels, func(l string) bool { return !strings.Contains(rest, l) }) {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("metrics: %q: %w", lines.Text(), err)
		}
		found, sum = true, sum+v
	}
	if !found && lines.Err() == nil {
		return 0, fmt.Errorf("metrics: there is no %s %v", family, labels)
	}
	return sum, lines.Err()
}
