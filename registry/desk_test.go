package registry

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

// errand is rep's code about number, in a call of its own.
func errand(code gate.Code, rep gate.Rep, callID string) gate.Errand {
	q := question(number, rep, callID)
	return gate.Errand{Key: q.Key, Terms: q.Terms, Code: code, Number: number, Peer: "desk", Extension: string(rep), For: 7 * 24 * time.Hour}
}

// serve has the desk do an errand, with calls of its own for each.
func serve(t *testing.T, d *Desk, code gate.Code, rep gate.Rep, change ...func(*gate.Errand)) gate.Outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	e := errand(code, rep, fmt.Sprint("call-", time.Now().UnixNano()))
	for _, f := range change {
		f(&e)
	}
	o, err := d.Serve(ctx, e)
	require.NoError(t, err)
	return o
}

func TestDesk(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		d := NewDesk(s, nil)
		protection := question(number, "201", "x").Protection

		require.Equal(t, gate.Free, serve(t, d, gate.CodeOwner, "201").Result)
		require.Equal(t, gate.Free, serve(t, d, gate.CodeRelease, "201").Result)
		o := serve(t, d, gate.CodeClaim, "201")
		require.Equal(t, gate.Claimed, o.Result)
		require.WithinDuration(t, time.Now().Add(protection), o.Until, 10*time.Second)
		h, err := s.Owner(ctx, number)
		require.NoError(t, err)
		require.Equal(t, gate.Rep("201"), h.Owner)
		require.Equal(t, "201", h.Extension)

		require.Equal(t, gate.Yours, serve(t, d, gate.CodeOwner, "201").Result)
		theirs := gate.Outcome{Result: gate.Theirs, Owner: "201", Until: h.Until}
		require.Equal(t, theirs, serve(t, d, gate.CodeOwner, "202"))
		require.Equal(t, theirs, serve(t, d, gate.CodeClaim, "202"))
		o = serve(t, d, gate.CodeRelease, "202")
		require.Equal(t, gate.NotYours, o.Result)
		require.Equal(t, gate.Rep("201"), o.Owner)
		h, err = s.Owner(ctx, number)
		require.NoError(t, err)
		require.Equal(t, gate.Rep("201"), h.Owner, "nobody releases a colleague's number")

		require.Equal(t, gate.NotOffered, serve(t, d, gate.CodeRequest, "202").Result)

		o = serve(t, d, gate.CodeRelease, "201", func(e *gate.Errand) { e.Bar = time.Hour })
		require.Equal(t, gate.Outcome{Result: gate.Released, Owner: "201"}, o)
		h, err = s.Owner(ctx, number)
		require.NoError(t, err)
		require.Empty(t, h.Owner)
		require.Equal(t, "released", h.Pool.Why)
		o = serve(t, d, gate.CodeClaim, "201", func(e *gate.Errand) { e.Bar = time.Hour })
		require.Equal(t, gate.Barred, o.Result)
		require.WithinDuration(t, time.Now().Add(time.Hour), o.Until, 10*time.Second)

		o = serve(t, d, gate.CodeRefused, "202")
		require.Equal(t, gate.NoteTaken, o.Result)
		week := o.Until
		require.WithinDuration(t, time.Now().Add(7*24*time.Hour), week, 10*time.Second)
		o = serve(t, d, gate.CodeRefused, "203", func(e *gate.Errand) { e.For = time.Hour })
		require.Equal(t, week, o.Until, "nobody makes a refusal end sooner by phone")
		h, err = s.Owner(ctx, number)
		require.NoError(t, err)
		require.Equal(t, "202", h.Refusal.By)
		require.Equal(t, gate.SaidNo, serve(t, d, gate.CodeOwner, "202").Result)
		require.Equal(t, gate.SaidNo, serve(t, d, gate.CodeClaim, "202").Result)

		require.NoError(t, s.AddListed(ctx, "company", number, ""))
		require.Equal(t, gate.Outcome{Reason: gate.DNC}, serve(t, d, gate.CodeOwner, "202"))
		require.Equal(t, gate.Outcome{Reason: gate.DNC}, serve(t, d, gate.CodeClaim, "202"))

		records, err := s.History(ctx, number, 100)
		require.NoError(t, err)
		codes := map[string]int{}
		for _, r := range records {
			switch r.Kind {
			case RecordCode:
				codes[r.Reason+" "+r.Note]++
				require.Equal(t, "desk", r.Peer)
				require.NotEmpty(t, r.CallID)
			case RecordOwner:
				require.Equal(t, gate.Rep("201"), r.Rep, "who did it")
				require.Equal(t, "phone", r.Detail["by"])
			case RecordRefusal:
				require.Contains(t, []gate.Rep{"202", "203"}, r.Rep)
			}
		}
		require.Equal(t, map[string]int{
			"owner free": 1, "owner yours": 1, "owner theirs": 1, "owner said_no": 1, "owner dnc": 1,
			"claim claimed": 1, "claim theirs": 1, "claim barred": 1, "claim said_no": 1, "claim dnc": 1,
			"release free": 1, "release not_yours": 1, "release released": 1, "refused note_taken": 2, "request not_offered": 1,
		}, codes, "every use is recorded")
	})
}

// An errand that comes again, at whatever gate, is told what came of the first, and done once.
func TestErrandIsDoneOnce(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		first, second := NewDesk(s, nil), NewDesk(open(t, s.URL()), nil)
		claim := errand(gate.CodeClaim, "201", "claim")
		want, err := first.Serve(ctx, claim)
		require.NoError(t, err)
		require.Equal(t, gate.Claimed, want.Result)
		release := errand(gate.CodeRelease, "201", "release")
		done, err := first.Serve(ctx, release)
		require.NoError(t, err)
		require.Equal(t, gate.Released, done.Result)
		again, err := second.Serve(ctx, release)
		require.NoError(t, err)
		done.Repeated = true
		require.Equal(t, done, again, "answered alike, though nobody owns it now")
		again, err = second.Serve(ctx, claim)
		require.NoError(t, err)
		want.Repeated = true
		require.Equal(t, want, again)
		h, err := s.Owner(ctx, number)
		require.NoError(t, err)
		require.Empty(t, h.Owner, "and not done again")

		var wait sync.WaitGroup // both gates at once
		at := errand(gate.CodeClaim, "202", "at once")
		outcomes := make([]gate.Outcome, 8)
		for i := range outcomes {
			wait.Go(func() {
				bounded, cancel := context.WithTimeout(ctx, 5*time.Second)
				defer cancel()
				outcomes[i], _ = []*Desk{first, second}[i%2].Serve(bounded, at)
			})
		}
		wait.Wait()
		repeated := 0
		for _, o := range outcomes {
			require.Equal(t, gate.Claimed, o.Result)
			require.WithinDuration(t, outcomes[0].Until, o.Until, 0)
			if o.Repeated {
				repeated++
			}
		}
		require.Equal(t, len(outcomes)-1, repeated)
		records, err := s.History(ctx, number, 100)
		require.NoError(t, err)
		codes := 0
		for _, r := range records {
			if r.Kind == RecordCode {
				codes++
			}
		}
		require.Equal(t, 3, codes)
	})
}

// With the registry away an errand ends in time, with an error, and nothing is done later.
func TestErrandWithoutARegistry(t *testing.T) {
	t.Parallel()
	s := open(t, "embedded://")
	d := NewDesk(s, nil)
	s.embedded.close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := d.Serve(ctx, errand(gate.CodeClaim, "201", "c"))
	require.Error(t, err)
}

// asker is a Requests that notes who asked.
type asker struct{ asked []gate.Rep }

func (a *asker) Ask(_ context.Context, _ gate.Number, rep gate.Rep, _ gate.Scope) (gate.Rep, bool, error) {
	a.asked = append(a.asked, rep)
	return "201", len(a.asked) > 1, nil
}

func TestRequestByCode(t *testing.T) {
	t.Parallel()
	s := open(t, "embedded://")
	a := &asker{}
	d := NewDesk(s, a)
	require.Equal(t, gate.Free, serve(t, d, gate.CodeRequest, "202").Result)
	serve(t, d, gate.CodeClaim, "201")
	require.Equal(t, gate.Yours, serve(t, d, gate.CodeRequest, "201").Result)
	require.Empty(t, a.asked)
	require.Equal(t, gate.Outcome{Result: gate.Asked, Owner: "201"}, serve(t, d, gate.CodeRequest, "202"))
	require.Equal(t, gate.Outcome{Result: gate.AskedBefore, Owner: "201"}, serve(t, d, gate.CodeRequest, "202"))
}
