package registry

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// How long a question may take whose ctx has no deadline of its own.
const (
	decideWithin         = 40 * time.Millisecond
	decideWithinEmbedded = time.Second // Lua in Go: half a millisecond a decision, so fifty at once need longer
)

// Decide runs decide.lua: one command, one round trip, no retry.
func (s *Store) Decide(ctx context.Context, q gate.Question) (gate.Answer, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.within)
		defer cancel()
	}
	if !s.isPrepared() {
		return gate.Answer{}, gate.ErrListsUnknown
	}
	digits := q.Number.Digits()
	id := attemptID(digits, q.CallID, q.FromTag)
	k := keysOf(digits)
	reply, err := decideScript.text(ctx, s.ask,
		[]string{k.number(), k.attempt(id), k.stream()},
		identity(string(q.Rep)), id, callFields(digits, q.Peer, q.Gate, q.Policy, q.RecordedCallID()), seat(q.Extension, q.Scope, q.Team),
		q.Lease.Milliseconds(), s.rememberOr(q.Terms).Milliseconds(), s.keepOr(q.Keep).Milliseconds(),
		flag(q.Redirect), flag(q.Rehearsal), identity(string(q.Scope)), teamOf(q.Terms, q.Team), flag(q.Provisional > 0), territoryDetail(q.Territory),
		q.Shadow, localOf(&q), q.Over)
	if err != nil {
		return gate.Answer{}, late(err)
	}
	return parseAnswer(reply)
}

// seat is where somebody is rung and what they sell, for the scripts: most have only an extension.
func seat(extension string, scope gate.Scope, team gate.Team) string {
	if scope == "" && team == "" {
		return identity(extension)
	}
	return pack(identity(extension), identity(string(scope)), identity(string(team)))
}

// territoryDetail is what a record says of a call that leads into another team's territory.
func territoryDetail(team gate.Team) string {
	if team == "" { // mostly, and Detail allocates
		return ""
	}
	return Detail("territory", string(team))
}

// teamOf is the rep's team, where teams own.
func teamOf(t gate.Terms, team gate.Team) string {
	if !t.Team {
		return ""
	}
	return identity(string(team))
}

// localOf is what a local rule says, for the script.
func localOf(q *gate.Question) string {
	if q.Local == gate.Undecided {
		return ""
	}
	return pack(q.Local.String(), identity(q.Instead), identity(q.Listing.List), identity(q.Listing.Version))
}

// late makes a socket's time-out what it means: ctx has ended, and the server may yet do what it was asked.
func late(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, ErrSuspended) {
		return fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	}
	return err
}

// parseAnswer reads what decide.lua returns. An answer that cannot be read is an error, never a verdict.
func parseAnswer(reply string) (gate.Answer, error) {
	var f [8]string
	rest := reply
	for i := range f {
		var more bool
		if f[i], rest, more = strings.Cut(rest, sep); more != (i < len(f)-1) {
			return gate.Answer{}, fmt.Errorf("registry: decide: answer %q has not %d fields", note(reply), len(f))
		}
	}
	word, watched := strings.CutPrefix(f[1], "would_")
	verdict, err := parseVerdict(word)
	if err != nil {
		return gate.Answer{}, err
	}
	reason, err := gate.ParseReason(f[2])
	if err != nil {
		return gate.Answer{}, fmt.Errorf("registry: decide: %w", err)
	}
	fence, errFence := strconv.ParseInt(f[3], 10, 64)
	retry, errRetry := strconv.ParseInt(f[4], 10, 64)
	if errFence != nil || errRetry != nil {
		return gate.Answer{}, fmt.Errorf("registry: decide: fence %q or retry %q is no number", note(f[3]), note(f[4]))
	}
	would := gate.Block
	if watched {
		verdict, would = gate.Allow, verdict
	}
	return gate.Answer{
		Verdict: verdict, Reason: reason, Shadow: watched, Would: would, Repeated: f[0] == "r", Fence: fence,
		RetryAfter: waitOf(retry),
		Owner:      gate.Rep(unescape(f[5])), Extension: unescape(f[6]), List: unescape(f[7]),
	}, nil
}

// waitOf is a wait in ms; what is longer than a Duration can be, as the end of a protection that does not end is, is none.
func waitOf(ms int64) time.Duration {
	if ms > math.MaxInt64/int64(time.Millisecond) {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}

func parseVerdict(name string) (gate.Verdict, error) {
	switch name {
	case "allow":
		return gate.Allow, nil
	case "block":
		return gate.Block, nil
	case "redirect":
		return gate.Redirect, nil
	}
	return gate.Block, fmt.Errorf("registry: decide: unknown verdict %q", note(name))
}

// keepOr is how long a record lives: the terms' say, else the Store's.
func (s *Store) keepOr(keep time.Duration) time.Duration {
	if keep > 0 {
		return keep
	}
	return s.keep
}

// rememberOr is how long an attempt is remembered. Redis refuses an expiry of zero.
func (s *Store) rememberOr(t gate.Terms) time.Duration {
	if t.Remember > 0 {
		return t.Remember
	}
	return defaultRemember
}

// defaultRemember is 64×T1, RFC 3261's longest life of a transaction.
const defaultRemember = 32 * time.Second

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}
