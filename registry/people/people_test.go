package people

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/redistest"
)

// onEach runs a test against a real Redis, a Cluster of three, and the embedded server.
func onEach(t *testing.T, test func(t *testing.T, client redis.UniversalClient)) {
	t.Helper()
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(t, client(t, &redis.UniversalOptions{Addrs: []string{redistest.Start(t).Addr()}}))
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		var nodes []string
		for _, node := range redistest.StartCluster(t, 3).Nodes {
			nodes = append(nodes, node.Addr())
		}
		test(t, client(t, &redis.UniversalOptions{Addrs: nodes}))
	})
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, client(t, &redis.UniversalOptions{Addrs: []string{miniredis.RunT(t).Addr()}}))
	})
}

func client(t *testing.T, o *redis.UniversalOptions) redis.UniversalClient {
	t.Helper()
	c := redis.NewUniversalClient(o)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// enter makes a change that must be made.
func enter(t *testing.T, s *Store, edit func(b *Book)) Outcome {
	t.Helper()
	out, err := s.Change(t.Context(), "tester", func(b *Book) error { edit(b); return nil })
	require.NoError(t, err)
	return out
}

func TestChange(t *testing.T) {
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		s := NewStore(client, nil)
		empty, err := s.Read(t.Context())
		require.NoError(t, err)
		require.Equal(t, NewBook(), empty)

		first := enter(t, s, func(b *Book) {
			b.Teams["east"] = Team{Scope: "loans", Queue: "700"}
			b.Reps["zhang"] = Person{Name: "Zhang Wei", Team: "east", Extension: "201", Identities: []string{"zhang.wei"}}
		})
		require.Len(t, first.Changes, 2)
		require.Equal(t, gate.Team("east"), first.Changes[0].Team)
		second := enter(t, s, func(b *Book) {
			p := b.Reps["zhang"]
			p.Supervisor = true
			b.Reps["zhang"] = p
			b.Reps["202"] = Person{Name: "Li Na", Left: true}
		})
		require.Greater(t, second.Version, first.Version)
		same := enter(t, s, func(b *Book) { delete(b.Reps, "nobody") })
		require.Equal(t, Outcome{Version: second.Version}, same, "nothing was changed")

		b, err := s.Read(t.Context())
		require.NoError(t, err)
		require.Equal(t, second.Version, b.Version)
		zhang := b.Reps["zhang"]
		require.Equal(t, "tester", zhang.ChangedBy)
		require.WithinDuration(t, time.Now(), zhang.Changed(), time.Minute)
		zhang.ChangedBy, zhang.ChangedAt = "", 0
		require.Equal(t, Person{Name: "Zhang Wei", Team: "east", Extension: "201", Identities: []string{"zhang.wei"}, Supervisor: true}, zhang)
		require.Equal(t, []gate.Rep{"zhang"}, b.Members("east"))
		require.Equal(t, []gate.Rep{"zhang"}, b.Supervisors("east"))
		rep, found := b.Find("zhang.wei")
		require.True(t, found)
		require.Equal(t, gate.Rep("zhang"), rep)

		log, err := s.Changes(t.Context(), "zhang", "", 10)
		require.NoError(t, err)
		require.Len(t, log, 2)
		require.Equal(t, Log{log[0].Time, "tester", Change{Rep: "zhang", What: Altered, Fields: []FieldChange{{FieldSupervisor, "", "yes"}}}}, log[0])
		require.Equal(t, Added, log[1].Change.What)

		require.NoError(t, s.SetLeft(t.Context(), "boss", "zhang", true))
		require.ErrorIs(t, s.SetLeft(t.Context(), "boss", "zh", true), ErrNobody)
		enter(t, s, func(b *Book) { delete(b.Reps, "202") })
		b, err = s.Read(t.Context())
		require.NoError(t, err)
		require.True(t, b.Reps["zhang"].Left)
		require.NotContains(t, b.Reps, gate.Rep("202"))
		require.Empty(t, b.Members("east"))
	})
}

// crowd are n reps in one team.
func crowd(n int) func(b *Book) {
	return func(b *Book) {
		b.Teams["east"] = Team{}
		for i := range n {
			b.Reps[gate.Rep(strconv.Itoa(100_000+i))] = Person{Name: "Rep " + strconv.Itoa(i), Team: "east", Identities: []string{fmt.Sprint("id", i)}}
		}
	}
}

// TestLargeChange: what is staged takes its place as a whole, keeps no expiry and leaves nothing behind.
func TestLargeChange(t *testing.T) {
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		s := NewStore(client, nil)
		enter(t, s, func(b *Book) { b.Reps["old"] = Person{} })
		out := enter(t, s, crowd(1500))
		require.Len(t, out.Changes, 1501)
		enter(t, s, func(b *Book) {
			for rep, p := range b.Reps {
				if p.Team == "east" && rep < "100300" {
					delete(b.Reps, rep)
				}
			}
		})
		b, err := s.Read(t.Context())
		require.NoError(t, err)
		require.Len(t, b.Reps, 1201)
		require.Equal(t, "Rep 1499", b.Reps["101499"].Name)
		require.Contains(t, b.Reps, gate.Rep("old"))
		ttl, err := client.TTL(t.Context(), keyReps).Result()
		require.NoError(t, err)
		require.Equal(t, time.Duration(-1), ttl, "the people must not run out")
		log, err := s.Changes(t.Context(), "100000", "", 10)
		require.NoError(t, err)
		require.Len(t, log, 2)
	})
}

// TestChangesThatCross: of many at once each is made once, on what those before it made.
func TestChangesThatCross(t *testing.T) {
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		const changers = 8
		done := make(chan error, changers)
		for i := range changers {
			go func() {
				_, err := NewStore(client, nil).Change(t.Context(), "tester", func(b *Book) error {
					p := b.Reps["201"]
					p.Holdings++
					b.Reps["201"] = p
					b.Reps[gate.Rep("r"+strconv.Itoa(i))] = Person{}
					return nil
				})
				done <- err
			}()
		}
		for range changers {
			require.NoError(t, <-done)
		}
		b, err := NewStore(client, nil).Read(t.Context())
		require.NoError(t, err)
		require.Equal(t, changers, b.Reps["201"].Holdings)
		require.Len(t, b.Reps, changers+1)
	})
}

// TestReadIsOfOneMoment: what is changed while it is read is read anew.
func TestReadIsOfOneMoment(t *testing.T) {
	addr := miniredis.RunT(t).Addr()
	s := NewStore(client(t, &redis.UniversalOptions{Addrs: []string{addr}}), nil)
	reading := client(t, &redis.UniversalOptions{Addrs: []string{addr}})
	reading.AddHook(after{"hscan", func() {
		enter(t, s, func(b *Book) { b.Teams["east"] = Team{}; b.Reps["201"] = Person{Team: "east"} })
	}})
	b, err := NewStore(reading, nil).Read(t.Context())
	require.NoError(t, err)
	require.Contains(t, b.Teams, gate.Team("east"))
	require.Contains(t, b.Reps, gate.Rep("201"), "half of a change was read")
}

// after does something each time that a command has run.
type after struct {
	name string
	do   func()
}

func (after) DialHook(next redis.DialHook) redis.DialHook { return next }

func (after) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (a after) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if cmd.Name() == a.name {
			a.do()
		}
		return err
	}
}

func TestChangeThatIsRefused(t *testing.T) {
	s := NewStore(client(t, &redis.UniversalOptions{Addrs: []string{miniredis.RunT(t).Addr()}}), func(x string) bool { return len(x) == 3 })
	enter(t, s, func(b *Book) {
		b.Teams["east"] = Team{}
		b.Reps["201"] = Person{Team: "east", Identities: []string{"zhang"}}
		b.Reps["209"] = Person{Left: true, Identities: []string{"li"}}
	})
	before, err := s.Read(t.Context())
	require.NoError(t, err)
	for says, edit := range map[string]func(b *Book){
		`rep 202: team: there is no team "west"`:                            func(b *Book) { b.Reps["202"] = Person{Team: "west"} },
		`rep 201: team: there is no team "east"`:                            func(b *Book) { delete(b.Teams, "east") },
		`rep 202: identities: "zhang" is 201's`:                             func(b *Book) { b.Reps["202"] = Person{Identities: []string{"zhang"}} },
		`rep 202: identities: "201" is 201's`:                               func(b *Book) { b.Reps["202"] = Person{Identities: []string{"201"}} },
		`rep 202: identities: "li" is 209's, who has left; take it away`:    func(b *Book) { b.Reps["202"] = Person{Identities: []string{"li"}} },
		`rep zhang: id: "zhang" is an identity of 201`:                      func(b *Book) { b.Reps["zhang"] = Person{} },
		`rep 150: identities: "zhang" is 201's; a call with it could be`:    func(b *Book) { b.Reps["150"] = Person{Identities: []string{"zhang"}} },
		`rep 202: identities: "x" is there twice`:                           func(b *Book) { b.Reps["202"] = Person{Identities: []string{"x", "x"}} },
		`rep 202: identities: "202" is there twice`:                         func(b *Book) { b.Reps["202"] = Person{Identities: []string{"202"}} },
		`rep 202: identities: "a;b" cannot be`:                              func(b *Book) { b.Reps["202"] = Person{Identities: []string{"a;b"}} },
		`rep 202: identities: "-" cannot be`:                                func(b *Book) { b.Reps["202"] = Person{Identities: []string{"-"}} },
		`rep 202: identities: there are 33; at most 32`:                     func(b *Book) { b.Reps["202"] = Person{Identities: strings.Fields(strings.Repeat("x ", 33))} },
		`rep a b: id: "a b" cannot be a rep's: it holds a blank`:            func(b *Book) { b.Reps["a b"] = Person{} },
		`rep 202: name: it is longer than 128 bytes`:                        func(b *Book) { b.Reps["202"] = Person{Name: strings.Repeat("x", 129)} },
		`rep 202: name: it is longer than 128 bytes, has blanks`:            func(b *Book) { b.Reps["202"] = Person{Name: "a\x1fb"} },
		`rep 202: extension: "x1" is no extension; write its digits`:        func(b *Book) { b.Reps["202"] = Person{Extension: "x1"} },
		`rep 202: extension: "1" does not fit sip.extensions.pattern`:       func(b *Book) { b.Reps["202"] = Person{Extension: "1"} },
		`rep 202: holdings: -1 is out of range; allowed are 0`:              func(b *Book) { b.Reps["202"] = Person{Holdings: -1} },
		`rep 202: daily_claims: 100000001 is out of range`:                  func(b *Book) { b.Reps["202"] = Person{DailyClaims: mostQuota + 1} },
		`team west: scope: "a:b" cannot be a scope's: it holds one of`:      func(b *Book) { b.Teams["west"] = Team{Scope: "a:b"} },
		`team west: queue: "7" does not fit`:                                func(b *Book) { b.Teams["west"] = Team{Queue: "7"} },
		`"" cannot be a team's: it is empty`:                                func(b *Book) { b.Teams[""] = Team{} },
		"there are 100001 reps and 1 teams; at most 100000 and 1000 can be": crowd(MostReps - 1),
	} {
		_, err := s.Change(t.Context(), "tester", func(b *Book) error { edit(b); return nil })
		var mistakes Mistakes
		require.ErrorAs(t, err, &mistakes, says)
		require.ErrorContains(t, err, says)
	}
	own := errors.New("edit's own")
	_, err = s.Change(t.Context(), "tester", func(*Book) error { return own })
	require.ErrorIs(t, err, own)
	after, err := s.Read(t.Context())
	require.NoError(t, err)
	require.Equal(t, before, after, "a change that was refused has left something")
}

func TestSnapshot(t *testing.T) {
	b := NewBook()
	b.Teams["east"] = Team{Scope: "loans", Queue: "700"}
	b.Reps["zhang"] = Person{Name: "Zhang Wei", Team: "east", Extension: "201", Identities: []string{"zhang.wei", "+8613800000000"}, Holdings: 300}
	b.Reps["day"] = Person{Extension: "301"} // they share a desk
	b.Reps["night"] = Person{Extension: "301"}
	b.Reps["li"] = Person{Extension: "202", Left: true} // whose desk wang has now
	b.Reps["wang"] = Person{Extension: "202"}
	b.Reps["203"] = Person{Extension: "204"} // a desk whose number is another's id
	b.Reps["204"] = Person{}
	b.Reps["gone"] = Person{Extension: "205", Left: true}
	s := NewSnapshot(b)
	for wire, want := range map[gate.Rep]gate.Rep{
		"zhang": "zhang", "zhang.wei": "zhang", "+8613800000000": "zhang", "201": "zhang",
		"301": "", "day": "day", "202": "wang", "li": "li", "204": "204", "203": "203", "205": "gone", "": "", "206": "",
	} {
		p, known := s.Person(wire)
		require.Equal(t, want != "", known, wire)
		require.Equal(t, want, p.Rep, wire)
	}
	p, _ := s.Person("201")
	require.Equal(t, gate.Person{Rep: "zhang", Name: "Zhang Wei", Team: "east", Scope: "loans", Extension: "201", Holdings: 300}, p)
	require.Equal(t, "700", s.Queue("east"))
	require.Empty(t, s.Queue("west"))
	require.True(t, s.Loaded())
	require.Equal(t, 6, s.Reps())
	require.False(t, NewSnapshot(NewBook()).Loaded())
	var people gate.People = s
	require.Zero(t, testing.AllocsPerRun(1000, func() { _, _ = people.Person("zhang.wei") }), "it is asked for every call")
}

// TestWatcher: two gates know of a change, and go on with what they knew when Redis says nothing useful.
func TestWatcher(t *testing.T) {
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		s := NewStore(client, nil)
		var logged []error
		a, b := NewWatcher(client, func(err error) { logged = append(logged, err) }), NewWatcher(client, nil)
		both := func() (errs []error) {
			for _, w := range []*Watcher{a, b} {
				errs = append(errs, w.Refresh(t.Context()))
			}
			return errs
		}
		require.NoError(t, errors.Join(both()...))
		require.False(t, a.Loaded())
		enter(t, s, func(b *Book) { b.Reps["201"] = Person{Identities: []string{"zhang"}} })
		require.NoError(t, errors.Join(both()...))
		for _, w := range []*Watcher{a, b} {
			p, known := w.Person("zhang")
			require.True(t, known)
			require.Equal(t, gate.Rep("201"), p.Rep)
		}
		held := a.Snapshot()
		require.NoError(t, a.Refresh(t.Context()))
		require.Same(t, held, a.Snapshot(), "nothing has changed, nothing is read")

		require.NoError(t, client.HSet(t.Context(), keyReps, "202", "{").Err())
		require.NoError(t, client.Incr(t.Context(), keyVersion).Err())
		for range 3 {
			require.ErrorIs(t, a.Refresh(t.Context()), ErrDamaged)
		}
		require.Len(t, logged, 1, "once while it lasts")
		require.Contains(t, logged[0].Error(), `field "202" of rf:{people}:reps cannot be read`)
		_, known := a.Person("zhang")
		require.True(t, known, "who was known is known")
		require.NoError(t, client.HDel(t.Context(), keyReps, "202").Err())
		require.ErrorIs(t, a.Refresh(t.Context()), ErrDamaged, "it is not read all the time")
		a.now = func() time.Time { return time.Now().Add(retryDamaged) }
		require.NoError(t, a.Refresh(t.Context()))

		require.NoError(t, client.Del(t.Context(), keyReps, keyTeams, keyVersion).Err())
		require.ErrorContains(t, a.Refresh(t.Context()), "they have gone from it")
		_, known = a.Person("zhang")
		require.True(t, known, "a Redis that has lost its people takes nobody's away")
		require.True(t, a.Loaded())
	})
}

// TestWatcherFollows: within two ticks a change is known, without being asked.
func TestWatcherFollows(t *testing.T) {
	client := client(t, &redis.UniversalOptions{Addrs: []string{redistest.Start(t).Addr()}})
	w := NewWatcher(client, nil)
	ctx, stop := context.WithCancel(t.Context())
	ticks, done := make(chan time.Time), make(chan error, 1)
	go func() { done <- w.run(ctx, ticks) }()
	tick := func() { // the second is taken when the work of the first is done
		ticks <- time.Now()
		ticks <- time.Now()
	}
	tick()
	enter(t, NewStore(client, nil), func(b *Book) { b.Reps["201"] = Person{} })
	tick()
	_, known := w.Person("201")
	require.True(t, known)
	require.LessOrEqual(t, pollEvery, time.Second, "a gate is to know within two")
	stop()
	require.NoError(t, <-done)
}

// TestBefore: ids of a stream, which is read backwards.
func TestBefore(t *testing.T) {
	for id, want := range map[string]string{"5-3": "5-2", "5-0": "4", "0-0": "0"} {
		require.Equal(t, want, before(id), id)
	}
}
