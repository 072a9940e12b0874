package registry

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/ringfence/ringfence/gate"
)

// Holds says whether a rep owns anything, in any scope. It looks through every owned number until it finds one, so it is
// for a command that somebody types, not for a call.
func (s *Store) Holds(ctx context.Context, rep gate.Rep) (holds bool, err error) {
	now, err := s.client.Time(ctx).Result()
	if err != nil {
		return false, fmt.Errorf("registry: %w", err)
	}
	id := identity(string(rep))
	s.walk(ctx, numberKeys.owned, strconv.FormatInt(now.UnixMilli(), 10), func(st state, _ gate.Number, _ string, failed error) bool {
		err = failed
		for field, value := range st.fields {
			if value == id && (field == "o" || strings.HasPrefix(field, "o:")) {
				holds = true
			}
		}
		return err == nil && !holds
	})
	return holds, err
}
