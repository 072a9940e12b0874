package gate

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestQueueAgainstAModel runs random pushes, takes and acknowledgements against two plain slices.
func TestQueueAgainstAModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for round := range 30 {
		var q queue
		q.init(20 + round*40)
		var waiting, taken []Event // in order
		dropped := uint64(0)
		for step := range 3000 {
			switch rng.IntN(10) {
			case 0: // a batch fails or is taken for the first time
				room := min(batch-len(taken), len(waiting))
				taken, waiting = append(taken, waiting[:room]...), waiting[room:]
				require.Equal(t, len(taken), len(q.take()))
				for i, e := range q.take() {
					require.Equal(t, taken[i].Status, e.Status)
				}
			case 1:
				q.done()
				taken = nil
			default:
				kind := Decided
				if rng.IntN(3) == 0 {
					kind = Ended
				}
				if len(waiting) >= q.most {
					waiting = without(waiting)
					dropped++
				}
				waiting = append(waiting, Event{Kind: kind, Status: step})
				q.push(Event{Kind: kind, Status: step})
			}
			require.Equal(t, len(waiting)+len(taken), q.len())
			require.Equal(t, dropped, q.droppedCount())
		}
	}
}

// without drops the oldest Decided, or the oldest of all when there is none.
func without(waiting []Event) []Event {
	for i, e := range waiting {
		if e.Kind == Decided {
			return append(append([]Event(nil), waiting[:i]...), waiting[i+1:]...)
		}
	}
	return waiting[1:]
}

func TestQueueTellsOfAFullBatch(t *testing.T) {
	var q queue
	q.init(10 * batch)
	for range batch - 1 {
		q.push(Event{Kind: Ended})
	}
	require.Empty(t, q.full)
	q.push(Event{Kind: Ended})
	require.Len(t, q.full, 1)
	q.push(Event{Kind: Ended}) // one token is enough
	require.Len(t, q.full, 1)
}
