package registrytest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

// Subject is one registry under test and what the suite needs to drive it.
type Subject struct {
	Registry gate.Registry
	// Advance moves the registry's clock. One with a clock of its own, as a real Redis has, may sleep for that long: the
	// suite's terms are short enough for it, and all of them differ enough not to be exact.
	Advance func(time.Duration)
	// Records is how many records n has: one for each decision and one for each end.
	Records func(n gate.Number) int
	// Share makes a colleague of the owner's a collaborator, as a command would.
	Share func(n gate.Number, scope gate.Scope, with gate.Rep)
	// Grant gives a rep a pass to n, as a command would.
	Grant func(n gate.Number, rep gate.Rep, good time.Duration)
	// Sleep makes commands find no answer until their context ends; Wake undoes it. Where nothing can make the subject
	// fall silent both are nil, and that clause is left out.
	Sleep, Wake func()
}

// Terms that are short enough to be slept through.
var terms = gate.Terms{
	Policy:     "0123456789ab",
	Gate:       "gate-1",
	Lease:      time.Second,
	Remember:   800 * time.Millisecond,
	MinTalk:    10 * time.Second, // only ever compared with Event.Talk
	Protection: 2 * time.Second,
	CoolDown:   2 * time.Second,
	Keep:       time.Hour,
}

// Run holds an implementation to the contract of gate.Registry. open returns a fresh one, or one that has been used with
// other numbers only: each test takes numbers that nobody took before.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	for _, test := range contract {
		t.Run(test.name, func(t *testing.T) {
			s := open(t)
			require.NotNil(t, s.Registry, "Subject.Registry is needed")
			require.NotNil(t, s.Advance, "Subject.Advance is needed")
			require.NotNil(t, s.Records, "Subject.Records is needed")
			require.NotNil(t, s.Share, "Subject.Share is needed")
			require.NotNil(t, s.Grant, "Subject.Grant is needed")
			if test.silence && s.Sleep == nil {
				return
			}
			test.run(&suite{T: t, Subject: s, number: freshNumber()})
		})
	}
}

// clause is one sentence of the contract. silence says that it needs Subject.Sleep.
type clause struct {
	name    string
	run     func(*suite)
	silence bool
}

// contract is every clause, in the order of a call's life.
var contract = []clause{
	{name: "a free number is allowed and reserved", run: freeNumber},
	{name: "a repeated key gets the first answer and one record", run: repeatedKey},
	{name: "a repeated key is blocked alike after the obstacle went", run: repeatedBlock},
	{name: "the key is all of rep, Call-ID, From-tag and number", run: wholeKey},
	{name: "another rep finds the number in flight", run: inFlight},
	{name: "the same rep dials again while its call is up", run: takeOver},
	{name: "an unanswered or failed call frees the number at once", run: freedAtOnce},
	{name: "an answer long enough makes an owner", run: answeredOwns},
	{name: "an answer too short makes none", run: answeredShort},
	{name: "firm before the end", run: firmFirst},
	{name: "firm after the end does nothing", run: firmLate},
	{name: "firm counts though the lease ran out", run: firmAfterLease},
	{name: "firm after the lease ran out takes nothing from another", run: firmTooLate},
	{name: "the owner's calls prolong its protection", run: protectionExtended},
	{name: "protection runs out", run: protectionEnds},
	{name: "another rep is redirected to the owner", run: redirected},
	{name: "an owner without an extension is not rung", run: noExtension},
	{name: "each scope has an owner of its own", run: scopesApart},
	{name: "a refusal holds in every scope", run: refusedInAll},
	{name: "a call in flight holds in every scope", run: inFlightInAll},
	{name: "an end finds the scope of its rep", run: endedElsewhereInScope},
	{name: "a collaborator may ring, and takes nothing over", run: collaborator},
	{name: "a team that owns may ring, another may not", run: teamOwns},
	{name: "no contact prolongs an ownership beyond the most", run: protectionMost},
	{name: "without a deal an ownership ends", run: noDeal},
	{name: "a previous owner may ring at once but not own", run: barredOwner},
	{name: "an unanswered first call keeps colleagues away, once", run: provisional},
	{name: "a provisional claim ends when somebody owns", run: provisionalFirm},
	{name: "a pass lets one call past, and its repetitions", run: passOnce},
	{name: "a pass is good against all that is in its way", run: passAll},
	{name: "a pass is good only against what the rules say", run: passOver},
	{name: "a pass runs out", run: passRunsOut},
	{name: "a pass is not used by a call that does not need it or does not go", run: passUnused},
	{name: "a call by a pass takes nothing from the owner", run: passTakesNothing},
	{name: "a local rule blocks without a pass", run: localRule},
	{name: "fifty calls at once: a pass lets one past", run: passOneOfFifty},
	{name: "a rep who holds enough owns no more", run: holdsEnough},
	{name: "a watched rule lets out what another owns, and takes nothing", run: watchedOwned},
	{name: "a watched rule lets out beside a call in flight, and takes nothing", run: watchedInFlight},
	{name: "a watched call to what nobody holds reserves it", run: watchedRefused},
	{name: "a watched rule leaves those behind it in force", run: watchedBehind},
	{name: "a pass passes a watched rule too, and only what goes out because of it uses it up", run: watchedPass},
	{name: "a watched local rule is told with the question", run: watchedLocal},
	{name: "a rehearsal of a watched call changes nothing", run: watchedRehearsal},
	{name: "a watched call that ends late takes nothing", run: watchedEndsLate},
	{name: "a refusal stops everyone for the cool-down", run: refusal},
	{name: "a refusal counts though the lease ran out", run: refusalAfterLease},
	{name: "an end counts once", run: endedTwice},
	{name: "an end finds its rep", run: endedElsewhere},
	{name: "an end of nothing does nothing", run: endedNothing},
	{name: "renewing keeps a reservation", run: renewKeeps},
	{name: "renewing tells what is lost", run: renewLost},
	{name: "a lease that runs out frees the number", run: leaseEnds},
	{name: "a rehearsal changes nothing", run: rehearsal},
	{name: "the dips of a rep count once", run: dipsCountOnce},
	{name: "a dip's reservation runs out by itself", run: dipRunsOut},
	{name: "a dip that is given up leaves nothing", run: dipForgone},
	{name: "a blocked dip is answered alike only briefly", run: dipBlockedBriefly},
	{name: "the fence grows", run: fenceGrows},
	{name: "decisions of the gate are recorded", run: decidedRecorded},
	{name: "a context that has ended is obeyed", run: contextEnded},
	{name: "no answer: commands return when their context ends", run: noAnswer, silence: true},
	{name: "fifty reps at once: exactly one gets through", run: oneOfFifty},
}

// suite is one running test with helpers in the words of the contract.
type suite struct {
	*testing.T
	Subject
	number gate.Number
}

var numbersTaken atomic.Int64

// freshNumber is a number of the range that NANP keeps for fiction, spread over area codes, and so over buckets.
func freshNumber() gate.Number {
	n := numbersTaken.Add(1)
	return gate.Number(fmt.Sprintf("+1%03d55501%02d", 201+n/100, n%100))
}

// key is a call attempt of rep; call tells its attempts apart.
func (s *suite) key(rep gate.Rep, call string) gate.Reservation {
	return gate.Reservation{
		Key:    gate.Key{Rep: rep, CallID: call + "@" + string(rep) + s.number.Digits(), FromTag: "tag-" + call},
		Number: s.number,
	}
}

func (s *suite) question(r gate.Reservation) gate.Question {
	return gate.Question{Reservation: r, Terms: terms, Peer: "desk", Extension: string(r.Rep)}
}

func (s *suite) ask(q gate.Question) gate.Answer {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 5*time.Second)
	defer cancel()
	a, err := s.Registry.Decide(ctx, q)
	require.NoError(s, err)
	return a
}

func (s *suite) dial(rep gate.Rep, call string) gate.Answer {
	s.Helper()
	return s.ask(s.question(s.key(rep, call)))
}

// allowed dials and requires that the call gets through.
func (s *suite) allowed(rep gate.Rep, call string, why gate.Reason) gate.Answer {
	s.Helper()
	a := s.dial(rep, call)
	require.Equal(s, gate.Allow, a.Verdict, "rep %s, %v", rep, a.Reason)
	require.Equal(s, why, a.Reason)
	return a
}

// blocked dials and requires that the call does not get through.
func (s *suite) blocked(rep gate.Rep, call string, why gate.Reason) gate.Answer {
	s.Helper()
	a := s.dial(rep, call)
	require.Equal(s, gate.Block, a.Verdict, "rep %s, %v", rep, a.Reason)
	require.Equal(s, why, a.Reason)
	return a
}

func (s *suite) write(events ...gate.Event) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 5*time.Second)
	defer cancel()
	require.NoError(s, s.Registry.Write(ctx, events))
}

func (s *suite) ended(r gate.Reservation, e gate.Ending, talk time.Duration) gate.Event {
	return gate.Event{
		Kind: gate.Ended, At: time.Now(), Reservation: r, Terms: terms, Extension: string(r.Rep), Ending: e, Talk: talk, Status: 200,
	}
}

func (s *suite) firm(r gate.Reservation) gate.Event {
	return gate.Event{
		Kind: gate.Firm, At: time.Now(), Reservation: r, Terms: terms, Extension: string(r.Rep), Talk: terms.MinTalk,
	}
}

// renew returns what was lost.
func (s *suite) renew(held ...gate.Reservation) []gate.Reservation {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 5*time.Second)
	defer cancel()
	lost, err := s.Registry.Renew(ctx, held, terms)
	require.NoError(s, err)
	return lost
}

// own makes rep the owner by one call that was long enough.
func (s *suite) own(rep gate.Rep) {
	s.Helper()
	s.allowed(rep, "owning", gate.Allowed)
	s.write(s.ended(s.key(rep, "owning"), gate.EndAnswered, terms.MinTalk))
}

func (s *suite) records(want int) {
	s.Helper()
	require.Equal(s, want, s.Records(s.number), "records of the number")
}
