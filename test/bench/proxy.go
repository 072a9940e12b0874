package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/ringfence/ringfence/test/site"
)

// proxy is one of those that are measured.
type proxy struct {
	name    string
	at      netip.AddrPort // by UDP
	http    netip.AddrPort // Ringfence: /metrics
	dir     string
	launch  func() (*site.Process, error)
	process *site.Process
}

// newProxy gives a proxy an address and a directory of its own; the caller sets launch.
func (s *stand) newProxy(name string) (p *proxy, err error) {
	p = &proxy{name: name}
	if p.at, err = site.FreeAddress(netip.MustParseAddr("127.0.0.1")); err != nil {
		return nil, err
	}
	p.dir, err = os.MkdirTemp(s.dir, "proxy-")
	return p, err
}

// start runs the proxy; the stand stops it in the end if nobody does before.
func (s *stand) start(ctx context.Context, p *proxy) error {
	if err := s.launch(ctx, p); err != nil {
		return err
	}
	s.started = append(s.started, p)
	return nil
}

func (s *stand) launch(ctx context.Context, p *proxy) (err error) {
	if p.process, err = p.launch(); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	up := func() bool { return ctx.Err() == nil && site.Listens(site.UDP, p.at) && p.saysReady(ctx) }
	if err := p.process.Ready(2*time.Minute, up); err != nil {
		p.process = nil
		return errors.Join(context.Cause(ctx), err)
	}
	return nil
}

// restart rids a proxy of what an overload has left in it: transactions that linger, messages that are repeated.
func (s *stand) restart(ctx context.Context, p *proxy) error {
	if err := p.stop(); err != nil {
		return err
	}
	return s.launch(ctx, p)
}

// stop ends it; one that runs no longer is an error, since it was measured in vain.
func (p *proxy) stop() error {
	if p.process == nil {
		return nil
	}
	process := p.process
	p.process = nil
	if err := process.Stop(15 * time.Second); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}

func stopAll(proxies ...*proxy) error {
	var all error
	for _, p := range proxies {
		all = errors.Join(all, p.stop())
	}
	return all
}
