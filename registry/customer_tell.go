package registry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ringfence/ringfence/gate"
)

// A change of a number's owner, by a call or by command, becomes its customer's. The script that makes it leaves a mark in
// the number and in the bucket's set of changed numbers; whoever finds the mark tells the customer, and the copy that
// comes back takes the mark away. So nothing is lost when a process dies anywhere in between.

// tell tells a number's customer of its ownership in one scope, and copies what comes of it to all of its numbers.
func (s *Store) tell(ctx context.Context, n gate.Number, scope gate.Scope) error {
	k := keysOf(n.Digits())
	st, err := s.state(ctx, n, holdingScript, []string{k.number()})
	if err != nil {
		return err
	}
	id, change := st.fields["cu"], st.fields[fieldIn("cd", scope)]
	if id == "" || change == "" || strings.HasPrefix(change, "-") {
		return nil // told meanwhile
	}
	field := func(letter string) string { return st.fields[fieldIn(letter, scope)] }
	outcome, packed, err := s.proposeOwner(ctx, id, scope, field("cf"), k.digits, change, st.fields)
	if err != nil {
		return err
	}
	switch o, ok := readOwnership(packed); {
	case outcome == "gone":
		return nil // the journal says that the number is nobody's
	case !ok:
		return fmt.Errorf("registry: customer %s: its owner cannot be read", id)
	case outcome == "kept":
		_, err = s.pipeline(ctx, []call{s.copyTo(id, "0", n, identity(string(scope)), o, change)})
		return err
	default:
		return s.work(ctx, []string{id})
	}
}

// proposeOwner asks whether a number's ownership is the customer's from now on.
func (s *Store) proposeOwner(
	ctx context.Context, id string, scope gate.Scope, fence, digits, change string, fields map[string]string,
) (outcome, packed string, err error) {
	field := func(letter string) string { return fields[fieldIn(letter, scope)] }
	reply, err := customerOwnerScript.slice(ctx, s.client,
		[]string{customerKey(id), customerOwnersKey(id), customerJournalKey, customerOrderKey},
		id, identity(string(scope)), numberOr0(fence), digits, change, field("o"), numberOr0(field("s")), numberOr0(field("u")),
		packedFacts(fields, scope))
	if err != nil {
		return "", "", err
	}
	outcome, rest := outcomeOf(reply)
	if len(rest) != 1 {
		return "", "", errors.New("registry: customerowner: the reply cannot be read")
	}
	return outcome, rest[0], nil
}

// numberOr0 is a number for a script: "0" for none.
func numberOr0(text string) string {
	if text == "" {
		return "0"
	}
	return text
}

// toldNow tells a number's customer at once of what a command has just changed. When that fails, a gate does it.
func (s *Store) toldNow(ctx context.Context, n gate.Number, st state, scope gate.Scope) {
	if st.fields["cu"] == "" {
		return
	}
	if err := s.tell(ctx, n, scope); err != nil {
		s.log(fmt.Errorf("%w; a gate will copy it to the customer's other numbers", err))
	}
}

const (
	// copyEvery is how often a gate looks for what has yet to be told and copied: within a second it is.
	copyEvery = 500 * time.Millisecond
	// copyLease is how long one gate does it before another may: one is enough.
	copyLease = 3 * time.Second
)

// CopyCustomers keeps the numbers of customers in step until ctx ends. Any number of gates may run it; one at a time works.
func (s *Store) CopyCustomers(ctx context.Context) error {
	tick := time.NewTicker(copyEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if !s.isPrepared() {
			continue
		}
		if err := s.copyOnce(ctx); err != nil && ctx.Err() == nil {
			s.log(fmt.Errorf("%w; who owns a customer is copied to its numbers later", err))
		}
	}
}

// copyOnce does what there is to do, unless there are no customers or another gate does it.
func (s *Store) copyOnce(ctx context.Context) error {
	any, err := s.client.Exists(ctx, customerIDKey).Result()
	if err != nil || any == 0 {
		return err
	}
	if mine, err := s.leadCopying(ctx); err != nil || !mine {
		return err
	}
	if err := s.tellAll(ctx); err != nil {
		return err
	}
	return s.drain(ctx)
}

// leadCopying says whether this process is the one that copies now. Two at a time would do no harm.
func (s *Store) leadCopying(ctx context.Context) (bool, error) {
	name := processName()
	won, err := s.client.SetNX(ctx, customerLeaseKey, name, copyLease).Result()
	if err != nil || won {
		return won, err
	}
	holder, err := s.client.Get(ctx, customerLeaseKey).Result()
	if err != nil && !errors.Is(err, redis.Nil) || holder != name {
		return false, err
	}
	return true, s.client.PExpire(ctx, customerLeaseKey, copyLease).Err()
}

// processName tells this process from all others that may copy.
func processName() string {
	host, _ := os.Hostname()
	return host + "/" + strconv.Itoa(os.Getpid())
}

// toldAtOnce bounds what one bucket tells in one round.
const toldAtOnce = 256

// tellAll tells customers of every change that is marked.
func (s *Store) tellAll(ctx context.Context) error {
	for some := range slices.Chunk(tags[:], bucketsAtOnce) {
		pipe := s.client.Pipeline()
		cmds := make([]*redis.StringSliceCmd, len(some))
		for i, tag := range some {
			cmds[i] = pipe.SRandMemberN(ctx, numberKeys{tag: tag}.changed(), toldAtOnce)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return fmt.Errorf("registry: customers: %w", err)
		}
		for _, cmd := range cmds {
			for _, member := range cmd.Val() {
				digits, scope, _ := strings.Cut(member, ":")
				if err := s.tell(ctx, gate.Number("+"+digits), gate.Scope(unescape(scope))); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
