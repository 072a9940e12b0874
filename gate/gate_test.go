package gate_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/gate/registrytest"
)

const (
	customer = gate.Number("+12125550100")
	rep201   = gate.Rep("201")
	rep202   = gate.Rep("202")
)

// tape is a Memory that keeps what was written and renewed.
type tape struct {
	*registrytest.Memory
	mu      sync.Mutex
	batches [][]gate.Event // that were taken
	tried   [][]gate.Event // all
	renewed [][]gate.Reservation
}

func (r *tape) Write(ctx context.Context, events []gate.Event) error {
	err := r.Memory.Write(ctx, events)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tried = append(r.tried, slices.Clone(events))
	if err == nil {
		r.batches = append(r.batches, slices.Clone(events))
	}
	return err
}

func (r *tape) Renew(ctx context.Context, held []gate.Reservation, t gate.Terms) ([]gate.Reservation, error) {
	lost, err := r.Memory.Renew(ctx, held, t)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.renewed = append(r.renewed, slices.Clone(held))
	return lost, err
}

// events are all that were written, in order.
func (r *tape) events() []gate.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Concat(r.batches...)
}

// office is a gate with a registry in memory and all the problems it reported.
type office struct {
	*gate.Gate
	registry *tape
	mu       sync.Mutex
	problems []gate.Problem
	stop     func() error // ends Run and returns what it returned
}

// config is the policy of the tests: US, extensions 2xx to 8xxx.
func config() gate.Config {
	c := usDefaults()
	c.Extension = "^[2-8][0-9]{2,3}$"
	return c
}

var usDefaults = sync.OnceValue(func() gate.Config { return gate.Defaults("US") })

// open starts a gate. Within synctest all of its time is the bubble's.
func open(t testing.TB, c gate.Config, change ...func(*gate.Options)) *office {
	o := &office{registry: &tape{Memory: registrytest.NewMemory(nil)}}
	options := gate.Options{Config: c, Registry: o.registry, Gate: "gate-1", Report: func(p gate.Problem) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.problems = append(o.problems, p)
	}}
	for _, f := range change {
		f(&options)
	}
	var err error
	o.Gate, err = gate.New(options)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- o.Run(ctx) }()
	o.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { _ = o.stop() })
	return o
}

// call is rep dialling user; id tells its attempts apart.
func (o *office) call(rep gate.Rep, user, id string) gate.Call {
	return gate.Call{
		Key:     gate.Key{Rep: rep, CallID: id, FromTag: "tag-" + id},
		Peer:    "desk",
		Dialled: o.Read("sip", user, nil),
	}
}

func (o *office) dial(rep gate.Rep, user, id string) gate.Decision {
	return o.Decide(context.Background(), o.call(rep, user, id))
}

// kinds are the problems that were reported.
func (o *office) kinds() []gate.ProblemKind {
	o.mu.Lock()
	defer o.mu.Unlock()
	var kinds []gate.ProblemKind
	for _, p := range o.problems {
		kinds = append(kinds, p.Kind)
	}
	return kinds
}

// wait lets time pass in the bubble and everything settle.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// fill puts one number under every rule at once, strongest first: each test of the order then takes the top one away.
func fill(m *registrytest.Memory, rules ...string) {
	for _, rule := range rules {
		switch rule {
		case "bulk": // with the number that a call without one has
			m.LoadDNC(gate.Listing{List: "national", Version: "7"}, customer, "")
		case "dnc":
			m.AddDNC(customer, "company")
		case "refused":
			m.SetRefused(customer, time.Hour)
		case "owned":
			m.SetOwner(customer, rep202, "202", time.Hour)
		}
	}
}

// TestDecideOrder: the order of the rules is fixed, and each number gets the reason of the first that holds.
func TestDecideOrder(t *testing.T) {
	for _, test := range []struct {
		name    string
		user    string
		known   []string
		flight  bool // another rep is ringing it
		verdict gate.Verdict
		reason  gate.Reason
		list    string
	}{
		{"emergency before everything", "911", []string{"bulk"}, false, gate.Allow, gate.Emergency, ""},
		{"internal before the lists", "7042", []string{"bulk"}, false, gate.Allow, gate.Internal, ""},
		{"unreadable before the lists", "2125550100p", []string{"bulk", "dnc"}, false, gate.Block, gate.InvalidNumber, ""},
		{"bulk list before all that the registry knows", "2125550100", []string{"bulk", "dnc", "refused", "owned"}, true, gate.Block, gate.DNC, "national"},
		{"single entry before a refusal", "2125550100", []string{"dnc", "refused", "owned"}, true, gate.Block, gate.DNC, "company"},
		{"refusal before an owner", "2125550100", []string{"refused", "owned"}, true, gate.Block, gate.Refused, ""},
		{"owner before in flight", "2125550100", []string{"owned"}, true, gate.Block, gate.Owned, ""},
		{"in flight", "2125550100", nil, true, gate.Block, gate.InFlight, ""},
		{"free", "2125550100", nil, false, gate.Allow, gate.Allowed, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := open(t, config())
				if test.flight {
					require.Equal(t, gate.Allow, o.dial(rep202, "2125550100", "other").Verdict)
				}
				fill(o.registry.Memory, test.known...)
				d := o.dial(rep201, test.user, "a")
				require.Equal(t, test.verdict, d.Verdict)
				require.Equal(t, test.reason, d.Reason)
				require.Equal(t, test.list, d.List)
				require.Equal(t, config().Rules.Version(), d.Policy)
				require.Equal(t, test.reason == gate.Allowed, d.Reservation.Held())
				require.Equal(t, rep201, d.Call.Rep)
				require.NoError(t, o.stop())
				require.Equal(t, 1, countDecisions(o.registry.Memory, d.Call), "exactly one record a decision")
			})
		})
	}
}

func countDecisions(m *registrytest.Memory, c gate.Call) (n int) {
	for _, r := range m.Records(c.Dialled.Number) {
		if r.CallID == c.CallID && r.Decision != "" {
			n++
		}
	}
	return n
}

func TestLocalDecisionsAreWrittenWithin100ms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, config())
		for i, user := range []string{"911", "202", "x"} {
			_, ok := o.Local(o.call(rep201, user, user))
			require.True(t, ok)
			require.Equal(t, i+1, o.Queued())
		}
		_, ok := o.Local(o.call(rep201, "2125550100", "a"))
		require.False(t, ok, "this one is the registry's")
		wait(100 * time.Millisecond)
		require.Zero(t, o.Queued())
		require.Zero(t, o.registry.Asked())
		var reasons []gate.Reason
		for _, e := range o.registry.events() {
			reasons = append(reasons, e.Decision.Reason)
		}
		require.Equal(t, []gate.Reason{gate.Emergency, gate.Internal, gate.InvalidNumber}, reasons)
	})
}

func TestAskNeverAsksAboutWhatIsLocal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, config())
		o.registry.Sleep()
		for user, want := range map[string]gate.Reason{"911": gate.Emergency, "202": gate.Internal, "x": gate.InvalidNumber} {
			start := time.Now()
			d := o.Ask(t.Context(), o.call(rep201, user, user))
			require.Equal(t, want, d.Reason)
			require.Zero(t, time.Since(start), "%s waited", user)
		}
		forged := o.call(rep201, "2125550100", "forged")
		forged.Dialled.Number = ""
		require.Equal(t, gate.InvalidNumber, o.Ask(t.Context(), forged).Reason)
		require.Zero(t, o.registry.Asked())
		o.registry.Wake()
	})
}

func TestRedirect(t *testing.T) {
	for _, test := range []struct {
		name, extension string
		action          gate.OwnedAction
		verdict         gate.Verdict
	}{
		{"to the owner's extension", "202", gate.OwnedRedirect, gate.Redirect},
		{"not when the policy says block", "202", gate.OwnedBlock, gate.Block},
		{"not without an extension", "", gate.OwnedRedirect, gate.Block},
		{"not to what is no extension any more", "99202", gate.OwnedRedirect, gate.Block},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := config()
				c.Rules.Owned.Action = test.action
				o := open(t, c)
				o.registry.SetOwner(customer, rep202, test.extension, time.Hour)
				d := o.dial(rep201, "2125550100", "a")
				require.Equal(t, test.verdict, d.Verdict)
				require.Equal(t, gate.Owned, d.Reason)
				require.Equal(t, rep202, d.Owner)
				require.False(t, d.Reservation.Held())
				require.Zero(t, o.CallsUp())
				blocked := d.Blocked()
				require.Equal(t, gate.Block, blocked.Verdict)
				require.Equal(t, gate.Owned, blocked.Reason)
				require.Empty(t, blocked.Extension)
			})
		})
	}
	allowed := gate.Decision{Verdict: gate.Allow, Reason: gate.Emergency}
	require.Equal(t, allowed, allowed.Blocked(), "only a redirect can come to nothing")
}

func TestCheckChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, config())
		for user, want := range map[string]gate.Reason{"911": gate.Emergency, "2125550100": gate.Allowed, "x": gate.InvalidNumber} {
			d, err := o.Check(t.Context(), o.call(rep201, user, user))
			require.NoError(t, err)
			require.Equal(t, want, d.Reason)
			require.False(t, d.Reservation.Held())
		}
		require.Zero(t, o.CallsUp())
		require.Zero(t, o.Queued())
		require.Empty(t, o.registry.Records(customer))
		_, held := o.registry.Held(customer)
		require.False(t, held)

		o.registry.Sleep()
		d, err := o.Check(t.Context(), o.call(rep201, "2125550100", "later"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, gate.RegistryDown, d.Reason)
		require.Zero(t, o.Queued())
		o.registry.Wake()
	})
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, config())
		before := o.Terms()
		bad := config()
		bad.Rules.Protection, bad.Rules.Budget = 0, 0
		err := o.Reload(bad)
		require.ErrorContains(t, err, "rules.protection")
		require.ErrorContains(t, err, "rules.budget")
		require.Equal(t, before, o.Terms(), "the old rules stay")

		d := o.dial(rep201, "2125550100", "a")
		o.Answered(d.Reservation)
		good := config()
		good.Rules.Claim.MinTalk = gate.Duration(time.Minute)
		good.Rules.Emergency = []string{"112", "911", "999"}
		require.NoError(t, o.Reload(good))
		require.NotEqual(t, before.Policy, o.Terms().Policy)
		require.Equal(t, gate.Emergency, o.dial(rep201, "999", "b").Reason)
		wait(before.MinTalk + 100*time.Millisecond)
		require.Equal(t, rep201, o.registry.Owner(customer), "a call that is up keeps the terms it was decided with")
	})
}

func TestNewNeedsARegistry(t *testing.T) {
	_, err := gate.New(gate.Options{Config: config()})
	require.ErrorContains(t, err, "registry")
	_, err = gate.New(gate.Options{Config: gate.Config{Region: "XX"}, Registry: registrytest.NewMemory(nil)})
	for _, key := range []string{"region", "rules.emergency", "rules.lease", "records.keep"} {
		require.ErrorContains(t, err, key+": ")
	}
}

// nonsense answers without a reason.
type nonsense struct{ *registrytest.Memory }

func (nonsense) Decide(context.Context, gate.Question) (gate.Answer, error) {
	return gate.Answer{Verdict: gate.Allow}, nil
}

func TestAnAnswerWithoutAReasonIsAnOutage(t *testing.T) {
	c := config()
	c.Rules.OnRegistryDown = gate.OutageBlock
	g, err := gate.New(gate.Options{Config: c, Registry: nonsense{registrytest.NewMemory(nil)}})
	require.NoError(t, err)
	d := g.Decide(t.Context(), gate.Call{Key: gate.Key{Rep: "201"}, Dialled: g.Read("sip", "2125550100", nil)})
	require.Equal(t, gate.Block, d.Verdict)
	require.Equal(t, gate.RegistryDown, d.Reason)
	require.True(t, d.Degraded)
	_, err = g.Check(t.Context(), gate.Call{Key: gate.Key{Rep: "201"}, Dialled: g.Read("sip", "2125550100", nil)})
	require.Error(t, err)
	require.False(t, errors.Is(err, context.DeadlineExceeded))
}

// A call that names nobody is blocked before any list is looked at; emergency and internal calls need no name.
func TestUnknownRep(t *testing.T) {
	g, err := gate.New(gate.Options{Config: config(), Registry: registrytest.NewMemory(nil)})
	require.NoError(t, err)
	for dialled, want := range map[string]gate.Reason{
		"2125550100": gate.UnknownRep, "911": gate.Emergency, "305": gate.Internal, "x": gate.InvalidNumber,
	} {
		d, ok := g.Local(gate.Call{Dialled: g.Read("sip", dialled, nil)})
		require.True(t, ok, dialled)
		require.Equal(t, want, d.Reason, dialled)
	}
}
