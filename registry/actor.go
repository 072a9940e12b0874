package registry

import (
	"context"

	"github.com/ringfence/ringfence/gate"
)

// actorKey is the key in a context of the rep in whose name something is changed.
type actorKey struct{}

// actingAs names who changes something, for the records: a rep who does it by phone.
func actingAs(ctx context.Context, rep gate.Rep) context.Context {
	return context.WithValue(ctx, actorKey{}, string(rep))
}

// actor is who changes something; unless somebody is named, the operator of this process.
func (s *Store) actor(ctx context.Context) string {
	if rep, ok := ctx.Value(actorKey{}).(string); ok {
		return rep
	}
	return s.operator
}
