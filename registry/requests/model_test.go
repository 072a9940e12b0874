package requests

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

// model is what a request must do, in plain words and without Redis.
type model struct {
	id           string
	rep          gate.Rep
	steps        []string
	at           int
	state        State
	due, expires time.Time
	escalate     time.Duration
	answers      []string // what by
	effects      int
	key          string
}

func (m *model) enter(at int, now time.Time) {
	m.at, m.due = at, m.expires
	if next := now.Add(m.escalate); at+1 < len(m.steps) && next.Before(m.expires) {
		m.due = next
	}
}

func (m *model) decide(s State) {
	m.state = s
	if s == Approved {
		m.state, m.effects = Done, m.effects+1 // effects never fail here
	}
}

// pass lets time go by: what is due happens when somebody looks.
func (m *model) pass(now time.Time) {
	switch {
	case m.state != Open:
	case !now.Before(m.expires):
		m.answers = append(m.answers, "expire ")
		m.decide(Expired)
	case !now.Before(m.due) && m.at+1 < len(m.steps):
		m.answers = append(m.answers, "escalate ")
		m.enter(m.at+1, now)
	}
}

func may(step string, by, rep, owner gate.Rep) bool {
	if by == "" {
		return true
	}
	return by != rep && (step == "owner" && by == owner || step == "supervisor" && (by == "300" || by == "301"))
}

// answer is the model of Approve, Deny and Cancel.
func (m *model) answer(what string, by, owner gate.Rep, now time.Time) {
	if m.state != Open {
		return
	}
	if what == "cancel" && by != m.rep && by != "" || what != "cancel" && !may(m.steps[m.at], by, m.rep, owner) {
		return
	}
	if !now.Before(m.expires) {
		m.pass(now)
		return
	}
	m.answers = append(m.answers, what+" "+string(by))
	switch what {
	case "deny":
		m.decide(Denied)
	case "cancel":
		m.decide(Cancelled)
	default:
		next := m.at + 1
		for next < len(m.steps) && (may(m.steps[next], by, m.rep, owner) || m.steps[next] == "owner" && m.rep == owner) {
			next++
		}
		if next == len(m.steps) {
			m.decide(Approved)
			return
		}
		m.enter(next, now)
	}
}

// Random histories of asking, answering, taking back and time going by, each compared with the model after every step.
func TestRandomHistories(t *testing.T) {
	t.Parallel()
	for seed := range uint64(16) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			server := miniredis.RunT(t)
			client := redis.NewClient(&redis.Options{Addr: server.Addr(), Protocol: 2})
			defer client.Close()
			b, f, w := newBook(client)
			history{t, server, b, f, w, rand.New(rand.NewPCG(seed, 5)), time.Now().Truncate(time.Millisecond), nil}.run()
		})
	}
}

type history struct {
	t      *testing.T
	server *miniredis.Miniredis
	b      *Book
	f      *floor
	w      *world
	rand   *rand.Rand
	now    time.Time
	asked  []*model
}

func (h history) run() {
	h.server.SetTime(h.now)
	for range 60 {
		switch h.rand.IntN(6) {
		case 0, 1:
			h.open()
		case 2, 3:
			h.answer()
		case 4:
			h.now = h.now.Add(time.Duration(h.rand.IntN(7*60)) * time.Minute)
			h.server.SetTime(h.now)
		case 5:
			require.NoError(h.t, h.b.Step(h.t.Context()))
			for _, m := range h.asked {
				m.pass(h.now)
			}
		}
		h.compare()
	}
}

func (h *history) open() {
	reps := []gate.Rep{"201", "202", "203"}
	rep := reps[h.rand.IntN(len(reps))]
	n := gate.Number(fmt.Sprintf("+1212555010%d", h.rand.IntN(2)))
	kind := Kinds()[h.rand.IntN(len(Kinds()))]
	h.f.own(n, []gate.Rep{"", "201", "202", "300"}[h.rand.IntN(4)])
	owner := h.f.owners[n]
	r, err := h.b.Open(h.t.Context(), ask(kind, n, rep))
	require.NoError(h.t, err)
	same := slices.IndexFunc(h.asked, func(m *model) bool { return m.state == Open && m.key == r.key() })
	require.Equal(h.t, same >= 0, r.Repeated)
	if r.Repeated {
		return
	}
	rule := rule(h.b.Rules(), kind)
	m := &model{
		id: r.ID, rep: rep, state: Open, key: r.key(), escalate: rule.Escalate.Std(), expires: h.now.Add(rule.Expire.Std()),
	}
	for _, s := range rule.Steps {
		if s != "owner" || owner != "" {
			m.steps = append(m.steps, s)
		}
	}
	if len(m.steps) == 0 {
		m.steps = []string{"supervisor"}
	}
	at := 0
	for at < len(m.steps) && m.steps[at] == "owner" && rep == owner {
		at++
	}
	m.enter(at, h.now)
	if at == len(m.steps) {
		m.decide(Approved)
	}
	h.asked = append(h.asked, m)
}

func (h *history) answer() {
	if len(h.asked) == 0 {
		return
	}
	m := h.asked[h.rand.IntN(len(h.asked))]
	by := []gate.Rep{"", "201", "202", "203", "300", "301"}[h.rand.IntN(6)]
	r, err := h.b.Show(h.t.Context(), m.id)
	require.NoError(h.t, err)
	owner := h.f.owners[r.Number]
	switch h.rand.IntN(4) {
	case 0:
		_, _ = h.b.Deny(h.t.Context(), m.id, by, "") // the comparison says what came of it
		m.answer("deny", by, owner, h.now)
	case 1:
		_, _ = h.b.Cancel(h.t.Context(), m.id, by, "")
		m.answer("cancel", by, owner, h.now)
	default:
		_, _ = h.b.Approve(h.t.Context(), m.id, by, "")
		m.answer("approve", by, owner, h.now)
	}
}

func (h *history) compare() {
	h.t.Helper()
	open := 0
	for _, m := range h.asked {
		r, err := h.b.Show(h.t.Context(), m.id)
		require.NoError(h.t, err)
		var answers []string
		for _, a := range r.Answers {
			answers = append(answers, a.What+" "+a.By)
		}
		require.Equal(h.t, m.state, r.State, m.id)
		require.Equal(h.t, m.answers, answers, m.id)
		require.Equal(h.t, m.effects, h.w.count(m.id), m.id)
		if m.state == Open {
			open++
			require.Equal(h.t, m.at, r.At, m.id)
			require.True(h.t, m.due.Equal(r.Due), "%s %v %v", m.id, m.due, r.Due)
		}
	}
	listed, err := h.b.List(h.t.Context(), Filter{State: Open})
	require.NoError(h.t, err)
	require.Len(h.t, listed, open)
}
