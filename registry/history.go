package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/ringfence/ringfence/gate"
)

// longestHistory bounds one reply, and with it the time that others wait for the server.
const longestHistory = 1000

// History returns the last records of a number, newest first, at most limit of them and never more than 1,000. A record that this release cannot
// read is left out and told in the error; the others are returned all the same.
func (s *Store) History(ctx context.Context, n gate.Number, limit int) ([]Record, error) {
	if n == "" || limit <= 0 {
		return nil, errors.New("registry: history needs a number and a limit above zero")
	}
	k := keysOf(n.Digits())
	list, err := historyScript.slice(ctx, s.client, []string{k.stream(), k.number()}, min(limit, longestHistory))
	if err != nil {
		return nil, err
	}
	texts, err := textsOf(list)
	if err != nil || len(texts)%2 != 0 {
		return nil, fmt.Errorf("registry: history: the reply cannot be read")
	}
	var unread []error
	records := make([]Record, 0, len(texts)/2)
	for i := 0; i < len(texts); i += 2 {
		r, err := DecodeRecord(texts[i], texts[i+1])
		if err != nil {
			unread = append(unread, err)
			continue
		}
		records = append(records, r)
	}
	return records, errors.Join(unread...)
}
