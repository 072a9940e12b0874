package registrytest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

// seller is a question of a rep who sells in a scope, for a team.
func (s *suite) seller(rep gate.Rep, call string, scope gate.Scope, team gate.Team) gate.Question {
	q := s.question(s.key(rep, call))
	q.Scope, q.Team = scope, team
	return q
}

// sold is the end of a call long enough to make an owner.
func (s *suite) sold(q gate.Question) gate.Event {
	e := s.ended(q.Reservation, gate.EndAnswered, q.MinTalk)
	e.Terms, e.Scope, e.Team = q.Terms, q.Scope, q.Team
	return e
}

// decided requires an answer.
func (s *suite) decided(q gate.Question, verdict gate.Verdict, why gate.Reason, owner gate.Rep) gate.Answer {
	s.Helper()
	a := s.ask(q)
	require.Equal(s, verdict, a.Verdict, "rep %s, %v", q.Rep, a.Reason)
	require.Equal(s, why, a.Reason, "rep %s", q.Rep)
	require.Equal(s, owner, a.Owner, "rep %s", q.Rep)
	return a
}

func scopesApart(s *suite) {
	loans := s.seller("201", "a", "loans", "")
	s.decided(loans, gate.Allow, gate.Allowed, "")
	s.write(s.sold(loans))
	s.decided(s.seller("202", "b", "loans", ""), gate.Block, gate.Owned, "201")
	cars := s.seller("202", "c", "cars", "")
	s.decided(cars, gate.Allow, gate.Allowed, "")
	s.write(s.sold(cars))
	plain := s.seller("203", "d", "", "")
	s.decided(plain, gate.Allow, gate.Allowed, "")
	s.write(s.sold(plain))
	s.decided(s.seller("201", "e", "cars", ""), gate.Block, gate.Owned, "202")
	s.decided(s.seller("202", "f", "", ""), gate.Block, gate.Owned, "203")
	s.decided(s.seller("201", "g", "loans", ""), gate.Allow, gate.OwnerCalls, "201")
}

func refusedInAll(s *suite) {
	q := s.seller("201", "a", "loans", "")
	s.decided(q, gate.Allow, gate.Allowed, "")
	end := s.sold(q)
	end.Ending, end.Talk = gate.EndRefused, 0
	s.write(end)
	s.decided(s.seller("202", "b", "cars", ""), gate.Block, gate.Refused, "")
}

func inFlightInAll(s *suite) {
	s.decided(s.seller("201", "a", "loans", ""), gate.Allow, gate.Allowed, "")
	s.decided(s.seller("202", "b", "cars", ""), gate.Block, gate.InFlight, "201")
}

func endedElsewhereInScope(s *suite) {
	q := s.seller("201", "a", "loans", "east")
	s.decided(q, gate.Allow, gate.Allowed, "")
	firm := s.firm(q.Reservation)
	firm.Scope, firm.Team = "loans", "east"
	s.write(firm)
	end := s.ended(q.Reservation, gate.EndAnswered, 0)
	end.Reservation.Rep, end.Extension = "", "" // a BYE at another gate knows neither rep nor scope
	s.write(end)
	s.decided(s.seller("202", "b", "loans", ""), gate.Block, gate.Owned, "201")
	s.decided(s.seller("202", "c", "", ""), gate.Allow, gate.Allowed, "")
}

func collaborator(s *suite) {
	s.own("201")
	s.Share(s.number, "", "202")
	helper := s.seller("202", "a", "", "")
	s.decided(helper, gate.Allow, gate.Collaborator, "201")
	require.Equal(s, gate.Rep("201"), s.ask(helper).Owner, "asked again")
	s.decided(s.seller("20", "b", "", ""), gate.Block, gate.Owned, "201")   // the beginning of a collaborator's id
	s.decided(s.seller("2021", "c", "", ""), gate.Block, gate.Owned, "201") // and what begins with one
	s.Advance(terms.Protection * 3 / 5)
	s.write(s.ended(helper.Reservation, gate.EndAnswered, time.Second)) // the customer was reached
	s.Advance(terms.Protection * 3 / 5)
	s.decided(s.seller("203", "d", "", ""), gate.Block, gate.Owned, "201")
}

func teamOwns(s *suite) {
	teams := func(rep gate.Rep, call string, team gate.Team) gate.Question {
		q := s.seller(rep, call, "", team)
		q.Terms.Team = true
		return q
	}
	first := teams("201", "a", "east")
	s.decided(first, gate.Allow, gate.Allowed, "")
	s.write(s.sold(first))
	second := teams("202", "b", "east")
	s.decided(second, gate.Allow, gate.OwnerCalls, "201")
	s.write(s.sold(second))
	s.decided(teams("203", "c", "west"), gate.Block, gate.Owned, "201")
	s.decided(teams("204", "d", ""), gate.Block, gate.Owned, "201")
	s.decided(s.seller("202", "e", "", "east"), gate.Block, gate.Owned, "201") // where reps own, the team is of no account
}

func protectionMost(s *suite) {
	s.limited(func(t *gate.Terms) { t.ProtectionMost = terms.Protection })
}

func noDeal(s *suite) {
	s.limited(func(t *gate.Terms) { t.NoDeal = terms.Protection })
}

// limited has an owner reach the customer again and again, which is of no use beyond a limit.
func (s *suite) limited(limit func(*gate.Terms)) {
	q := s.seller("201", "a", "", "")
	limit(&q.Terms)
	s.decided(q, gate.Allow, gate.Allowed, "")
	s.write(s.sold(q))
	s.Advance(terms.Protection * 3 / 5)
	again := s.seller("201", "b", "", "")
	limit(&again.Terms)
	s.decided(again, gate.Allow, gate.OwnerCalls, "201")
	s.write(s.sold(again))
	s.Advance(terms.Protection * 3 / 5)
	s.allowed("202", "c", gate.Allowed)
}

func barredOwner(s *suite) {
	s.own("201")
	s.Advance(terms.Protection + 200*time.Millisecond)
	q := s.seller("201", "again", "", "")
	q.Bar = time.Hour
	s.decided(q, gate.Allow, gate.Allowed, "")
	s.write(s.sold(q))
	other := s.seller("202", "a", "", "")
	other.Bar = time.Hour
	s.decided(other, gate.Allow, gate.Allowed, "")
	s.write(s.sold(other))
	s.decided(s.seller("201", "b", "", ""), gate.Block, gate.Owned, "202")
}

// rings is a call that nobody answered, where that keeps colleagues away for a while.
func (s *suite) rings(rep gate.Rep, call string) {
	s.Helper()
	q := s.seller(rep, call, "", "")
	q.Provisional = terms.Protection
	s.decided(q, gate.Allow, gate.Allowed, "")
	end := s.ended(q.Reservation, gate.EndUnanswered, 0)
	end.Terms = q.Terms
	s.write(end)
}

func provisional(s *suite) {
	s.rings("201", "a")
	other := s.seller("202", "b", "", "")
	other.Provisional = terms.Protection
	a := s.decided(other, gate.Block, gate.Owned, "201")
	require.Positive(s, a.RetryAfter)
	require.LessOrEqual(s, a.RetryAfter, terms.Protection)
	early := s.seller("202", "let out by other rules", "", "")
	s.decided(early, gate.Allow, gate.Allowed, "")
	end := s.ended(early.Reservation, gate.EndUnanswered, 0)
	end.Terms = other.Terms
	s.write(end)
	again := s.seller("203", "g", "", "")
	again.Provisional = terms.Protection
	s.decided(again, gate.Block, gate.Owned, "201") // who was first stays first
	s.Advance(terms.Protection * 3 / 5)
	s.rings("201", "c") // extends nothing
	s.Advance(terms.Protection * 3 / 5)
	s.rings("201", "d") // and begins nothing anew
	s.rings("202", "e")
	again = s.seller("201", "f", "", "")
	again.Provisional = terms.Protection
	s.decided(again, gate.Block, gate.Owned, "202")
}

func provisionalFirm(s *suite) {
	s.rings("201", "a")
	s.own("201")
	s.Advance(terms.Protection + 200*time.Millisecond)
	s.rings("202", "b")
}
