package registry

import (
	"context"
	"slices"

	"github.com/ringfence/ringfence/gate"
)

// Renew prolongs reservations, a pipeline for every batch of them.
func (s *Store) Renew(ctx context.Context, held []gate.Reservation, t gate.Terms) (lost []gate.Reservation, err error) {
	for batch := range slices.Chunk(held, batchSize) {
		calls := make([]call, len(batch))
		for i, r := range batch {
			digits := r.Number.Digits()
			calls[i] = call{renewScript, []string{keysOf(digits).number()}, []any{
				identity(string(r.Rep)), attemptID(digits, r.CallID, r.FromTag), milliseconds(t.Lease),
			}}
		}
		answers, err := s.pipeline(ctx, calls)
		if err != nil {
			return lost, err
		}
		for i, still := range answers {
			if still == 0 {
				lost = append(lost, batch[i])
			}
		}
	}
	return lost, nil
}
