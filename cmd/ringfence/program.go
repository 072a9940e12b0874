package main

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/ringfence/ringfence/cmd/ringfence/config"
	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/metrics"
	"github.com/ringfence/ringfence/registry"
	"github.com/ringfence/ringfence/registry/requests"
	"github.com/ringfence/ringfence/registry/webhooks"
	"github.com/ringfence/ringfence/sip"
)

// pingEvery is how often the registry is asked for a sign of life, so that registry_up tells the truth when nobody calls.
const pingEvery = time.Second

// program is a gate that serves: everything that `serve` starts, as one value.
type program struct {
	log     zerolog.Logger
	metrics *metrics.Metrics
	store   *registry.Store
	gate    *gate.Gate
	sip     *sip.Server
	http    *metrics.Server // nil when http.listen is off

	requests *requests.Book
	webhooks *webhooks.Webhooks

	cfg      atomic.Pointer[config.Config]
	draining atomic.Bool
	away     atomic.Bool   // the registry did not answer the last ping
	reloaded chan struct{} // gets a token when other rules are in force
}

// newProgram connects to the registry and binds every listener, in the order in which one part needs the other. Nothing
// is answered before Run. When a part fails, those before it are closed again.
func newProgram(ctx context.Context, cfg *config.Config, stderr io.Writer) (_ *program, err error) {
	p := &program{log: newLog(cfg.Log, stderr), reloaded: make(chan struct{}, 1)}
	p.cfg.Store(cfg)
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	p.store, err = registry.Open(ctx, cfg.Registry,
		registry.WithLateServer(), registry.WithKeep(cfg.Records.Keep.Std()),
		registry.WithLog(func(err error) { p.log.Error().Err(err).Msg("registry") }))
	if err != nil {
		return nil, err
	}

	collectors := metrics.NewRegistry()
	p.metrics = metrics.New(collectors)
	p.gate, err = gate.New(gate.Options{
		Config:   cfg.Policy(),
		Registry: p.metrics.Registry(p.store, registry.ErrSuspended),
		People:   p.store.People(),
		Desk:     registry.NewDesk(p.store, asker{p}),
		Gate:     cfg.Gate,
		Report:   logProblem(p.log),
	})
	if err != nil {
		return nil, err
	}
	p.sip, err = sip.New(cfg.SIP, sip.Options{
		Gate: p.gate, Directory: p.store, Metrics: p.metrics, Log: p.log, FullNumbers: cfg.Log.FullNumbers(), Language: cfg.Language,
	})
	if err != nil {
		return nil, err
	}
	if !cfg.HTTP.Off() {
		if p.http, err = metrics.Listen(cfg.HTTP.Listen, collectors, p.Ready, p.pages()...); err != nil {
			return nil, err
		}
	}
	p.requests = p.newBook()
	p.webhooks, err = webhooks.New(cfg.Webhooks, webhooks.Options{
		Client: p.store.Client(), Records: p.store, Meter: p.metrics,
		Log: func(err error) { p.log.Warn().Err(err).Msg("webhooks") },
	})
	if err != nil {
		return nil, err
	}
	p.nameSources()
	return p, nil
}

// pages are what the HTTP listener answers besides its own: the card of answer profile 608, where the gate serves it.
func (p *program) pages() []metrics.Page {
	issuer := p.sip.CardIssuer()
	if issuer == nil {
		return nil
	}
	return []metrics.Page{{Path: "/card", Handler: issuer}, {Path: "/card/", Handler: issuer}}
}

// nameSources tells the metrics where to read what they do not count themselves.
func (p *program) nameSources() {
	b := thisBuild()
	p.metrics.Build(b.Version, b.Revision)
	p.metrics.Reloaded(time.Now(), nil)
	p.metrics.CallsUp(p.gate.CallsUp)
	p.metrics.Events(p.gate.Queued, p.gate.Dropped)
	p.metrics.Transactions(p.sip.Transactions)
	p.metrics.Trunks(p.sip.Trunks)
	p.metrics.Ready(p.Ready)
	p.metrics.Lists(p.lists)
	p.metrics.WebhooksWaiting(p.webhooks.Waiting)
}

// lists are the do-not-call lists in this gate's memory.
func (p *program) lists() []metrics.List {
	held := p.store.Lists().Snapshot()
	lists := make([]metrics.List, len(held))
	for i, l := range held {
		lists[i] = metrics.List{Name: l.List, Numbers: l.Numbers, Loaded: l.Loaded}
	}
	return lists
}

// Run serves until ctx ends or a part fails. The gate and its registry outlive the listeners: what the last calls left
// to be written is written.
func (p *program) Run(ctx context.Context) error {
	p.announce()
	behind, stopBehind := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBehind()
	inner, behind := errgroup.WithContext(behind)
	inner.Go(func() error { return p.gate.Run(behind) })
	inner.Go(func() error { return p.store.Run(behind) })
	inner.Go(func() error { return p.store.CopyCustomers(behind) })
	inner.Go(func() error { return p.recycler().Run(behind) })
	inner.Go(func() error { return p.watchRegistry(behind) })
	inner.Go(func() error { return p.checkRegistry(behind) })
	inner.Go(func() error { return p.afterPrepared(behind, p.requests.Run) })
	inner.Go(func() error { return p.afterPrepared(behind, p.webhooks.Run) })
	inner.Go(func() error { return p.afterPrepared(behind, p.moveStages) })
	inner.Go(func() error { return p.afterPrepared(behind, p.keepPolicies) })

	outer, front := errgroup.WithContext(ctx)
	outer.Go(func() error { return p.sip.Run(front) })
	if p.http != nil {
		outer.Go(func() error { return p.http.Run(front) })
	}
	outer.Go(func() error { // a part behind that fails takes the listeners with it
		select {
		case <-front.Done():
			return nil
		case <-behind.Done():
			return errors.New("a part behind the listeners has stopped")
		}
	})
	served := ignoreEnd(outer.Wait())
	stopBehind()
	return errors.Join(served, ignoreEnd(inner.Wait()), p.store.Close())
}

// ignoreEnd drops the error that only says that the context ended: that is how a program is stopped.
func ignoreEnd(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// announce says where it listens, now that the kernel has chosen what was left to it.
func (p *program) announce() {
	event := p.log.Info().Str("version", version).Str("gate", p.cfg.Load().Gate).
		Str("policy", p.gate.Terms().Policy).Strs("sip", p.sip.Addresses()).Str("registry", p.store.URL())
	if p.http != nil {
		event = event.Str("http", p.http.Address())
	}
	event.Msg("serving")
}

// checkRegistry says what is unsafe about the registry as soon as it can be asked.
func (p *program) checkRegistry(ctx context.Context) error {
	select {
	case <-ctx.Done():
	case <-p.store.Prepared():
		logFindings(p.log, p.store.StartupChecks(ctx))
	}
	return nil
}

// afterPrepared runs a part that needs the registry once the registry has come.
func (p *program) afterPrepared(ctx context.Context, run func(context.Context) error) error {
	select {
	case <-ctx.Done():
		return nil
	case <-p.store.Prepared():
		return run(ctx)
	}
}

// watchRegistry asks the registry for a sign of life now and then.
func (p *program) watchRegistry(ctx context.Context) error {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		ask, cancel := context.WithTimeout(ctx, pingEvery/2)
		err := p.store.Ping(ask)
		cancel()
		p.away.Store(err != nil)
		p.metrics.RegistryAnswered(err)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Ready says what keeps the gate from taking calls; nil when nothing does. A registry that is away does not, as long as
// calls are let through without it: sending them elsewhere would help nobody.
func (p *program) Ready() error {
	if p.draining.Load() {
		return errors.New("draining: new calls are refused until the program ends")
	}
	if err := p.sip.Ready(); err != nil {
		return err
	}
	select {
	case <-p.store.Prepared():
	default:
		return gate.ErrListsUnknown
	}
	// By the ping and not by what the gate heard last: a gate that is not ready hears nothing, and would stay so.
	if p.away.Load() && p.gate.Config().Rules.OnRegistryDown == gate.OutageBlock {
		return errors.New("the registry does not answer and rules.on_registry_down is block: every call is refused")
	}
	return nil
}

// Drain refuses new calls with 503, and returns when no call is up and no transaction waits for anything, or when ctx ends.
func (p *program) Drain(ctx context.Context) {
	const lookEvery = 100 * time.Millisecond
	p.draining.Store(true)
	p.sip.Drain()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for p.gate.CallsUp() > 0 || p.sip.Active() > 0 {
		select {
		case <-ctx.Done():
			p.log.Warn().Int("calls_up", p.gate.CallsUp()).Msg("drained for long enough; ending with calls up")
			return
		case <-tick.C:
		}
	}
}

// Reload takes a new configuration over. Everything that can fail comes first: when it does, the old one stays.
func (p *program) Reload(next *config.Config) error {
	old := p.cfg.Load()
	if err := old.SameStatic(next); err != nil {
		return err
	}
	policy := next.Policy()
	if err := policy.Validate(); err != nil {
		return err
	}
	if err := p.sip.Reload(next.SIP); err != nil {
		return err
	}
	if err := p.webhooks.Reload(next.Webhooks); err != nil {
		return errors.Join(err, p.sip.Reload(old.SIP))
	}
	if err := p.gate.Reload(policy); err != nil {
		return errors.Join(err, p.sip.Reload(old.SIP), p.webhooks.Reload(old.Webhooks))
	}
	p.cfg.Store(next)
	p.noteReload()
	return nil
}

// close lets go of what a program that is not run has opened.
func (p *program) close() error {
	if p.sip != nil {
		p.sip.Close()
	}
	if p.store != nil {
		return p.store.Close()
	}
	return nil
}
