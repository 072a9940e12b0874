package registry

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

// The race detector makes hashing twenty times as slow.
func init() { pinRounds = 1000 }

// withPIN dials the pass code.
func withPIN(t *testing.T, s *Store, rep gate.Rep, pin string) gate.Outcome {
	t.Helper()
	return serve(t, NewDesk(s, nil), gate.CodePass, rep, func(e *gate.Errand) { e.PIN = pin })
}

func sealedPasses(t *testing.T, s *Store, n gate.Number) []Pass {
	t.Helper()
	var all []Pass
	for p, err := range s.Passes(t.Context(), n) {
		require.NoError(t, err)
		all = append(all, p)
	}
	return all
}

// over is a question whose passes pass an owner.
func over(n gate.Number, rep gate.Rep, callID string) gate.Question {
	q := question(n, rep, callID)
	q.Over = ",owned,refused,"
	return q
}

func TestSealedPass(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		_, err := s.Claim(ctx, number, ClaimOrder{Rep: "201", Terms: question(number, "201", "x").Terms})
		require.NoError(t, err)
		pass := Pass{Rep: "202", Number: number, For: time.Hour, Reason: "asked for Li Na; 4711"}
		for _, pin := range []string{"", "123", "123456789", "12a4", "１２３４"} {
			_, err = s.GrantSealed(ctx, pass, pin)
			require.ErrorContains(t, err, "4 to 8 digits")
			require.NotContains(t, err.Error(), "12a4")
		}
		require.Equal(t, gate.NoPass, withPIN(t, s, "202", "").Result)
		require.Equal(t, gate.NoPass, withPIN(t, s, "202", "4711").Result)

		granted, err := s.GrantSealed(ctx, pass, "4711")
		require.NoError(t, err)
		require.True(t, granted.Sealed)
		require.WithinDuration(t, time.Now().Add(time.Hour), granted.Until, 10*time.Second)
		require.Equal(t, []Pass{granted}, sealedPasses(t, s, number))
		require.Equal(t, []Pass{granted}, sealedPasses(t, s, ""))
		raw, err := s.client.HGetAll(ctx, keysOf(number.Digits()).number()).Result()
		require.NoError(t, err)
		kept := strings.Split(raw["ts:202"], sep)
		require.Len(t, kept, 7)
		require.Len(t, kept[5], 43, "not the PIN, but a digest of 32 bytes")

		require.Equal(t, gate.Owned, decide(t, s, over(number, "202", "before")).Reason, "sealed, it passes nothing")
		require.Equal(t, gate.PINMissing, withPIN(t, s, "202", "").Result)
		require.Equal(t, gate.NoPass, withPIN(t, s, "203", "4711").Result, "another rep's")
		require.Equal(t, gate.Outcome{Result: gate.WrongPIN, Left: 4}, withPIN(t, s, "202", "4712"))
		require.Equal(t, gate.Owned, decide(t, s, over(number, "202", "wrong")).Reason)

		o := withPIN(t, s, "202", "4711")
		require.Equal(t, gate.PassReady, o.Result)
		require.WithinDuration(t, time.Now().Add(time.Minute), o.Until, 10*time.Second)
		require.Equal(t, gate.PassReady, withPIN(t, s, "202", "").Result, "it is there, without a PIN now")
		require.Equal(t, gate.Pass, decide(t, s, over(number, "202", "go")).Reason)
		require.Equal(t, gate.NoPass, withPIN(t, s, "202", "4711").Result, "it was used")
		require.Empty(t, sealedPasses(t, s, number))

		_, err = s.GrantSealed(ctx, pass, "4711")
		require.NoError(t, err)
		for left := 4; left > 0; left-- {
			require.Equal(t, gate.Outcome{Result: gate.WrongPIN, Left: left}, withPIN(t, s, "202", "0000"))
		}
		require.Equal(t, gate.PassBurnt, withPIN(t, s, "202", "0000").Result)
		require.Equal(t, gate.NoPass, withPIN(t, s, "202", "4711").Result)

		_, err = s.GrantSealed(ctx, pass, "4711")
		require.NoError(t, err)
		revoked, err := s.RevokeSealed(ctx, number, "202")
		require.NoError(t, err)
		require.Equal(t, pass.Reason, revoked.Reason)
		_, err = s.RevokeSealed(ctx, number, "202")
		require.ErrorIs(t, err, ErrNoPass)
		require.Equal(t, gate.NoPass, withPIN(t, s, "202", "4711").Result)

		records, err := s.History(ctx, number, 100)
		require.NoError(t, err)
		did := map[string]int{}
		for _, r := range records {
			require.NotContains(t, strings.ReplaceAll(fmt.Sprint(r.Reason, r.Dialled, r.Note, r.Detail), "Li Na; 4711", ""), "4711")
			if r.Kind == RecordPass {
				did[r.Reason]++
				require.Equal(t, "202", r.Detail["rep"])
				require.NotEmpty(t, r.Detail["pass"])
			}
		}
		require.Equal(t, map[string]int{"grant": 3, "open": 1, "burn": 1, "revoke": 1}, did)
	})
}

// However many guesses come at once, five count; and the right one among them opens the pass once.
func TestPINGuessedAtOnce(t *testing.T) {
	t.Parallel()
	s := open(t, "embedded://")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	try := func(pins ...string) map[gate.Result]int {
		_, err := s.GrantSealed(ctx, Pass{Rep: "202", Number: number, For: time.Hour, Reason: "x"}, "4711")
		require.NoError(t, err)
		outcomes := make([]gate.Outcome, len(pins))
		var wait sync.WaitGroup
		for i, pin := range pins {
			e := errand(gate.CodePass, "202", fmt.Sprint("guess", time.Now().UnixNano(), i))
			e.PIN = pin
			wait.Go(func() { outcomes[i], _ = NewDesk(s, nil).Serve(ctx, e) })
		}
		wait.Wait()
		came := map[gate.Result]int{}
		for _, o := range outcomes {
			came[o.Result]++
		}
		return came
	}
	wrong := make([]string, 12)
	for i := range wrong {
		wrong[i] = fmt.Sprintf("00%02d", i)
	}
	require.Equal(t, map[gate.Result]int{gate.WrongPIN: 4, gate.PassBurnt: 1, gate.NoPass: 7}, try(wrong...))
	right := try("4711", "4711", "4711")
	require.Equal(t, 3, right[gate.PassReady], "ready is what it is for each of them, and it is one pass")
	require.Len(t, sealedPasses(t, s, number), 1)
}

func TestNewPIN(t *testing.T) {
	seen := map[string]bool{}
	digits := map[rune]bool{}
	for range 300 {
		pin := NewPIN()
		require.Regexp(t, `^[0-9]{6}$`, pin)
		seen[pin] = true
		for _, d := range pin {
			digits[d] = true
		}
	}
	require.Greater(t, len(seen), 290)
	require.Len(t, digits, 10)
}
