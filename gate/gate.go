// Package gate decides whether a rep may ring a number now. It holds the one normaliser of numbers, the policy, the
// rules in one visible order, and what becomes of a call when the registry does not answer. It also keeps the calls
// that are up, renews what they hold in the registry and tells it how they ended.
//
// It is pure: it knows neither SIP nor Redis. What the company knows comes through the one interface Registry, and the
// time through Options.Now.
package gate

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// remember is how long an ended or blocked attempt is answered alike: 64×T1, for as long as RFC 3261 lets a request be
// retransmitted.
const remember = 32 * time.Second

// Options are what a Gate is made from.
type Options struct {
	Config   Config
	Registry Registry
	People   People           // who works here; default: nobody was entered, and everybody is known
	Desk     Desk             // serves feature codes; nil: nobody does, and each is told so
	Gate     string           // its name in records
	Now      func() time.Time // default time.Now
	Remember time.Duration    // 64×T1; default 32s
	Queue    int              // most events kept while the registry is away; default 65,536, about 40 MB when full
	Report   func(Problem)    // told of outages and lost events, from any goroutine; it must not block. Default: nobody
}

// Gate decides. Run must be running for what it decided to be written down and for its calls to keep their reservations.
type Gate struct {
	registry Registry
	people   People
	desk     Desk
	name     string
	now      func() time.Time
	remember time.Duration

	policy atomic.Pointer[policy]
	calls  calls
	queue  queue
	health health
	busy   atomic.Pointer[func() bool] // see BusyWhen
}

// policy is one configuration made ready, swapped as a whole.
type policy struct {
	config     Config
	normaliser *Normaliser
	terms      Terms
	place      *time.Location // whose midnight ends a day
	shadow     shadow         // which rules are only watched

	passTerritory bool // a pass passes rules.territories

	territories territories
}

// New makes a gate, or says everything that is wrong with its configuration.
func New(o Options) (*Gate, error) {
	if o.Registry == nil {
		return nil, errors.New("gate: no registry was given; a gate cannot decide without one")
	}
	if o.People == nil {
		o.People = nobody{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Report == nil {
		o.Report = func(Problem) {}
	}
	if o.Remember == 0 {
		o.Remember = remember
	}
	if o.Queue == 0 {
		o.Queue = 1 << 16
	}
	g := &Gate{registry: o.Registry, people: o.People, desk: o.Desk, name: o.Gate, now: o.Now, remember: o.Remember}
	g.calls.init()
	g.queue.init(o.Queue)
	g.health.report = o.Report
	if err := g.Reload(o.Config); err != nil {
		return nil, err
	}
	return g, nil
}

// Reload swaps the policy when all of it is right, else keeps the old one. Calls that are up keep the terms they were
// decided with.
func (g *Gate) Reload(c Config) error {
	if err := c.Validate(); err != nil {
		return fmt.Errorf("the rules were not taken: %w", err)
	}
	normaliser, err := NewNormaliser(c.Region, c.Rules.Emergency, c.Extension)
	if err == nil {
		normaliser, err = normaliser.WithCodes(c.Codes, c.Extension)
	}
	if err != nil {
		return err
	}
	place, err := c.Place()
	if err != nil {
		return err
	}
	g.policy.Store(&policy{
		config: c, normaliser: normaliser, terms: g.termsOf(c), place: place,
		territories:   newTerritories(c.Rules.Territories, c.Region),
		passTerritory: slices.Contains(c.Rules.Pass.Over, Territory) && c.Rules.Territories.Action != TerritoryMark,
		shadow:        newShadow(c.Rules.Shadow),
	})
	return nil
}

// termsOf is what of the policy travels with each question.
func (g *Gate) termsOf(c Config) Terms {
	r := &c.Rules
	return Terms{
		Policy:         r.Version(),
		Gate:           g.name,
		Lease:          r.Lease.Std(),
		Remember:       g.remember,
		MinTalk:        r.Claim.MinTalk.Std(),
		Protection:     r.Protection.Std(),
		CoolDown:       r.Refused.CoolDown.Std(),
		Keep:           c.Keep.Std(),
		Redirect:       r.Owned.Action == OwnedRedirect,
		Provisional:    r.Claim.Provisional.Std(),
		ProtectionMost: r.ProtectionMost.Std(),
		NoDeal:         r.NoDeal.Std(),
		DealProtection: r.Deal.Protection.Std(),
		Levels:         packLevels(r.Levels),
		Team:           r.Owned.By == OwnedByTeam,
		Holdings:       r.Holdings.Most,
		CountDeals:     r.Holdings.CountDeals,
		Bar:            r.Pool.Bar.Std(),
		DailyClaims:    r.Pool.DailyClaims,
		Over:           packReasons(r.Pass.Over),
	}
}

// Config is the policy that holds now. Its slices are shared: read only.
func (g *Gate) Config() Config { return g.policy.Load().config }

// Terms are what travels with each question now; commands that write to the registry use them too.
func (g *Gate) Terms() Terms {
	p := g.policy.Load()
	return p.termsAt(p.terms, g.now())
}

// TermsFor are Terms with the limits of one rep.
func (g *Gate) TermsFor(rep Rep) Terms {
	p := g.policy.Load()
	return g.claimTerms(p, rep, g.now())
}

// Read reads a dialled Request-URI by the policy that holds now; see Normaliser.Read.
func (g *Gate) Read(scheme, user string, plan Dialplan) Dialled {
	return g.policy.Load().normaliser.Read(scheme, user, plan)
}

// Emergency says whether Read would read it as an emergency call, for much less; see Normaliser.Emergency.
func (g *Gate) Emergency(scheme, user string, plan Dialplan) bool {
	return g.policy.Load().normaliser.Emergency(scheme, user, plan)
}

// Number reads a number of a list or a command; see Normaliser.Number.
func (g *Gate) Number(text string) (Number, error) { return g.policy.Load().normaliser.Number(text) }

// NationalDigits writes a number for a trunk that wants national notation; see Normaliser.NationalDigits.
func (g *Gate) NationalDigits(n Number) string { return g.policy.Load().normaliser.NationalDigits(n) }

// CountryDigits writes a number for a trunk that wants digits without a "+"; see Normaliser.CountryDigits.
func (g *Gate) CountryDigits(n Number) string { return g.policy.Load().normaliser.CountryDigits(n) }

// CallsUp is how many calls hold a reservation made by this gate: ringing or answered.
func (g *Gate) CallsUp() int { return g.calls.len() }

// Queued is how many events wait to be written to the registry.
func (g *Gate) Queued() int { return g.queue.len() }

// Dropped is how many events were lost because the registry was away for too long.
func (g *Gate) Dropped() uint64 { return g.queue.droppedCount() }

// RegistryUp says whether the registry answered when it was last asked.
func (g *Gate) RegistryUp() bool { return !g.health.away() }
