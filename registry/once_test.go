package registry

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

// What has a mark is done once, and what was refused may be tried again.
func TestOnce(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		caused := s.For(Cause{By: "300", Mark: "request r1"})
		require.Equal(t, "300", caused.Operator())
		_, err := caused.LiftRefusal(ctx, number)
		require.ErrorIs(t, err, ErrNotRefused)

		for range 2 { // the customer says no, and the lift is told twice: the second no stands
			_, err = s.Refuse(ctx, number, "201", time.Hour, "")
			require.NoError(t, err)
			_, err = caused.LiftRefusal(ctx, number)
			require.NoError(t, err)
		}
		h, err := s.Owner(ctx, number)
		require.NoError(t, err)
		require.NotNil(t, h.Refusal)
		records, err := s.History(ctx, number, 20)
		require.NoError(t, err)
		require.Len(t, records, 3)
		require.Equal(t, gate.Rep("300"), records[1].Rep)

		_, err = s.For(Cause{Mark: "request r2"}).LiftRefusal(ctx, number)
		require.NoError(t, err)
		h, err = s.Owner(ctx, number)
		require.NoError(t, err)
		require.Nil(t, h.Refusal, "another mark is another change")
	})
}

// A record of what happened elsewhere is written once for its mark.
func TestRecordOnce(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		r := Record{
			Kind: RecordRequest, Reason: "approve", Rep: "300", Owner: "201", Number: number, Note: "go on", Scope: "loans",
			Detail: map[string]string{"request": "r1", "kind": "pass;share"},
		}
		for range 3 {
			require.NoError(t, s.RecordOnce(ctx, "request 1-0", r))
		}
		require.NoError(t, s.RecordOnce(ctx, "request 2-0", r))
		require.Error(t, s.RecordOnce(ctx, "request 3-0", Record{Kind: "rumour", Number: number}))
		records, err := s.History(ctx, number, 20)
		require.NoError(t, err)
		require.Len(t, records, 2)
		records[0].ID, records[0].Time, records[0].Dialled = "", time.Time{}, ""
		require.Equal(t, r, records[0])

		var told []Record
		cursors := make([]string, Buckets)
		for b := range cursors {
			cursors[b] = "0-0"
		}
		for range 3 {
			require.NoError(t, s.Tail(ctx, cursors, 1, func(b int, last string, some []Record) error {
				cursors[b], told = last, append(told, some...)
				return nil
			}))
		}
		require.Len(t, told, 2, "each is read once, one at a time")
		require.Equal(t, "approve", told[1].Reason)
	})
}
