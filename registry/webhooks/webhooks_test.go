package webhooks

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
	"github.com/ringfence/ringfence/registry/redistest"
)

// Of all that happens, what an endpoint asked for is told it, signed, with the number masked.
func TestEventsAreTold(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"redis", "cluster"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			var url string
			if kind == "cluster" {
				url = redistest.StartCluster(t, 3).URL()
			} else {
				url = redistest.Start(t).URL()
			}
			s := open(t, url)
			refuse(t, s, "+12125550109") // before there was a webhook
			crm, all := newReceiver(t, true), newReceiver(t, false)
			full := all.told(t, "*")
			full.Name, full.Numbers = "audit", "full"
			m := newMeter()
			run(t, s, m, crm.told(t, "refusal.noted", "request.*"), full)
			following(t, s)

			refuse(t, s, number)
			_, err := s.LiftRefusal(t.Context(), number)
			require.NoError(t, err)
			require.NoError(t, s.RecordOnce(t.Context(), "x", registry.Record{
				Kind: registry.RecordRequest, Reason: "approve", Rep: "300", Number: "+12125550101", Detail: map[string]string{"request": "r1"},
			}))
			soon(t, "all are told", func() bool { return len(all.got()) == 3 && len(crm.got()) == 2 })
			soon(t, "the outbox is empty", func() bool { return m.of(Delivered) == 5 })

			events := make(map[string]received)
			for _, got := range crm.got() {
				verify(t, got)
				events[got.event.Event] = got
				require.Equal(t, got.event.Event, got.header.Get("Ringfence-Event"))
				require.Equal(t, got.event.ID, got.header.Get("Ringfence-Delivery"))
				require.Equal(t, "1", got.header.Get("Ringfence-Attempt"))
				require.NotContains(t, got.body, "2125550")
			}
			noted := events["refusal.noted"].event
			require.Equal(t, "+1212*****00", noted.Number)
			require.Equal(t, gate.Rep("tester"), noted.By)
			require.Equal(t, "not interested", noted.Note)
			require.WithinDuration(t, time.Now(), noted.Time, patient)
			require.Equal(t, map[string]string{"request": "r1"}, events["request.approved"].event.Detail)
			for _, got := range all.got() {
				require.Regexp(t, `^\+1212555010[01]$`, got.event.Number)
			}
			for _, name := range []string{"crm", "audit"} {
				require.Zero(t, s.Client().Exists(t.Context(), endpointKeys(name)[0]).Val())
				require.Zero(t, s.Client().Exists(t.Context(), endpointKeys(name)[1]).Val())
				require.Zero(t, s.Client().Exists(t.Context(), endpointKeys(name)[2]).Val())
			}
		})
	}
}

// Three gates run the same webhooks, and each event is delivered once.
func TestOneGateDelivers(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, server.URL())
	crm := newReceiver(t, false)
	e, m := crm.told(t, "refusal.*"), newMeter()
	for range 3 {
		run(t, open(t, server.URL()), m, e)
	}
	following(t, s)
	const many = 120
	for i := range many {
		refuse(t, s, gate.Number(fmt.Sprintf("+121255502%02d", i%100)))
	}
	soon(t, "all are told", func() bool { return m.of(Delivered) >= many })
	seen := make(map[string]bool)
	for _, got := range crm.got() {
		require.False(t, seen[got.event.ID], "told twice: %s", got.event.ID)
		seen[got.event.ID] = true
	}
	require.Len(t, seen, many)
}

// due makes what waits due now, as if its pause were over.
func due(t *testing.T, s *registry.Store, endpoint string) {
	t.Helper()
	ctx := context.Background()
	ids, err := s.Client().ZRange(ctx, keyDue(endpoint), 0, -1).Result()
	require.NoError(t, err)
	for _, id := range ids {
		require.NoError(t, s.Client().ZAddXX(ctx, keyDue(endpoint), redis.Z{Score: 1, Member: id}).Err())
	}
}

// A receiver that fails gets it again, later and later, with the same id; after a day it is given up.
func TestFailuresAreTriedAgain(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).URL())
	crm := newReceiver(t, false)
	crm.answer = func(w http.ResponseWriter, nth int) {
		if nth < 3 {
			w.WriteHeader(500)
		}
	}
	m := newMeter()
	w := run(t, s, m, crm.told(t, "*"))
	following(t, s)
	refuse(t, s, number)
	soon(t, "the first attempt", func() bool { return m.of(Retried) == 1 })
	waits, err := s.Client().ZScore(t.Context(), keyDue("crm"), crm.got()[0].event.ID).Result()
	require.NoError(t, err)
	require.Greater(t, time.Until(time.UnixMilli(int64(waits))), firstPause/4)
	soon(t, "it is counted as waiting", func() bool { return w.Waiting() == 1 })
	due(t, s, "crm")
	soon(t, "the second attempt", func() bool { return m.of(Retried) == 2 })
	due(t, s, "crm")
	soon(t, "the third attempt", func() bool { return m.of(Delivered) == 1 })
	got := crm.got()
	require.Len(t, got, 3)
	require.Equal(t, got[0].event.ID, got[2].event.ID)
	require.Equal(t, "3", got[2].header.Get("Ringfence-Attempt"))
	verify(t, got[2])

	crm.mu.Lock()
	crm.answer = func(w http.ResponseWriter, _ int) { w.WriteHeader(404) }
	crm.mu.Unlock()
	refuse(t, s, number)
	soon(t, "it fails", func() bool { return m.of(Retried) == 3 })
	id := crm.got()[3].event.ID
	dayAgo := time.Now().Add(-giveUp).UnixMilli()
	require.NoError(t, s.Client().HSet(t.Context(), keyTry("crm"), id, fmt.Sprintf("9%s%d", sep, dayAgo)).Err())
	due(t, s, "crm")
	soon(t, "it is given up", func() bool { return m.of(GivenUp) == 1 })
	require.Zero(t, s.Client().ZCard(t.Context(), keyDue("crm")).Val())
}

func TestPauses(t *testing.T) {
	for attempt, want := range map[int]time.Duration{1: firstPause, 2: 2 * firstPause, 5: 16 * firstPause, 9: 2560 * time.Second, 12: mostPause, 1000: mostPause} {
		for range 100 {
			require.InDelta(t, want, pause(attempt), float64(want)/2+1, "attempt %d", attempt)
		}
	}
}

// A receiver that is away, or slow, holds up neither the others nor anybody who calls: no goroutine of a caller ever
// meets a webhook, and the records go on.
func TestASlowReceiverHoldsUpNobody(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).URL())
	slow, quick := newReceiver(t, false), newReceiver(t, false)
	release := make(chan struct{})
	slow.answer = func(http.ResponseWriter, int) { <-release }
	t.Cleanup(func() { close(release) })
	away := httptest.NewServer(nil)
	away.Close()
	first, second, third := slow.told(t, "*"), quick.told(t, "*"), quick.told(t, "*")
	second.Name, third.Name, third.URL = "quick", "away", away.URL
	m := newMeter()
	run(t, s, m, first, second, third)
	following(t, s)
	for i := range 20 {
		refuse(t, s, gate.Number(fmt.Sprintf("+121255503%02d", i)))
	}
	soon(t, "the quick one has them", func() bool { return len(quick.got()) == 20 })
	require.Positive(t, m.of(Retried), "the one that is away")
	require.LessOrEqual(t, len(slow.got()), atOnce)
	waiting, err := outbox{s.Client(), mostWaiting}.waiting(t.Context(), "crm")
	require.NoError(t, err)
	require.Equal(t, 20, waiting)
}

// What waits is bounded; what is more is left out, and the others get it.
func TestOutboxIsBounded(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).URL())
	m := newMeter()
	crm := newReceiver(t, false)
	w, err := New([]Endpoint{crm.told(t, "*")}, Options{Client: s.Client(), Records: s, Meter: m, Log: func(error) {}})
	require.NoError(t, err)
	w.outbox.most = 3
	r := &reader{Webhooks: w, endpoints: *w.endpoints.Load(), name: "this"}
	require.NoError(t, r.look(t.Context()))
	for range 5 {
		refuse(t, s, number)
	}
	require.NoError(t, r.look(t.Context()))
	require.Equal(t, 2, m.of(LeftOut))
	waiting, err := w.outbox.waiting(t.Context(), "crm")
	require.NoError(t, err)
	require.Equal(t, 3, waiting)
}

// Two gates both think that they read: each event enters the outbox once, and neither goes astray.
func TestTwoReaders(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).URL())
	m := newMeter()
	crm := newReceiver(t, false)
	w, err := New([]Endpoint{crm.told(t, "*")}, Options{Client: s.Client(), Records: s, Meter: m, Log: func(error) {}})
	require.NoError(t, err)
	r := &reader{Webhooks: w, endpoints: *w.endpoints.Load(), name: "this"}
	other := &reader{Webhooks: w, endpoints: *w.endpoints.Load(), name: "other"}
	turn := func(who *reader) {
		require.NoError(t, s.Client().Del(t.Context(), keyReader).Err()) // the lease ran out
		require.NoError(t, who.look(t.Context()))
	}
	turn(r)
	turn(other)
	refuse(t, s, number)
	turn(r)
	letters, err := w.outbox.take(t.Context(), "crm", 10, time.Minute)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.NoError(t, w.outbox.remove(t.Context(), "crm", letters[0].id)) // it is delivered
	refuse(t, s, number)
	turn(other) // its cursor is behind, and it must not tell the first again
	turn(other)
	refuse(t, s, number)
	turn(other)
	turn(r)
	turn(r)
	waiting, err := w.outbox.waiting(t.Context(), "crm")
	require.NoError(t, err)
	require.Equal(t, 2, waiting)

	letters, err = w.outbox.take(t.Context(), "crm", 10, time.Minute)
	require.NoError(t, err)
	require.Len(t, letters, 2)
	again, err := w.outbox.take(t.Context(), "crm", 10, time.Minute)
	require.NoError(t, err)
	require.Empty(t, again, "they are on a lease")
}

// What means nothing to anybody moves the cursors on in memory; they are written down now and then.
func TestCursorsMoveOverWhatNobodyWants(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).URL())
	crm := newReceiver(t, false)
	w, err := New([]Endpoint{crm.told(t, "request.*")}, Options{Client: s.Client(), Records: s, Meter: newMeter(), Log: func(error) {}})
	require.NoError(t, err)
	now := time.Now()
	w.now = func() time.Time { return now }
	r := &reader{Webhooks: w, endpoints: *w.endpoints.Load(), name: "this"}
	require.NoError(t, r.look(t.Context()))
	before := s.Client().HGetAll(t.Context(), keyCursors).Val()
	refuse(t, s, number)
	require.NoError(t, r.look(t.Context()))
	require.Equal(t, before, s.Client().HGetAll(t.Context(), keyCursors).Val(), "no write for what nobody wants")
	now = now.Add(2 * moveEvery)
	require.NoError(t, r.look(t.Context()))
	require.NotEqual(t, before, s.Client().HGetAll(t.Context(), keyCursors).Val())
}

// A redirection is not followed: what is signed for one address is not for another.
func TestRedirectionsAreNotFollowed(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).URL())
	crm, elsewhere := newReceiver(t, false), newReceiver(t, false)
	crm.answer = func(w http.ResponseWriter, _ int) {
		w.Header().Set("Location", elsewhere.URL)
		w.WriteHeader(307)
	}
	m := newMeter()
	run(t, s, m, crm.told(t, "*"))
	following(t, s)
	refuse(t, s, number)
	soon(t, "it is tried", func() bool { return m.of(Retried) == 1 })
	require.Empty(t, elsewhere.got())
}

// A certificate that nobody vouches for is not believed.
func TestCertificatesAreVerified(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).URL())
	crm := newReceiver(t, true)
	crm.Config.ErrorLog = nil
	e := crm.told(t, "*")
	e.CAFile = ""
	m := newMeter()
	run(t, s, m, e)
	following(t, s)
	refuse(t, s, number)
	soon(t, "it is tried", func() bool { return m.of(Retried) == 1 })
	require.Empty(t, crm.got())
}

func TestReload(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).URL())
	crm, next := newReceiver(t, false), newReceiver(t, false)
	m := newMeter()
	w := run(t, s, m) // none at all
	require.NoError(t, w.Reload([]Endpoint{crm.told(t, "*")}))
	following(t, s)
	refuse(t, s, number)
	soon(t, "the first is told", func() bool { return len(crm.got()) == 1 })
	e := next.told(t, "*")
	broken := e
	broken.SecretFile = filepath.Join(t.TempDir(), "none")
	require.Error(t, w.Reload([]Endpoint{broken}))
	require.NoError(t, w.Reload([]Endpoint{e}))
	refuse(t, s, number)
	soon(t, "the second is told", func() bool { return len(next.got()) >= 1 })
}

func TestValidate(t *testing.T) {
	good := newReceiver(t, false).told(t, "owner.*")
	short := filepath.Join(t.TempDir(), "short")
	require.NoError(t, os.WriteFile(short, []byte("hunter2\n"), 0o600))
	for says, change := range map[string]func(*Endpoint){
		"name: \"CRM\" is no name":                func(e *Endpoint) { e.Name = "CRM" },
		"url: it is no address":                   func(e *Endpoint) { e.URL = "crm.example.com" },
		"url: a user or a password do not belong": func(e *Endpoint) { e.URL = "https://u:hunter2@crm.example.com/" },
		"secret_file: it is missing":              func(e *Endpoint) { e.SecretFile = "" },
		"secret_file: a secret in it is 7 bytes":  func(e *Endpoint) { e.SecretFile = short },
		"ca_file: ":                               func(e *Endpoint) { e.CAFile = short },
		"events: it is missing":                   func(e *Endpoint) { e.Events = nil },
		"events[1]: \"owner.eaten\" is no event":  func(e *Endpoint) { e.Events = []string{"*", "owner.eaten"} },
		"events[0]: \"own*\" is no event":         func(e *Endpoint) { e.Events = []string{"own*"} },
		"numbers: \"some\" is not one of":         func(e *Endpoint) { e.Numbers = "some" },
	} {
		e := good
		change(&e)
		err := Validate([]Endpoint{e})
		require.ErrorContains(t, err, "webhooks[0]."+says)
		require.NotContains(t, err.Error(), "hunter2")
	}
	require.ErrorContains(t, Validate([]Endpoint{good, good}), "webhooks[1].name")
	require.NoError(t, Validate(nil))
}
