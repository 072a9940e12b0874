package requests

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/redistest"
)

const number = gate.Number("+12125550100")

// floor is who is who in these tests: 300 and 301 supervise everybody.
type floor struct {
	mu     sync.Mutex
	owners map[gate.Number]gate.Rep
}

func (f *floor) Owner(_ context.Context, n gate.Number, _ gate.Scope) (gate.Rep, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.owners[n], nil
}

func (f *floor) Supervises(by, _ gate.Rep) bool { return by == "300" || by == "301" }

func (f *floor) own(n gate.Number, rep gate.Rep) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.owners[n] = rep
}

// world is where effects and records end up.
type world struct {
	mu      sync.Mutex
	applied map[string]int // request → how often an effect was called for
	changes []Change
	marks   map[string]bool
	fail    func(Request) error
}

func (w *world) apply(_ context.Context, r Request) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail != nil {
		if err := w.fail(r); err != nil {
			return err
		}
	}
	w.applied[r.ID]++
	return nil
}

func (w *world) GrantPass(ctx context.Context, r Request) error { return w.apply(ctx, r) }
func (w *world) Share(ctx context.Context, r Request) error     { return w.apply(ctx, r) }
func (w *world) Transfer(ctx context.Context, r Request) error  { return w.apply(ctx, r) }
func (w *world) Claim(ctx context.Context, r Request) error     { return w.apply(ctx, r) }
func (w *world) Extend(ctx context.Context, r Request) error    { return w.apply(ctx, r) }
func (w *world) Exempt(ctx context.Context, r Request) error    { return w.apply(ctx, r) }

func (w *world) RecordRequest(_ context.Context, c Change) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.marks[c.Mark] {
		w.marks[c.Mark] = true
		w.changes = append(w.changes, c)
	}
	return nil
}

// told lists what was recorded of one request: "approve by 202 → open".
func (w *world) told(id string) (lines []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.changes {
		if c.Request == id {
			lines = append(lines, c.What+" "+c.By+" "+string(c.State))
		}
	}
	return lines
}

func (w *world) count(id string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.applied[id]
}

// newBook is a Book over client, with everything else faked.
func newBook(client redis.UniversalClient) (*Book, *floor, *world) {
	f := &floor{owners: make(map[gate.Number]gate.Rep)}
	w := &world{applied: make(map[string]int), marks: make(map[string]bool)}
	return NewBook(Options{
		Client: client, Rules: func() gate.RequestsRule { return gate.Defaults("US").Rules.Requests },
		Floor: f, Effects: w, Records: w, Keep: 30 * 24 * time.Hour,
	}), f, w
}

// everywhere runs a test on Redis and on a Cluster.
func everywhere(t *testing.T, test func(t *testing.T, client redis.UniversalClient)) {
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		client := redis.NewClient(&redis.Options{Addr: redistest.Start(t).Addr(), MaxRetries: -1})
		t.Cleanup(func() { require.NoError(t, client.Close()) })
		test(t, client)
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		var hosts []string
		for _, node := range redistest.StartCluster(t, 3).Nodes {
			hosts = append(hosts, node.Addr())
		}
		client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: hosts})
		t.Cleanup(func() { require.NoError(t, client.Close()) })
		test(t, client)
	})
}

func ask(k Kind, n gate.Number, rep gate.Rep) Request {
	return Request{Kind: k, Number: n, Rep: rep, Reason: "they asked for me"}
}

// The owner consents, then a supervisor approves; then the effect is there, once, and every change is recorded.
func TestOwnerThenSupervisor(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, client redis.UniversalClient) {
		ctx := t.Context()
		b, f, w := newBook(client)
		f.own(number, "201")
		r, err := b.Open(ctx, ask(Pass, number, "202"))
		require.NoError(t, err)
		require.Equal(t, Open, r.State)
		require.Equal(t, "owner", r.Step())
		require.Equal(t, gate.Rep("202"), r.To)
		require.Equal(t, 24*time.Hour, r.Expires.Sub(r.Opened))
		require.Equal(t, 4*time.Hour, r.Due.Sub(r.Opened))

		again, err := b.Open(ctx, ask(Pass, number, "202"))
		require.NoError(t, err)
		require.True(t, again.Repeated)
		require.Equal(t, r.ID, again.ID)

		for _, by := range []gate.Rep{"202", "203", "300"} {
			_, err = b.Approve(ctx, r.ID, by, "")
			var not *NotYoursError
			require.ErrorAs(t, err, &not, by)
		}
		r, err = b.Approve(ctx, r.ID, "201", "fine by me")
		require.NoError(t, err)
		require.Equal(t, "supervisor", r.Step())
		again, err = b.Approve(ctx, r.ID, "201", "")
		require.NoError(t, err)
		require.Equal(t, r.Answers, again.Answers, "said twice, done once")
		require.Zero(t, w.count(r.ID))

		r, err = b.Approve(ctx, r.ID, "300", "go on")
		require.NoError(t, err)
		require.Equal(t, Done, r.State)
		require.Equal(t, 1, w.count(r.ID))
		_, err = b.Deny(ctx, r.ID, "301", "")
		var late *LateError
		require.ErrorAs(t, err, &late)
		require.Equal(t, []string{"open 202 open", "approve 201 open", "approve 300 approved", "carry_out  done"}, w.told(r.ID))

		next, err := b.Open(ctx, ask(Pass, number, "202"))
		require.NoError(t, err)
		require.False(t, next.Repeated, "the one before is decided")
		next, err = b.Cancel(ctx, next.ID, "203", "")
		require.ErrorIs(t, err, ErrNotAsking)
		next, err = b.Cancel(ctx, next.ID, "202", "")
		require.NoError(t, err)
		require.Equal(t, Cancelled, next.State)
		_, err = b.Show(ctx, "r99")
		require.ErrorIs(t, err, ErrNone)
		_, err = b.Show(ctx, "x:*")
		require.ErrorIs(t, err, ErrNone)
	})
}

// Who owns it and supervises answers both steps at once; who asks for their own number has consented.
func TestStepsThatFallTogether(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t).Addr()})
	defer client.Close()
	ctx := t.Context()
	b, f, w := newBook(client)
	f.own(number, "300")
	r, err := b.Open(ctx, ask(Transfer, number, "202"))
	require.NoError(t, err)
	r, err = b.Approve(ctx, r.ID, "300", "")
	require.NoError(t, err)
	require.Equal(t, Done, r.State)

	f.own(number, "201")
	shared := ask(Share, number, "201")
	shared.To, shared.Percent = "202", 50
	r, err = b.Open(ctx, shared)
	require.NoError(t, err)
	require.Equal(t, Done, r.State, "its owner shares it")
	require.Equal(t, 1, w.count(r.ID))

	free := gate.Number("+12125550101")
	r, err = b.Open(ctx, ask(Share, free, "202"))
	require.NoError(t, err)
	require.Equal(t, []string{"supervisor"}, r.Steps, "nobody owns it, so nobody consents as its owner")
	own := ask(Claim, free, "300")
	r, err = b.Open(ctx, own)
	require.NoError(t, err)
	_, err = b.Approve(ctx, r.ID, "300", "")
	var not *NotYoursError
	require.ErrorAs(t, err, &not, "nobody grants their own request")
	r, err = b.Approve(ctx, r.ID, "", "the operator may")
	require.NoError(t, err)
	require.Equal(t, Done, r.State)
}

// From the phone: who has to answer, and whether that was asked before.
func TestAsk(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t).Addr()})
	defer client.Close()
	b, f, _ := newBook(client)
	f.own(number, "201")
	asked, before, err := b.Ask(t.Context(), number, "202", "")
	require.NoError(t, err)
	require.Equal(t, gate.Rep("201"), asked)
	require.False(t, before)
	asked, before, err = b.Ask(t.Context(), number, "202", "")
	require.NoError(t, err)
	require.Equal(t, gate.Rep("201"), asked)
	require.True(t, before)
	asked, _, err = b.Ask(t.Context(), "+12125550101", "202", "")
	require.NoError(t, err)
	require.Empty(t, asked, "a supervisor")
}

// One rep cannot fill the book.
func TestOpenRequestsOfARepAreBounded(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t).Addr()})
	defer client.Close()
	ctx := t.Context()
	b, _, _ := newBook(client)
	rules := gate.Defaults("US").Rules.Requests
	rules.Most = 2
	b.Rules = func() gate.RequestsRule { return rules }
	first, err := b.Open(ctx, ask(Claim, number, "202"))
	require.NoError(t, err)
	_, err = b.Open(ctx, ask(Extend, number, "202"))
	require.NoError(t, err)
	_, err = b.Open(ctx, ask(Exemption, number, "202"))
	var many *ManyError
	require.ErrorAs(t, err, &many)
	_, err = b.Deny(ctx, first.ID, "300", "")
	require.NoError(t, err)
	_, err = b.Open(ctx, ask(Exemption, number, "202"))
	require.NoError(t, err)

	rules.Pass.Steps = nil
	_, err = b.Open(ctx, ask(Pass, number, "203"))
	require.ErrorIs(t, err, ErrOff)
	open, err := b.List(ctx, Filter{State: Open})
	require.NoError(t, err)
	require.Len(t, open, 2)
	all, err := b.List(ctx, Filter{Rep: "202", Number: number})
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.Equal(t, Exemption, all[0].Kind, "the newest first")
}

// An effect that fails for now is tried again; one that has become impossible ends the request.
func TestEffectsThatFail(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t).Addr()})
	defer client.Close()
	ctx := t.Context()
	b, _, w := newBook(client)
	w.fail = func(Request) error { return errors.New("the registry is away") }
	r, err := b.Open(ctx, ask(Claim, number, "202"))
	require.NoError(t, err)
	r, err = b.Approve(ctx, r.ID, "300", "")
	require.NoError(t, err)
	require.Equal(t, Approved, r.State)
	w.fail = func(Request) error { return errors.Join(ErrImpossible, errors.New("it is owned by 203")) }
	require.NoError(t, client.ZAdd(ctx, keyDue, redis.Z{Score: 1, Member: r.ID}).Err()) // its five seconds are over
	require.NoError(t, b.Step(ctx))
	r, err = b.Show(ctx, r.ID)
	require.NoError(t, err)
	require.Equal(t, Failed, r.State)
	require.Contains(t, r.Failure, "owned by 203")
	require.Zero(t, w.count(r.ID))
	require.True(t, slices.Contains(w.told(r.ID), "fail  failed"))
}
