package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/redistest"
)

const number = gate.Number("+12125550100")

// everywhere runs a test on each kind of server, each time on an empty one.
func everywhere(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Helper()
	t.Run("redis", func(t *testing.T) { t.Parallel(); test(t, open(t, redistest.Start(t).URL())) })
	t.Run("embedded", func(t *testing.T) { t.Parallel(); test(t, open(t, "embedded://")) })
	t.Run("cluster", func(t *testing.T) { t.Parallel(); test(t, open(t, redistest.StartCluster(t, 3).URL())) })
}

// rules are the terms of question.
var rules = question(number, "201", "").Terms

// question is rep's call with its own Call-ID.
func question(n gate.Number, rep gate.Rep, callID string) gate.Question {
	return gate.Question{
		Reservation: gate.Reservation{Key: gate.Key{Rep: rep, CallID: callID, FromTag: "tag"}, Number: n},
		Terms: gate.Terms{
			Policy: "p1", Gate: "g1", Lease: time.Minute, Remember: 32 * time.Second, MinTalk: 10 * time.Second,
			Protection: 30 * 24 * time.Hour, CoolDown: 30 * 24 * time.Hour, Keep: 30 * 24 * time.Hour,
		},
		Peer: "desk", Extension: string(rep),
	}
}

func decide(t testing.TB, s *Store, q gate.Question) gate.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	a, err := s.Decide(ctx, q)
	require.NoError(t, err)
	return a
}

func TestOwnership(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		_, err := s.Release(ctx, number, "", "released", rules)
		require.ErrorIs(t, err, ErrNotOwned)
		_, err = s.Transfer(ctx, number, "", TransferOrder{To: "203", Extension: "", Terms: rules})
		require.ErrorIs(t, err, ErrNotOwned)

		h, err := s.Claim(ctx, number, ClaimOrder{Rep: "201", Extension: "8201", For: time.Hour})
		require.NoError(t, err)
		require.Equal(t, gate.Rep("201"), h.Owner)
		require.Equal(t, "8201", h.Extension)
		require.WithinDuration(t, time.Now().Add(time.Hour), h.Until, 10*time.Second)
		require.WithinDuration(t, time.Now(), h.Since, 10*time.Second)

		var owned *OwnedError
		_, err = s.Claim(ctx, number, ClaimOrder{Rep: "202", For: time.Hour})
		require.ErrorAs(t, err, &owned)
		require.Equal(t, gate.Rep("201"), owned.Owner)
		require.NotContains(t, err.Error(), number.Digits(), "no full number in an error")
		require.Equal(t, gate.Owned, decide(t, s, question(number, "202", "a")).Reason)
		require.Equal(t, gate.OwnerCalls, decide(t, s, question(number, "201", "b")).Reason)

		again, err := s.Claim(ctx, number, ClaimOrder{Rep: "201", For: 2 * time.Hour})
		require.NoError(t, err)
		require.Equal(t, "8201", again.Extension, "the extension stays unless a new one is given")
		require.Equal(t, h.Since, again.Since)
		require.Greater(t, again.Until, h.Until)

		moved, err := s.Transfer(ctx, number, "", TransferOrder{To: "203", Extension: "8203", Terms: rules})
		require.NoError(t, err)
		require.Equal(t, gate.Rep("203"), moved.Owner)
		require.Equal(t, "8203", moved.Extension)
		require.Equal(t, again.Until, moved.Until, "a transfer does not prolong")

		was, err := s.Release(ctx, number, "", "released", rules)
		require.NoError(t, err)
		require.Equal(t, gate.Rep("203"), was.Owner)
		h, err = s.Owner(ctx, number)
		require.NoError(t, err)
		require.Empty(t, h.Owner)
		require.NotNil(t, h.Flight, "the call of 201 is still up")
		require.Equal(t, gate.Rep("201"), h.Flight.Rep)
	})
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		_, err := s.LiftRefusal(ctx, number)
		require.ErrorIs(t, err, ErrNotRefused)

		r, err := s.Refuse(ctx, number, "201", time.Hour, "not interested\x1f%")
		require.NoError(t, err)
		require.Equal(t, Refusal{Number: number, By: "201", Note: "not interested\x1f%", Until: r.Until}, r)
		require.WithinDuration(t, time.Now().Add(time.Hour), r.Until, 10*time.Second)
		a := decide(t, s, question(number, "202", "a"))
		require.Equal(t, gate.Refused, a.Reason)
		require.InDelta(t, time.Hour, a.RetryAfter, float64(10*time.Second))

		var refused *RefusedError
		_, err = s.Claim(ctx, number, ClaimOrder{Rep: "202", For: time.Hour})
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "201", refused.By)

		lifted, err := s.LiftRefusal(ctx, number)
		require.NoError(t, err)
		require.Equal(t, r, lifted)
		require.Equal(t, gate.Allowed, decide(t, s, question(number, "202", "b")).Reason)
		require.Empty(t, refusals(t, s))
	})
}

func TestRefusalsArePaged(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).UnixURL())
	want := numbersOfOneBucket(pageSize + 7)
	want = append(want, "+12125550100", "+8613800138000", "+4930123456")
	for _, n := range want {
		_, err := s.Refuse(context.Background(), n, "201", time.Hour, "")
		require.NoError(t, err)
	}
	slices.Sort(want)
	require.Equal(t, want, refusals(t, s))
	for _, err := range s.Refusals(context.Background()) {
		require.NoError(t, err)
		break // stopping early is allowed
	}
}

func refusals(t *testing.T, s *Store) []gate.Number {
	t.Helper()
	var all []gate.Number
	for r, err := range s.Refusals(context.Background()) {
		require.NoError(t, err)
		all = append(all, r.Number)
	}
	slices.Sort(all)
	return all
}

// numbersOfOneBucket are more numbers of one bucket than a page holds.
func numbersOfOneBucket(n int) []gate.Number {
	var all []gate.Number
	for i := 0; len(all) < n; i++ {
		if digits := fmt.Sprintf("1212%07d", i); bucketOf(digits) == 42 {
			all = append(all, gate.Number("+"+digits))
		}
	}
	return all
}

func TestListings(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		require.ErrorIs(t, s.RemoveListed(ctx, "company", number), ErrNotListed)
		require.NoError(t, s.AddListed(ctx, "company", number, "asked by letter"))
		require.NoError(t, s.AddListed(ctx, "vip", number, ""))
		require.NoError(t, s.AddListed(ctx, "company", number, "asked by letter, twice"))

		a := decide(t, s, question(number, "201", "a"))
		require.Equal(t, gate.DNC, a.Reason)
		require.Equal(t, gate.Block, a.Verdict)
		require.Contains(t, []string{"company", "vip"}, a.List)

		listed, err := s.Listings(ctx, number)
		require.NoError(t, err)
		require.Len(t, listed, 2)
		i := slices.IndexFunc(listed, func(a Addition) bool { return a.List == "company" })
		require.Equal(t, "asked by letter, twice", listed[i].Note)
		require.Equal(t, "tester", listed[i].By)
		require.WithinDuration(t, time.Now(), listed[i].At, 10*time.Second)
		count := 0
		for a, err := range s.Additions(ctx) {
			require.NoError(t, err)
			require.Equal(t, number, a.Number)
			count++
		}
		require.Equal(t, 2, count)

		require.NoError(t, s.RemoveListed(ctx, "vip", number))
		require.Equal(t, gate.DNC, decide(t, s, question(number, "201", "b")).Reason)
		require.NoError(t, s.RemoveListed(ctx, "company", number))
		require.Equal(t, gate.Allowed, decide(t, s, question(number, "201", "c")).Reason)
		for _, err := range s.Additions(ctx) {
			require.NoError(t, err)
			require.Fail(t, "nothing is listed any more")
		}
	})
}

// A listed number is never forgotten, whatever else ends.
func TestListedNumberHasNoExpiry(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).UnixURL())
	ctx := context.Background()
	decide(t, s, question(number, "201", "a"))
	key := keysOf(number.Digits()).number()
	require.Positive(t, s.client.PTTL(ctx, key).Val())
	require.NoError(t, s.AddListed(ctx, "company", number, ""))
	decide(t, s, question(number, "201", "b"))
	require.Equal(t, time.Duration(-1), s.client.PTTL(ctx, key).Val())
	require.NoError(t, s.RemoveListed(ctx, "company", number))
	require.Positive(t, s.client.PTTL(ctx, key).Val(), "what is left is its history")
}

func TestHistory(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		q := question(number, "201", "call-1")
		decide(t, s, q)
		require.NoError(t, s.Write(ctx, []gate.Event{{
			Kind: gate.Ended, Reservation: q.Reservation, Terms: q.Terms, Extension: "201",
			Ending: gate.EndAnswered, Talk: 61500 * time.Millisecond, Status: 200,
		}}))
		decide(t, s, question(number, "20\x1f2", "call-2"))
		_, err := s.Transfer(ctx, number, "", TransferOrder{To: "203", Extension: "", Terms: rules})
		require.NoError(t, err)
		_, err = s.Refuse(ctx, number, "203", time.Hour, "no")
		require.NoError(t, err)
		require.NoError(t, s.AddListed(ctx, "company", number, "letter"))

		records, err := s.History(ctx, number, 20)
		require.NoError(t, err)
		var lines []string
		for _, r := range records {
			require.Equal(t, number, r.Number)
			require.WithinDuration(t, time.Now(), r.Time, 10*time.Second)
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s owner=%s rep=%q peer=%s gate=%s policy=%s call=%s list=%s talk=%v %s %d %s",
				r.Kind, r.Verdict, r.Reason, r.Owner, r.Rep, r.Peer, r.Gate, r.Policy, r.CallID, r.List, r.Talk, r.Ending, r.Status, r.Note)))
		}
		require.Equal(t, []string{
			`listing  add owner= rep="tester" peer= gate= policy= call= list=company talk=0s  0 letter`,
			`refusal  refuse owner= rep="tester" peer= gate= policy= call= list= talk=0s  0 no`,
			`owner  transfer owner=203 rep="tester" peer= gate= policy= call= list= talk=0s  0 from 201`,
			`decision block owned owner=201 rep="20\x1f2" peer=desk gate=g1 policy=p1 call=call-2 list= talk=0s  0`,
			`end   owner=201 rep="201" peer= gate=g1 policy=p1 call=call-1 list= talk=1m1.5s answered 200`,
			`decision allow allowed owner= rep="201" peer=desk gate=g1 policy=p1 call=call-1 list= talk=0s  0`,
		}, lines)

		two, err := s.History(ctx, number, 2)
		require.NoError(t, err)
		require.Equal(t, records[:2], two)
		none, err := s.History(ctx, "+12125550199", 20)
		require.NoError(t, err)
		require.Empty(t, none)
	})
}

func TestHistoryIsLimited(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).UnixURL())
	const made = 30
	for i := range made {
		decide(t, s, question(number, "201", fmt.Sprintf("call-%d", i)))
	}
	records, err := s.History(context.Background(), number, 20)
	require.NoError(t, err)
	require.Len(t, records, 20)
	require.Equal(t, "call-29", records[0].CallID)
	all, err := s.History(context.Background(), number, 1_000_000)
	require.NoError(t, err)
	require.Len(t, all, made)
}

// Records older than Keep are trimmed, and the history ends where they began.
func TestHistoryIsTrimmed(t *testing.T) {
	t.Parallel()
	s := open(t, "embedded://")
	start := time.Now()
	const made, kept = 400, 100 // one an hour
	for i := range made {
		s.embedded.server.SetTime(start.Add(time.Duration(i) * (time.Hour + time.Microsecond)))
		q := question(number, "201", fmt.Sprintf("call-%d", i))
		q.Keep = kept * time.Hour
		decide(t, s, q)
	}
	records, err := s.History(context.Background(), number, 1000)
	require.NoError(t, err)
	require.InDelta(t, kept, len(records), 17, "one write in sixteen trims")
	require.Equal(t, "call-399", records[0].CallID)
}

// A server older than 6.2 refuses XADD MINID; a word that no server knows stands for it here. The stream is trimmed all
// the same, by time, and every record is written.
func TestStreamIsTrimmedOnOldServers(t *testing.T) {
	t.Parallel()
	client := open(t, redistest.Start(t).URL()).client
	source := strings.ReplaceAll(prelude, "'MINID'", "'NOSUCHWORD'") +
		"\nreturn record(KEYS[1], tonumber(ARGV[1]), 0, 100, 'x', ARGV[1])"
	require.NotContains(t, source, "'MINID'")
	require.Contains(t, source, "'NOSUCHWORD'")
	ctx := context.Background()
	var written []string
	for range 100 { // us is 0: each of these writes trims what is older than 100 ms
		now := time.Now().UnixMilli()
		id, err := client.Eval(ctx, source, []string{"rf:{b0000}:s"}, now).Text()
		require.NoError(t, err)
		written = append(written, id)
	}
	later := time.Now().UnixMilli() + time.Hour.Milliseconds()
	for range 4 { // four times 32 are more than a hundred
		id, err := client.Eval(ctx, source, []string{"rf:{b0000}:s"}, later).Text()
		require.NoError(t, err)
		require.NotContains(t, written, id)
	}
	left, err := client.XLen(ctx, "rf:{b0000}:s").Result()
	require.NoError(t, err)
	require.EqualValues(t, 1, left, "of the old ones none, and of those written since only the last, which no trim has seen")
}

// A record of a newer release is told, not hidden, and does not hide the others.
func TestHistoryOfANewerRelease(t *testing.T) {
	t.Parallel()
	s := open(t, redistest.Start(t).UnixURL())
	ctx := context.Background()
	decide(t, s, question(number, "201", "a"))
	k := keysOf(number.Digits())
	last := s.client.HGet(ctx, k.number(), "p").Val()
	id, err := s.client.Do(ctx, "XADD", k.stream(), "*", "r", "2"+sep+last+sep+"x").Text()
	require.NoError(t, err)
	require.NoError(t, s.client.HSet(ctx, k.number(), "p", id).Err())
	records, err := s.History(ctx, number, 20)
	require.True(t, errors.Is(err, errRecord), "%v", err)
	require.Len(t, records, 1)
}

func TestWriteSkipsWhatCanNeverBeApplied(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		broken := gate.Number("+12125550101")
		require.NoError(t, s.client.Set(ctx, keysOf(broken.Digits()).number(), "not a hash", 0).Err())
		q := question(number, "201", "a")
		decide(t, s, q)
		bad := question(broken, "201", "b")
		require.NoError(t, s.Write(ctx, []gate.Event{
			{Kind: gate.Ended, Reservation: bad.Reservation, Terms: q.Terms},
			{Kind: 99},
			{Kind: gate.Ended, Reservation: q.Reservation, Terms: q.Terms, Ending: gate.EndUnanswered},
		}))
		require.Equal(t, gate.Allowed, decide(t, s, question(number, "202", "c")).Reason)
	})
}
