package requests

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
	"github.com/ringfence/ringfence/registry/redistest"
)

// staff is who works here.
type staff map[gate.Rep]gate.Person

func (s staff) Person(wire gate.Rep) (gate.Person, bool) { p, ok := s[wire]; return p, ok }
func (s staff) Loaded() bool                             { return true }
func (s staff) Queue(gate.Team) string                   { return "" }

var people = staff{
	"201": {Rep: "201", Team: "east"},
	"202": {Rep: "202", Team: "west", Extension: "8202"},
	"300": {Rep: "300", Team: "east", Supervisor: true},
	"301": {Rep: "301", Team: "west", Supervisor: true},
	"302": {Rep: "302", Team: "east", Supervisor: true, Left: true},
}

func openStore(t *testing.T, url string) *registry.Store {
	t.Helper()
	cfg := registry.Defaults()
	cfg.URL = url
	s, err := registry.Open(t.Context(), cfg, registry.WithoutLists(), registry.WithOperator("admin"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func terms() gate.Terms {
	return gate.Terms{Protection: 30 * 24 * time.Hour, Keep: 30 * 24 * time.Hour, Bar: 24 * time.Hour}
}

// newHouse is a Book over a real registry.
func newHouse(t *testing.T, s *registry.Store) (*Book, House) {
	t.Helper()
	cfg := gate.Defaults("US")
	cfg.Extension, cfg.Rules.Pass.Most = "^8?20[0-9]$", gate.Duration(time.Hour)
	g, err := gate.New(gate.Options{Config: cfg, Registry: s, People: people, Gate: "test"})
	require.NoError(t, err)
	h := House{Store: s, Gate: g}
	return NewBook(Options{
		Client: s.Client(), Rules: func() gate.RequestsRule { return gate.Defaults("US").Rules.Requests },
		Floor: h, Effects: h, Records: h, Operator: s.Operator(), Keep: 30 * 24 * time.Hour,
	}), h
}

func claim(t *testing.T, s *registry.Store, rep gate.Rep) {
	t.Helper()
	_, err := s.Claim(t.Context(), number, registry.ClaimOrder{Rep: rep, Terms: terms()})
	require.NoError(t, err)
}

// What was approved is there: in the registry, in the name of who approved it, with the request in the record.
func TestEffects(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"redis", "cluster", "embedded"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			url := "embedded://"
			switch kind {
			case "redis":
				url = redistest.Start(t).URL()
			case "cluster":
				url = redistest.StartCluster(t, 3).URL()
			}
			s := openStore(t, url)
			b, _ := newHouse(t, s)
			ctx := t.Context()
			granted := func(r Request, by ...gate.Rep) Request {
				t.Helper()
				r, err := b.Open(ctx, r)
				require.NoError(t, err)
				for _, who := range by {
					r, err = b.Approve(ctx, r.ID, who, "agreed")
					require.NoError(t, err)
				}
				return r
			}
			owner := func() registry.Holding {
				t.Helper()
				h, err := s.Owner(ctx, number)
				require.NoError(t, err)
				return h
			}

			require.Equal(t, Done, granted(ask(Claim, number, "201"), "300").State)
			require.Equal(t, gate.Rep("201"), owner().Owner)
			require.Equal(t, gate.Team("east"), owner().Team)
			shared := ask(Share, number, "202")
			shared.Percent = 40
			require.Equal(t, Done, granted(shared, "201").State)
			require.Len(t, owner().Collaborators, 1)
			require.Equal(t, "201", owner().Collaborators[0].By)
			once := ask(Pass, number, "203")
			once.For = 48 * time.Hour
			require.Equal(t, Done, granted(once, "201", "300").State)
			for p, err := range s.Passes(ctx, number) {
				require.NoError(t, err)
				require.Equal(t, gate.Rep("203"), p.Rep)
				require.Equal(t, "300", p.By)
				require.WithinDuration(t, time.Now().Add(time.Hour), p.Until, time.Minute, "no longer than the rules allow")
			}
			require.Equal(t, gate.Pass, dial(t, s, "203", "first"))
			require.Equal(t, gate.Owned, dial(t, s, "203", "second"), "a pass is one call")
			longer := ask(Extend, number, "201")
			longer.For = 10 * 24 * time.Hour
			before := owner().Until
			r := granted(longer, "300")
			require.Equal(t, 10*24*time.Hour, owner().Until.Sub(before))

			records, err := s.History(ctx, number, 20)
			require.NoError(t, err)
			found := false
			for _, record := range records {
				if record.Kind == registry.RecordOwner && record.Reason == "extend" {
					require.Equal(t, r.ID, record.Detail["request"])
					require.Equal(t, gate.Rep("300"), record.Rep)
					found = true
				}
			}
			require.True(t, found)

			moved := granted(ask(Transfer, number, "202"), "201")
			_, err = b.Approve(ctx, moved.ID, "301", "")
			var not *NotYoursError
			require.ErrorAs(t, err, &not, "the owner's team has something to lose, not the other")
			_, err = b.Approve(ctx, moved.ID, "302", "")
			require.ErrorAs(t, err, &not, "she has left")
			moved, err = b.Approve(ctx, moved.ID, "300", "")
			require.NoError(t, err)
			require.Equal(t, Done, moved.State)
			require.Equal(t, gate.Rep("202"), owner().Owner)
			require.Equal(t, "8202", owner().Extension)

			_, err = s.Refuse(ctx, number, "202", time.Hour, "no")
			require.NoError(t, err)
			require.Equal(t, Done, granted(ask(Exemption, number, "202"), "301").State)
			require.Nil(t, owner().Refusal)

			impossible := granted(ask(Claim, number, "201"), "301")
			require.Equal(t, Failed, impossible.State)
			require.Contains(t, impossible.Failure, "owned by 202")
		})
	}
}

// dial asks what a call would be asked, and ends it at once.
func dial(t *testing.T, s *registry.Store, rep gate.Rep, callID string) gate.Reason {
	t.Helper()
	q := gate.Question{
		Reservation: gate.Reservation{Key: gate.Key{Rep: rep, CallID: callID, FromTag: "t"}, Number: number},
		Terms:       terms(),
	}
	q.Lease, q.Remember, q.Over = time.Minute, 32*time.Second, ",owned,"
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	a, err := s.Decide(ctx, q)
	require.NoError(t, err)
	require.NoError(t, s.Write(ctx, []gate.Event{{Kind: gate.Ended, Reservation: q.Reservation, Terms: q.Terms, Ending: gate.EndUnanswered}}))
	return a.Reason
}

// The pass was given and used up before anybody heard of it: it is not given again.
func TestAPassIsGivenOnce(t *testing.T) {
	t.Parallel()
	s := openStore(t, redistest.Start(t).URL())
	_, house := newHouse(t, s)
	claim(t, s, "201")
	r := Request{ID: "r1", Kind: Pass, Number: number, Rep: "202", To: "202"}
	require.NoError(t, house.GrantPass(t.Context(), r))
	require.Equal(t, gate.Pass, dial(t, s, "202", "first"))
	require.NoError(t, house.GrantPass(t.Context(), r))
	require.Equal(t, gate.Owned, dial(t, s, "202", "second"))
}

// dying is a House that does its work and dies before anybody hears of it.
type dying struct {
	House
	kill context.CancelFunc
}

func (d dying) Extend(ctx context.Context, r Request) error {
	if err := d.House.Extend(ctx, r); err != nil {
		return err
	}
	d.kill()
	return context.Canceled
}

// The effect was there and nobody had heard of it: the next gate says so and does not do it again.
func TestKilledAfterTheEffect(t *testing.T) {
	t.Parallel()
	s := openStore(t, redistest.Start(t).URL())
	b, house := newHouse(t, s)
	claim(t, s, "201")
	longer := ask(Extend, number, "201")
	longer.For = 10 * 24 * time.Hour
	r, err := b.Open(t.Context(), longer)
	require.NoError(t, err)
	h, err := s.Owner(t.Context(), number)
	require.NoError(t, err)
	before := h.Until

	ctx, kill := context.WithCancel(t.Context())
	first := NewBook(b.Options)
	first.Effects = dying{house, kill}
	_, err = first.Approve(ctx, r.ID, "300", "")
	require.NoError(t, err)
	require.Error(t, ctx.Err())
	r, err = b.Show(t.Context(), r.ID)
	require.NoError(t, err)
	require.Equal(t, Approved, r.State)

	require.NoError(t, s.Client().HSet(t.Context(), keyRequest(r.ID), "lease", 1).Err()) // half a minute later
	_, err = b.carryOut(t.Context(), r.ID)
	require.NoError(t, err)
	r, err = b.Show(t.Context(), r.ID)
	require.NoError(t, err)
	require.Equal(t, Done, r.State)
	h, err = s.Owner(t.Context(), number)
	require.NoError(t, err)
	require.Equal(t, 10*24*time.Hour, h.Until.Sub(before), "it is ten days longer, not twenty")
}
