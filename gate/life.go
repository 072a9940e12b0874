package gate

import "time"

// Answered says that the call was answered (a 2xx came). At rules.claim.min_talk, if still up, its caller becomes the
// owner. A repeated 2xx changes nothing; the zero Reservation is ignored.
func (g *Gate) Answered(r Reservation) { g.calls.answer(r, g.now()) }

// End says that the call is over: how, and the final status that went to the caller (0 when none did). An answered call
// ends as answered, whatever e says. What this gate does not hold (the zero Reservation, or one that has ended before)
// is ignored, so ending twice counts once.
func (g *Gate) End(r Reservation, e Ending, status int) {
	c, found := g.calls.end(keyOf(r), func(c *call) bool { return c.reservation == r })
	if found {
		g.endCall(&c, e, status, g.now())
	}
}

// sessionGrace is how long after its session timer a call is still taken as up: 64×T1, in which a refresh or a BYE that
// was sent in time may be repeated.
const sessionGrace = 32 * time.Second

// Refreshed says that a session timer was agreed or refreshed (RFC 4028): unless that happens again within interval, the
// call is taken as ended. tags are the tags that may be the caller's From-tag. A call of another gate is not ours to end.
func (g *Gate) Refreshed(n Number, callID string, interval time.Duration, tags ...string) {
	expires := g.now().Add(interval + sessionGrace)
	for _, tag := range tags {
		if g.calls.refresh(callKey{n, callID, tag}, expires) {
			return
		}
	}
}

// Holds says whether a call to n is up here. tags are the tags that may be the caller's From-tag.
func (g *Gate) Holds(n Number, callID string, tags ...string) bool {
	for _, tag := range tags {
		if g.calls.holds(callKey{n, callID, tag}) {
			return true
		}
	}
	return false
}

// EndElsewhere says that a BYE came for a call to n. tags are the tags that may be the caller's From-tag: a BYE comes
// from either side. When this gate holds the call, that is an ordinary End; else the registry is told, which finds the
// rep by Number, Call-ID and From-tag.
func (g *Gate) EndElsewhere(n Number, callID string, tags ...string) {
	now := g.now()
	for _, tag := range tags {
		if c, found := g.calls.end(callKey{n, callID, tag}, func(*call) bool { return true }); found {
			g.endCall(&c, EndAnswered, 0, now)
			return
		}
	}
	p := g.policy.Load()
	for _, tag := range tags {
		if tag == "" {
			continue
		}
		g.queue.push(Event{
			Kind: Ended, At: now, Terms: p.termsAt(p.terms, now), Ending: EndAnswered,
			Reservation: Reservation{Key: Key{CallID: callID, FromTag: tag}, Number: n},
		})
	}
}

// endCall queues the end of a call that was taken out.
func (g *Gate) endCall(c *call, e Ending, status int, now time.Time) {
	var talk time.Duration
	if !c.answered.IsZero() {
		e, talk = EndAnswered, now.Sub(c.answered)
	}
	g.queue.push(Event{
		Kind: Ended, At: now, Reservation: c.reservation, Terms: g.claimTerms(c.policy, c.reservation.Rep, now),
		Extension: c.caller.extension, Scope: c.caller.scope, Team: c.caller.team,
		Ending: e, Talk: talk, Status: status,
	})
}

// expire looks at the calls that need something by now: it queues Firm and Ended events and returns what has to be
// renewed. Those count as renewed until the next third of their lease; Run corrects that when the registry fails.
func (g *Gate) expire(now time.Time) (renew []Reservation) {
	for i := range g.calls.shards {
		s := &g.calls.shards[i]
		s.mu.Lock()
		for s.due.Len() > 0 && !s.due[0].due.After(now) {
			c := s.due[0]
			if !c.limit().After(now) {
				s.remove(c)
				g.endCall(c, EndUnknown, 0, now)
				continue
			}
			if !c.answered.IsZero() && !c.firm && !c.firmAt().After(now) {
				c.firm = true
				g.queue.push(Event{
					Kind: Firm, At: now, Reservation: c.reservation, Terms: g.claimTerms(c.policy, c.reservation.Rep, now),
					Extension: c.caller.extension, Scope: c.caller.scope, Team: c.caller.team,
					Talk: now.Sub(c.answered),
				})
			}
			if !c.renew.After(now) {
				renew = append(renew, c.reservation)
				c.renew = now.Add(c.policy.terms.Lease / 3)
			}
			s.reschedule(c)
		}
		s.mu.Unlock()
	}
	return renew
}
