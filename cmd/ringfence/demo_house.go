package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ringfence/ringfence/cmd/ringfence/config"
	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/metrics"
	"github.com/ringfence/ringfence/registry"
	"github.com/ringfence/ringfence/sip"
	"github.com/ringfence/ringfence/sip/phone"
)

// demoHouse is a whole company on loopback: the gate with its registry, a phone for each rep, the PBX behind the gate
// and the outside world behind its trunk.
type demoHouse struct {
	store  *registry.Store
	gate   *gate.Gate
	sip    *sip.Server
	pbx    *phone.PBX
	world  *phone.Callee
	phones map[string]*phone.Phone

	front, behind *errgroup.Group // the listeners; the gate and its registry, which outlive them
	failed        context.Context // ends when a part of the front does
	stopFront     context.CancelFunc
	stopBehind    context.CancelFunc

	mu        sync.Mutex
	decisions map[string]gate.Decision // by Call-ID
}

// newDemoHouse builds from the outside in: the gate must know where its trunk and its PBX are.
func newDemoHouse(ctx context.Context, o demoOptions, stderr io.Writer) (_ *demoHouse, err error) {
	h := &demoHouse{phones: map[string]*phone.Phone{}, decisions: map[string]gate.Decision{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	if h.world, err = phone.NewCallee("127.0.0.1:0"); err != nil {
		return nil, err
	}
	h.world.Answer(phone.Behaviour{Status: 200, Ring: demoRing, Talk: demoShort})
	h.world.At(string(demoFree), phone.AnswerAfter(demoRing)) // here it is the rep who hangs up
	if h.pbx, err = phone.NewPBX("127.0.0.1:0"); err != nil {
		return nil, err
	}
	cfg := h.config(o)
	if h.store, err = registry.Open(ctx, cfg.Registry, registry.WithKeep(cfg.Records.Keep.Std()), registry.WithOperator("demo")); err != nil {
		return nil, err
	}
	log := newLog(cfg.Log, stderr)
	if h.gate, err = gate.New(gate.Options{Config: cfg.Policy(), Registry: h.store, Gate: cfg.Gate, Report: logProblem(log)}); err != nil {
		return nil, err
	}
	h.sip, err = sip.New(cfg.SIP, sip.Options{
		Gate: h.gate, Metrics: metrics.New(metrics.NewRegistry()), Log: log, Language: cfg.Language, Observe: h.observe,
	})
	if err != nil {
		return nil, err
	}
	h.run(ctx)
	if err := h.seed(ctx); err != nil {
		return nil, fmt.Errorf("the sample data could not be written: %w", err)
	}
	return h, h.connectPhones(ctx)
}

// The demonstration's own measures: nobody wants to listen for ten seconds until a customer is owned.
const (
	demoMinTalk = time.Second             // rules.claim.min_talk, by default 10s; a second is the least
	demoTalk    = 1100 * time.Millisecond // how long a rep talks to a customer worth having
	demoShort   = 300 * time.Millisecond  // after which everybody else hangs up
	demoRing    = 30 * time.Millisecond   // how long a phone rings before it is answered

	demoPatience = 1500 * time.Millisecond // how long it rings when a softphone calls
)

// config is a configuration like any other, less what the demonstration has to say about itself.
func (h *demoHouse) config(o demoOptions) *config.Config {
	cfg := config.Defaults(demoRegion)
	cfg.Gate, cfg.Language = "demo", o.language
	cfg.Registry.URL = "embedded://"
	cfg.Log.Level = "error" // the table says it all
	cfg.Rules.Claim.MinTalk = gate.Duration(demoMinTalk)
	cfg.Rules.Owned.Action = gate.OwnedRedirect
	// The embedded server interprets its scripts, perhaps on a busy laptop: no call of a demonstration shall be let
	// through for that.
	cfg.Rules.Budget = gate.Duration(time.Second)
	from := []string{"127.0.0.0/8", "::1"}
	if !o.listen.Addr().IsLoopback() {
		from = append(from, "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
	}
	cfg.SIP = sip.Config{
		Listen:     []string{"udp://" + o.listen.String(), "tcp://" + o.listen.String()},
		Peers:      []sip.Peer{{Name: "desk", From: from, Identity: "from"}},
		Trunks:     []sip.Trunk{{Name: "world", URI: "sip:" + h.world.Address() + ";transport=udp"}},
		Extensions: sip.Extensions{Pattern: "^20[1-9]$", URI: "sip:" + h.pbx.Address()},
	}
	return cfg
}

// run starts what serves until close.
func (h *demoHouse) run(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	front, stopFront := context.WithCancel(ctx)
	behind, stopBehind := context.WithCancel(ctx)
	h.stopFront, h.stopBehind = stopFront, stopBehind
	h.behind, behind = errgroup.WithContext(behind)
	h.behind.Go(func() error { return h.gate.Run(behind) })
	h.behind.Go(func() error { return h.store.Run(behind) })
	h.front, h.failed = errgroup.WithContext(front)
	h.front.Go(func() error { return h.sip.Run(h.failed) })
}

// openDoors readies the house for softphones: whoever is called from now on takes their time and does not hang up.
func (h *demoHouse) openDoors() {
	patient := phone.AnswerAfter(demoPatience)
	h.world.Answer(patient)
	for _, p := range h.phones {
		p.Answer(patient)
	}
}

// serve waits until ctx ends or the gate fails.
func (h *demoHouse) serve(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-h.failed.Done():
		return errors.New("the gate has stopped listening")
	}
}

// close takes everything down, the phones first; what the last calls left to be written is written.
func (h *demoHouse) close() error {
	var errs []error
	for _, p := range h.phones {
		errs = append(errs, p.Close())
	}
	switch {
	case h.front != nil:
		h.stopFront()
		errs = append(errs, ignoreEnd(h.front.Wait()))
		h.stopBehind()
		errs = append(errs, ignoreEnd(h.behind.Wait()))
	case h.sip != nil:
		h.sip.Close()
	}
	if h.store != nil {
		errs = append(errs, h.store.Close())
	}
	if h.pbx != nil {
		errs = append(errs, h.pbx.Close())
	}
	if h.world != nil {
		errs = append(errs, h.world.Close())
	}
	return errors.Join(errs...)
}

// connectPhones gives each rep a phone that is registered at the PBX through the gate.
func (h *demoHouse) connectPhones(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, demoLimit)
	defer cancel()
	for _, r := range demoReps {
		p, err := phone.New(phone.Config{
			User: r.id, Display: r.name, Transport: r.transport, Proxy: h.server(r.transport), Talk: demoTalk,
		})
		if err != nil {
			return err
		}
		h.phones[r.id] = p
		p.Answer(phone.Behaviour{Status: 200, Ring: demoRing, Talk: demoShort})
		if err := p.Register(ctx); err != nil {
			return err
		}
	}
	return nil
}

// server is where phones find the gate through this transport: on loopback when it listens everywhere.
func (h *demoHouse) server(transport string) string {
	for _, a := range h.sip.Addresses() {
		text, ok := strings.CutPrefix(a, transport+"://")
		if !ok {
			continue
		}
		at, err := netip.ParseAddrPort(text)
		if err == nil && at.Addr().IsUnspecified() {
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port()).String()
		}
		return text
	}
	return ""
}

// observe keeps what the gate decided, which happens before the phone hears of it.
func (h *demoHouse) observe(d gate.Decision) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.decisions[d.Call.CallID] = d
}

func (h *demoHouse) decision(callID string) (gate.Decision, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d, ok := h.decisions[callID]
	return d, ok
}
