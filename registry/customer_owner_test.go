package registry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/customer"
	"github.com/ringfence/ringfence/registry/redistest"
)

// theirs are the numbers of the customer that most tests have, in several buckets.
var theirs = []gate.Number{"+12125550100", "+12125550101", "+12125550102"}

// terms are those of question.
func terms() gate.Terms { return question(theirs[0], "201", "t").Terms }

// addTheirs adds the customer with these numbers.
func addTheirs(t testing.TB, s *Store, numbers ...gate.Number) (*Customers, string) {
	t.Helper()
	r := customerReader(t)
	list := make([]string, len(numbers))
	for i, n := range numbers {
		list[i] = string(n)
	}
	values, err := r.Read("company", map[string][]string{"name": {"Acme"}, "phone": list}, true)
	require.NoError(t, err)
	c := s.Customers(r)
	added, err := c.Add(context.Background(), Draft{Type: "company", Values: values})
	require.NoError(t, err)
	return c, added.ID
}

// settle does what a gate does until there is nothing left to do.
func settle(t testing.TB, s *Store) {
	t.Helper()
	ctx := context.Background()
	var last error
	for range 20 { // a busy machine may time out now and then, as in a gate
		last = errors.Join(s.drain(ctx), s.tellAll(ctx))
		if last == nil && unsettled(t, s) == 0 {
			return
		}
	}
	require.Fail(t, "it never settles", "%v", last)
}

// unsettled counts what has yet to be told or copied.
func unsettled(t testing.TB, s *Store) int {
	t.Helper()
	left, err := s.client.ZCard(context.Background(), customerJournalKey).Result()
	require.NoError(t, err)
	pipe := s.client.Pipeline()
	cmds := make([]*redis.IntCmd, len(tags))
	for i, tag := range tags {
		cmds[i] = pipe.SCard(context.Background(), numberKeys{tag: tag}.changed())
	}
	_, err = pipe.Exec(context.Background())
	require.NoError(t, err)
	for _, cmd := range cmds {
		left += cmd.Val()
	}
	return int(left)
}

func ownerOf(t testing.TB, s *Store, n gate.Number, scope gate.Scope) Holding {
	t.Helper()
	h, err := s.OwnerIn(context.Background(), n, scope)
	require.NoError(t, err)
	return h
}

// TestACallOwnsTheCustomer: an answered call of one number protects the others, and whatever is agreed about one of them
// holds for all.
func TestACallOwnsTheCustomer(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		c, id := addTheirs(t, s, theirs...)
		q := question(theirs[1], "201", "first")
		require.Equal(t, gate.Allowed, decide(t, s, q).Reason)
		require.NoError(t, s.Write(ctx, []gate.Event{{Kind: gate.Firm, Reservation: q.Reservation, Terms: q.Terms, Extension: "201", Talk: 10 * time.Second}}))
		settle(t, s)
		for i, n := range []gate.Number{theirs[0], theirs[2]} {
			a := decide(t, s, question(n, "202", fmt.Sprint("second", i)))
			require.Equal(t, gate.Owned, a.Reason, n.Masked())
			require.Equal(t, gate.Rep("201"), a.Owner)
		}
		h := ownerOf(t, s, theirs[0], "")
		require.Equal(t, id, h.Customer)
		require.Equal(t, ownerOf(t, s, theirs[1], "").Until, h.Until)
		of, err := c.Get(ctx, id)
		require.NoError(t, err)
		require.Equal(t, gate.Rep("201"), of.Owners[0].Owner)
		require.Contains(t, of.OwnedBy(), "owner 201")

		// by command it is done at once
		_, err = s.Share(ctx, theirs[0], "", "203", 50)
		require.NoError(t, err)
		require.Equal(t, gate.Collaborator, decide(t, s, question(theirs[2], "203", "third")).Reason)
		_, err = s.Lock(ctx, theirs[2], "")
		require.NoError(t, err)
		require.True(t, ownerOf(t, s, theirs[0], "").Locked)
		_, err = s.Transfer(ctx, theirs[2], "", TransferOrder{To: "204", Terms: terms()})
		require.NoError(t, err)
		require.Equal(t, gate.Rep("204"), ownerOf(t, s, theirs[0], "").Owner)
		_, err = s.Release(ctx, theirs[0], "", "released", terms())
		require.NoError(t, err)
		for _, n := range theirs {
			h := ownerOf(t, s, n, "")
			require.Empty(t, h.Owner)
			require.Equal(t, "released", h.Pool.Why)
			require.Equal(t, gate.Rep("204"), h.Pool.Barred)
		}
		records, err := s.History(ctx, theirs[2], 10)
		require.NoError(t, err)
		require.Equal(t, "release", records[0].Reason)
		require.Equal(t, id, records[0].Detail["customer"])

		// scopes are apart
		_, err = s.Claim(ctx, theirs[0], ClaimOrder{Rep: "205", Scope: "loans", Terms: terms()})
		require.NoError(t, err)
		require.Equal(t, gate.Rep("205"), ownerOf(t, s, theirs[1], "loans").Owner)
		require.Empty(t, ownerOf(t, s, theirs[1], "").Owner)
		require.Zero(t, unsettled(t, s))
	})
}

// TestNumbersComeAndGo: a number that is added gets the owner, one that is taken away keeps it and is a number of its own.
func TestNumbersComeAndGo(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		c, id := addTheirs(t, s, theirs[0])
		_, err := s.Claim(ctx, theirs[0], ClaimOrder{Rep: "201", Terms: terms()})
		require.NoError(t, err)
		set := func(numbers ...string) {
			_, err := c.Change(ctx, id, func(typ string) (customer.Values, error) {
				return c.reader.Read(typ, map[string][]string{"phone": numbers}, false)
			})
			require.NoError(t, err)
		}
		set(string(theirs[0]), string(theirs[1]))
		require.Equal(t, gate.Rep("201"), ownerOf(t, s, theirs[1], "").Owner)
		set(string(theirs[1]))
		require.Equal(t, gate.Rep("201"), ownerOf(t, s, theirs[0], "").Owner)
		require.Empty(t, ownerOf(t, s, theirs[0], "").Customer)
		_, err = s.Release(ctx, theirs[1], "", "released", terms())
		require.NoError(t, err)
		require.Equal(t, gate.Rep("201"), ownerOf(t, s, theirs[0], "").Owner, "it is no concern of the customer's now")

		// a number that has an owner brings it along
		set(string(theirs[1]), string(theirs[0]))
		settle(t, s)
		require.Equal(t, gate.Rep("201"), ownerOf(t, s, theirs[1], "").Owner)
		_, err = c.Remove(ctx, id)
		require.NoError(t, err)
		for _, n := range theirs[:2] {
			require.Empty(t, ownerOf(t, s, n, "").Customer)
			require.Equal(t, gate.Rep("201"), ownerOf(t, s, n, "").Owner)
		}
		keys, err := s.client.Exists(ctx, customerKey(id), customerOwnersKey(id)).Result()
		require.NoError(t, err)
		require.Zero(t, keys)
		require.Zero(t, countMarks(t, s))
	})
}

// crossed makes a claim of one number at one gate, and of another at another, before either has told the customer.
func crossed(t *testing.T, s *Store, n gate.Number, rep gate.Rep) {
	t.Helper()
	q := question(n, rep, "cross-"+string(rep))
	require.Equal(t, gate.Allowed, decide(t, s, q).Reason)
	require.NoError(t, s.Write(context.Background(), []gate.Event{
		{Kind: gate.Ended, Reservation: q.Reservation, Terms: q.Terms, Ending: gate.EndAnswered, Talk: time.Minute},
	}))
}

// TestClaimsThatCross: of two reps who claim two numbers of a customer before it is known, the first stays, whoever is
// told of first, and the history of the other's number says so.
func TestClaimsThatCross(t *testing.T) {
	t.Parallel()
	for _, toldFirst := range []int{0, 1} {
		t.Run(fmt.Sprint("told first ", toldFirst), func(t *testing.T) {
			t.Parallel()
			everywhere(t, func(t *testing.T, s *Store) {
				ctx := context.Background()
				_, id := addTheirs(t, s, theirs...)
				crossed(t, s, theirs[0], "201")
				time.Sleep(2 * time.Millisecond) // claims in the same millisecond are nobody's first
				crossed(t, s, theirs[1], "202")
				require.NoError(t, s.tell(ctx, theirs[toldFirst], ""))
				settle(t, s)
				for _, n := range theirs {
					require.Equal(t, gate.Rep("201"), ownerOf(t, s, n, "").Owner)
				}
				records, err := s.History(ctx, theirs[1], 1)
				require.NoError(t, err)
				require.Equal(t, RecordOwner, records[0].Kind)
				require.Equal(t, "transfer", records[0].Reason)
				require.Equal(t, map[string]string{"customer": id, "from": "202"}, records[0].Detail)
				require.Equal(t, gate.Owned, decide(t, s, question(theirs[1], "202", "again")).Reason)
			})
		})
	}
}

// TestAnOlderCopyStaysBehind: a copy that was on its way when a newer one came changes nothing, and an entry of the journal
// that was made anew meanwhile stays.
func TestAnOlderCopyStaysBehind(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		_, id := addTheirs(t, s, theirs...)
		_, err := s.Claim(ctx, theirs[0], ClaimOrder{Rep: "201", Terms: terms()})
		require.NoError(t, err)
		older, err := s.copies(ctx, []string{id})
		require.NoError(t, err)
		_, err = s.Transfer(ctx, theirs[0], "", TransferOrder{To: "202", Terms: terms()})
		require.NoError(t, err)
		changed, err := s.pipeline(ctx, older)
		require.NoError(t, err)
		require.Equal(t, []int64{0, 0, 0}, changed)
		require.Equal(t, gate.Rep("202"), ownerOf(t, s, theirs[1], "").Owner)

		// nor does it undo a change that the customer has yet to be told of
		crossed(t, s, "+12125550109", "203")
		stray := s.copyTo(id, "1000", "+12125550109", "", ownership{fence: "0", facts: nil}, "")
		stray.args[2] = ""
		_, err = s.pipeline(ctx, []call{stray})
		require.NoError(t, err)
		stray.args[2], stray.args[9] = "99", "o\x1d204\x1du\x1d253402300799000"
		changed, err = s.pipeline(ctx, []call{stray})
		require.NoError(t, err)
		require.Equal(t, []int64{0}, changed)
		require.Equal(t, gate.Rep("203"), ownerOf(t, s, "+12125550109", "").Owner)

		require.NoError(t, s.client.ZAdd(ctx, customerJournalKey, redis.Z{Score: 1000, Member: id}).Err())
		require.NoError(t, s.carryOut(ctx, []entry{{id, "999"}}))
		require.Equal(t, int64(1), s.client.ZCard(ctx, customerJournalKey).Val())
		require.NoError(t, s.carryOut(ctx, []entry{{id, "1000"}}))
		require.Zero(t, s.client.ZCard(ctx, customerJournalKey).Val())
	})
}

// TestLateTies: a copy that was read before a number was taken away does not tie it again, nor does an untying that comes
// after the number was given back.
func TestLateTies(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		c, id := addTheirs(t, s, theirs[0], theirs[1])
		set := func(numbers ...string) {
			_, err := c.Change(ctx, id, func(typ string) (customer.Values, error) {
				return c.reader.Read(typ, map[string][]string{"phone": numbers}, false)
			})
			require.NoError(t, err)
		}
		before, err := s.copies(ctx, []string{id})
		require.NoError(t, err)
		set(string(theirs[0]))
		place, err := s.client.Get(ctx, customerOrderKey).Result()
		require.NoError(t, err)
		_, err = s.pipeline(ctx, before)
		require.NoError(t, err)
		require.Empty(t, ownerOf(t, s, theirs[1], "").Customer)

		set(string(theirs[0]), string(theirs[1]))
		_, err = s.pipeline(ctx, []call{s.untie(id, theirs[1].Digits(), place)})
		require.NoError(t, err)
		require.Equal(t, id, ownerOf(t, s, theirs[1], "").Customer)
	})
}

// failing makes every command fail once so many have gone through, as if the process had died there.
type failing struct{ left atomic.Int64 }

var errDied = errors.New("died")

func (f *failing) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (f *failing) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if f.left.Add(-1) < 0 {
			return errDied
		}
		return next(ctx, cmd)
	}
}

func (f *failing) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if f.left.Add(-1) < 0 {
			for _, cmd := range cmds {
				cmd.SetErr(errDied)
			}
			return errDied
		}
		return next(ctx, cmds)
	}
}

// TestDyingInTheMiddle: at whatever command the one who copies dies, another finishes it, and nothing is left half done.
func TestDyingInTheMiddle(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	ctx := context.Background()
	died := 0
	for step := range int64(200) {
		numbers := make([]gate.Number, 3)
		for i := range numbers {
			numbers[i] = gate.Number(fmt.Sprintf("+1212556%04d", step*3+int64(i)))
		}
		s := open(t, server.UnixURL(), WithoutLists())
		r := customerReader(t)
		values, err := r.Read("company", map[string][]string{"name": {fmt.Sprint("c", step)}, "phone": {string(numbers[0]), string(numbers[1])}}, true)
		require.NoError(t, err)
		added, err := s.Customers(r).Add(ctx, Draft{Type: "company", Values: values})
		require.NoError(t, err)
		crossed(t, s, numbers[0], "201")

		mortal := open(t, server.UnixURL(), WithoutLists(), WithLog(func(error) {}))
		f := &failing{}
		f.left.Store(step)
		mortal.client.AddHook(f)
		_, err = mortal.Customers(r).Change(ctx, added.ID, func(typ string) (customer.Values, error) {
			return r.Read(typ, map[string][]string{"phone": {string(numbers[0]), string(numbers[2])}}, false)
		})
		if err == nil {
			err = errors.Join(mortal.tell(ctx, numbers[0], ""), mortal.tellAll(ctx))
		}
		settle(t, s)
		of, getErr := s.Customers(r).Get(ctx, added.ID)
		require.NoError(t, getErr)
		require.Len(t, of.Owners, 1)
		for _, n := range numbers {
			h := ownerOf(t, s, n, "")
			tied := false
			for _, theirs := range of.Numbers {
				tied = tied || theirs == n
			}
			require.Equal(t, tied, h.Customer == added.ID, "died at %d", step)
			if tied {
				require.Equal(t, gate.Rep("201"), h.Owner, "died at %d", step)
			}
		}
		if err == nil {
			require.Greater(t, died, 8, "it died at too few places to mean anything")
			return
		}
		require.ErrorIs(t, err, errDied)
		died++
	}
	require.Fail(t, "it always dies")
}

// TestManyHandsOnOneCustomer: three gates claim, transfer, release, share and call numbers of one customer at random while
// all of them copy; when they are done, every number says the same.
func TestManyHandsOnOneCustomer(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB) string{
		"redis":   func(tb testing.TB) string { return redistest.Start(tb).URL() },
		"cluster": func(tb testing.TB) string { return redistest.StartCluster(tb, 3).URL() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := start(t)
			stores := []*Store{open(t, url, WithoutLists()), open(t, url, WithoutLists()), open(t, url, WithoutLists())}
			_, id := addTheirs(t, stores[0], theirs...)
			for round := range 5 {
				var wg sync.WaitGroup
				for i := range 24 {
					wg.Go(func() { atRandom(t, stores[i%3], rand.New(rand.NewPCG(uint64(round), uint64(i)))) })
				}
				wg.Go(func() {
					for _, s := range stores {
						if err := s.tellAll(t.Context()); err != nil {
							t.Error(err)
						}
						if err := s.drain(t.Context()); err != nil {
							t.Error(err)
						}
					}
				})
				wg.Wait()
				settle(t, stores[round%3])
				first := factsOf(t, stores[0], theirs[0])
				for _, n := range theirs {
					require.Equal(t, first, factsOf(t, stores[1], n))
					require.Equal(t, id, ownerOf(t, stores[0], n, "").Customer)
					owned, pool := ownerOf(t, stores[0], n, "").Owner != "", ownerOf(t, stores[0], n, "").Pool != nil
					require.False(t, owned && pool)
					k := keysOf(n.Digits())
					require.Equal(t, owned, stores[0].client.ZScore(t.Context(), k.owned(), k.digits).Err() == nil)
					require.Equal(t, pool, stores[0].client.ZScore(t.Context(), k.pool(), k.digits).Err() == nil)
				}
			}
		})
	}
}

// factsOf are the facts of a number's ownership.
func factsOf(t *testing.T, s *Store, n gate.Number) string {
	t.Helper()
	fields, err := s.client.HGetAll(t.Context(), keysOf(n.Digits()).number()).Result()
	require.NoError(t, err)
	return packedFacts(fields, "")
}

// atRandom changes a number at random. That nobody owns it, or a colleague, is an answer like any other.
func atRandom(t *testing.T, s *Store, rng *rand.Rand) {
	ctx := t.Context()
	for range 6 {
		n, rep := theirs[rng.IntN(len(theirs))], gate.Rep(fmt.Sprint(201+rng.IntN(4)))
		var err error
		switch rng.IntN(6) {
		case 0:
			_, err = s.Release(ctx, n, "", "released", terms())
		case 1:
			_, err = s.Transfer(ctx, n, "", TransferOrder{To: rep, Terms: terms()})
		case 2:
			_, err = s.Share(ctx, n, "", rep, 10)
		case 3:
			q := question(n, rep, fmt.Sprint(rng.Uint64()))
			err = s.Write(ctx, []gate.Event{{Kind: gate.Ended, Reservation: q.Reservation, Terms: q.Terms, Ending: gate.EndAnswered, Talk: time.Minute}})
		default:
			_, err = s.Claim(ctx, n, ClaimOrder{Rep: rep, Terms: terms()})
		}
		var owned *OwnedError
		var barred *BarredError
		var late net.Error // it was done, or it was not
		if err != nil && !errors.As(err, &late) && !errors.As(err, &owned) && !errors.As(err, &barred) && !errors.Is(err, ErrNotOwned) && !errors.Is(err, ErrSharesOwner) &&
			!errors.Is(err, ErrSharesMuch) {
			t.Error(err)
		}
	}
}
